"""One channel: methods to commands, outputs to methods.

Publishes and settlements of one read are gathered and asked together, in their order. After an error all but close and
close-ok is passed over.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from oncemq.core import routed_commands as commands
from oncemq.core import routed_outputs as outputs
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal as CoreRefusal
from oncemq.core.spans import spans_of
from oncemq.protocols.amqp import consuming, declaring, errors, refusals, transactions
from oncemq.protocols.amqp.asked import Answer, Asked
from oncemq.protocols.amqp.delivering import deliver
from oncemq.protocols.amqp.errors import FrameFault, Refusal
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.permitting import CHECKS
from oncemq.protocols.amqp.publishing import Confirming, Publisher
from oncemq.protocols.amqp.refused import refused
from oncemq.protocols.amqp.replies import deliver_replies
from oncemq.protocols.amqp.specification import basic_client as basic
from oncemq.protocols.amqp.specification import channel as channels
from oncemq.protocols.amqp.specification.access import AccessRequest, AccessRequestOk
from oncemq.protocols.amqp.unsettled import Unsettled
from oncemq.protocols.amqp.writing import DeliveryPrefix, method_frame

if TYPE_CHECKING:
    from oncemq.protocols.amqp.connection import AmqpConnection


class AmqpChannel:
    """One channel of a connection; the address of its consumers' deliveries."""

    def __init__(self, connection: "AmqpConnection", number: int) -> None:
        self.connection, self.number = connection, number
        self.publisher = Publisher(self)
        self.unsettled = Unsettled()
        self.prefixes: dict[str, DeliveryPrefix] = {}
        self.consumers: dict[str, int] = {}
        """Tag → number, 0 until it is known."""
        self.no_ack: dict[str, bool] = {}
        self.reply_name = self.reply_tag = ""
        """What it waits for direct replies under, and its consumer's tag; empty: it does not."""
        self.leases = False
        """Whether a consumer of it holds messages for a time only."""
        self.live_prefetch = False
        """Whether a consumer of it follows every basic.qos."""
        self.closing = False
        self.gone = False
        self.declared = ""
        """The queue declared last: what an empty queue name means."""
        self.limit = 0
        """Prefetch of consumers to come."""
        self.confirms = False
        self.published = 0
        self.transaction: list[commands.Publish | commands.Settle] | None = None
        self.generated = 0
        self.deaf = False
        """It is refused: nothing more is heard, and the refusal leaves in its turn."""
        self._owed: deque[Callable[[], None] | None] = deque()
        """What leaves in its turn: an answer of the core (None), and what is said behind one."""
        self._settling: tuple[int, list[commands.LeaseRun]] | None = None

    @property
    def order(self) -> object:
        """As Answer's."""
        return self.connection

    def deliver(self, output: Output | CoreRefusal) -> bool:
        """Deliveries and cancellations; False: the channel is gone, or is to go and has given back what it held."""
        connection = self.connection
        if isinstance(output, outputs.Deliveries):
            connection.written_bytes += sum(output.lengths)
        if self.gone or self.closing or connection.gone or connection.leaves:
            connection.flush()  # others of the connection may have its room
            return False
        return connection.show(output, self._show)

    def _show(self, output: Output | CoreRefusal) -> None:
        if isinstance(output, outputs.Deliveries):
            deliver(self, output, self.no_ack.get(output.tag, False))
        elif isinstance(output, outputs.Replies):
            deliver_replies(self, output)
        elif isinstance(output, outputs.ConsumerCancelled):
            self.forget(output.tag)
            if self.connection.can("consumer_cancel_notify"):
                self.send(basic.BasicCancel(output.tag, True))

    def send(self, method: Method) -> None:
        """A method frame."""
        self.connection.outgoing.append(method_frame(self.number, method))

    def reply(self, method: Method) -> None:
        """A method frame, behind the answers that the core still owes: methods are answered in their order."""
        self._in_turn(partial(self.send, method))

    def _in_turn(self, say: Callable[[], None]) -> None:
        if self._owed:
            self._owed.append(say)
        else:
            say()

    def _say_what_follows(self) -> None:
        """An answer of the core has come."""
        owed = self._owed
        owed.popleft()
        while owed and (say := owed[0]) is not None:
            owed.popleft()
            if not (self.closing or self.gone or self.connection.refused):
                say()

    # What comes in ----------------------------------------------------------------------------------------------

    def publish(self, method: bytes, header: bytes, bodies: list[bytes], asked: list[Asked]) -> None:
        """basic.publish with its content; several that differ in nothing but their bodies."""
        if self.deaf:
            return
        if self._settling is not None:
            self.gather(asked)
        self.publisher.add(method, header, bodies)

    def acknowledged(self, tag: int, multiple: bool, asked: list[Asked]) -> None:
        """basic.ack."""
        if not self.deaf:
            self.settle(tag, multiple, commands.ACK, asked)

    def settle(self, tag: int, multiple: bool, outcome: int, asked: list[Asked]) -> None:
        """ack, reject or nack."""
        self._settled(self.unsettled.take(tag, multiple), outcome, asked)

    def acknowledged_run(self, tags: Sequence[int], asked: list[Asked]) -> None:
        """Many basic.ack, none of them multiple."""
        if self.deaf:
            return
        for first, count in spans_of(tags):
            held = self.unsettled.take_run(first, count)
            if held is not None:
                self._settled(held, commands.ACK, asked)
                continue
            for tag in range(first, first + count):  # one of them is not held: those before it are settled
                self.settle(tag, False, commands.ACK, asked)

    def _settled(self, held: list[commands.LeaseRun], outcome: int, asked: list[Asked]) -> None:
        if self.publisher.runs or (self._settling is not None and self._settling[0] != outcome):
            self.gather(asked)
        if self._settling is None:
            self._settling = (outcome, held)
        else:
            self._settling[1].extend(held)

    def gather(self, asked: list[Asked]) -> None:
        """Ask what has gathered: publishes, or settlements."""
        runs = self.publisher.take()
        if runs:
            first_tag = 0
            if self.confirms:
                first_tag = self.published + 1
                self.published += sum(len(run.contents) for run in runs)
            command = commands.Publish(self.connection.host, runs)
            if self.transaction is not None:
                self.transaction.append(command)
                check = commands.CheckRuns(self.connection.host, runs)
                self.ask(check, asked, lambda _: None, basic.BasicPublish.NUMBER)
            else:
                self._owed.append(None)
                asked.append(
                    (command, Answer(self.connection, partial(self._published, Confirming(self, runs, first_tag))))
                )
        if self._settling is not None:
            outcome, held = self._settling
            self._settling = None
            settle = commands.Settle(self.connection.host, held, outcome)
            if self.transaction is not None:
                self.transaction.append(settle)
            elif held:
                asked.append((settle, None))

    def _published(self, confirming: Confirming, output: Output | CoreRefusal) -> None:
        if not (self.closing or self.connection.refused):
            confirming(output)
        self._say_what_follows()

    def take(self, method: Method, asked: list[Asked]) -> None:
        """A method."""
        if isinstance(method, channels.ChannelClose):
            self.leave(asked, Answer(self.connection, self._left), failed=False)
        elif isinstance(method, channels.ChannelCloseOk):
            if not self.closing:
                raise FrameFault(errors.unimplemented_method(), method.NUMBER)
            self.connection.channels.pop(self.number, None)
        elif not self.deaf:
            self.gather(asked)
            handler = HANDLERS.get(type(method))
            if handler is None:
                raise FrameFault(errors.unimplemented_method(), method.NUMBER)
            check = CHECKS.get(type(method))
            try:
                if check is not None:
                    check(self, method)
                handler(self, method, asked)
            except FrameFault as fault:
                raise FrameFault(fault.refusal, fault.method_id or method.NUMBER) from fault

    def ask(self, command: Any, asked: list[Asked], answer: Callable[[Any], Method | None], number: int) -> None:
        """Ask; answer with a method, or with the refusal that closes the channel."""
        self._owed.append(None)
        asked.append((command, Answer(self.connection, partial(self._answered, answer, number))))

    def _answered(self, answer: Callable[[Any], Method | None], number: int, output: Output | CoreRefusal) -> bool:
        told = not (self.closing or self.gone or self.connection.refused)
        if told:
            if isinstance(output, CoreRefusal):
                self.core_refused(output, number)
            else:
                method = answer(output)
                if method is not None:
                    self.send(method)
        self._say_what_follows()
        return told

    # The end ----------------------------------------------------------------------------------------------------

    def core_refused(self, refusal: CoreRefusal, method_number: int) -> None:
        """The core refused: the channel is to be closed, or the connection."""
        shown = refused(refusal, self.connection.host)
        if shown.error.scope == "connection":
            self.connection.close(shown, method_number)
        else:
            self._ask_to_close(shown, method_number)

    def refuse(self, refusal: Refusal, method_number: int, asked: list[Asked]) -> None:
        """What the client said cannot be: the channel is to be closed."""
        self.gather(asked)
        self.deaf = True
        self._in_turn(partial(self._ask_to_close, refusal, method_number))
        self.return_held(asked, None, failed=False)

    def _ask_to_close(self, refusal: Refusal, method_number: int) -> None:
        if self.closing:
            return
        self.closing = self.deaf = True
        failed = (method_number >> 16, method_number & 0xFFFF)
        self.send(channels.ChannelClose(refusal.reply_code, refusal.reply_text, *failed))
        self.connection.ask_later(self)

    def leave(self, asked: list[Asked], answer: Answer | None, *, failed: bool) -> None:
        """The channel ends: its consumers end, what it holds goes back."""
        if not self.gone:
            self.gather(asked)
            self.gone = True
            self.return_held(asked, answer, failed=failed)

    def return_held(self, asked: list[Asked], answer: Answer | None, *, failed: bool) -> None:
        """Its consumers end, and what it holds goes back."""
        held = self.unsettled.take_all()
        self.consumers.clear()
        asked.append((commands.CloseChannel(self.connection.host, self, held, failed), answer))

    def _left(self, output: Output | CoreRefusal) -> None:
        self.connection.channels.pop(self.number, None)
        if not self.connection.refused:
            self.send(channels.ChannelCloseOk())

    # What its methods need --------------------------------------------------------------------------------------

    def named(self, queue_name: str) -> str:
        """An empty queue name is the queue declared last."""
        if queue_name:
            return queue_name
        if not self.declared:
            raise FrameFault(refusals.no_declared_queue())
        return self.declared

    def forget(self, tag: str) -> None:
        """This consumer is no more."""
        self.consumers.pop(tag, None)
        self.prefixes.pop(tag, None)


def flow(channel: AmqpChannel, method: channels.ChannelFlow, asked: list[Asked]) -> None:
    """channel.flow: as in RabbitMQ nobody is to be silenced."""
    if not method.active:
        raise FrameFault(errors.not_implemented("active=false"))
    channel.reply(channels.ChannelFlowOk(True))


def access(channel: AmqpChannel, method: AccessRequest, asked: list[Asked]) -> None:
    """access.request: from before 0-9-1; the ticket means nothing."""
    channel.reply(AccessRequestOk(1))


OWN: dict[type[Any], Callable[[AmqpChannel, Any, list[Asked]], None]] = {
    channels.ChannelFlow: flow,
    AccessRequest: access,
}
HANDLERS = OWN | declaring.HANDLERS | consuming.HANDLERS | transactions.HANDLERS
