"""One channel: methods to commands, outputs to methods.

Publishes and settlements of one read are gathered and asked together, in their order. After an error all but close and
close-ok is passed over.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from oncemq.core import routed_commands as commands
from oncemq.core import routed_outputs as outputs
from oncemq.core.exchanges.bindings import EXCHANGE, QUEUE, Binding
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal as CoreRefusal
from oncemq.protocols.amqp import errors, refusals
from oncemq.protocols.amqp.asked import Answer, Asked
from oncemq.protocols.amqp.delivering import Held, Unsettled, deliver, parts_of
from oncemq.protocols.amqp.errors import FrameFault, Refusal
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.publishing import Confirming, Publisher, say
from oncemq.protocols.amqp.queue_arguments import settings_of
from oncemq.protocols.amqp.refused import refused
from oncemq.protocols.amqp.specification import basic_client as basic
from oncemq.protocols.amqp.specification import basic_server, exchange, queue
from oncemq.protocols.amqp.specification import channel as channels
from oncemq.protocols.amqp.specification.confirm import ConfirmSelect, ConfirmSelectOk
from oncemq.protocols.amqp.specification.tx import (
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxRollbackOk,
    TxSelect,
    TxSelectOk,
)
from oncemq.protocols.amqp.writing import DeliveryPrefix, content_frames, method_frame

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
        self.closing = False
        self.gone = False
        self.declared = ""
        """The queue declared last: what an empty queue name means."""
        self.limit = 0
        """Prefetch of consumers to come."""
        self.confirms = False
        self.published = 0
        self.transaction: list[commands.Publish | commands.Settle] | None = None
        self._generated = 0
        self._settling: tuple[int, list[Held]] | None = None

    @property
    def order(self) -> object:
        """As Answer's."""
        return self.connection

    def deliver(self, output: Output | CoreRefusal) -> bool:
        """Deliveries and cancellations; False: the channel is gone."""
        if self.gone or self.connection.gone:
            return False
        if isinstance(output, outputs.Deliveries):
            deliver(self, output, self.no_ack.get(output.tag, False))
        elif isinstance(output, outputs.ConsumerCancelled):
            self._forget(output.tag)
            self.send(basic.BasicCancel(output.tag, True))
        self.connection.flush()
        return True

    def send(self, method: Method) -> None:
        """A method frame."""
        self.connection.outgoing.append(method_frame(self.number, method))

    # What comes in ----------------------------------------------------------------------------------------------

    def publish(self, method: bytes, header: bytes, body: bytes, asked: list[Asked]) -> None:
        """basic.publish with its content."""
        if self.closing:
            return
        if self._settling is not None:
            self.gather(asked)
        self.publisher.add(method, header, body)

    def acknowledged(self, tag: int, multiple: bool, asked: list[Asked]) -> None:
        """basic.ack."""
        if not self.closing:
            self._settle(tag, multiple, commands.ACK, asked)

    def _settle(self, tag: int, multiple: bool, outcome: int, asked: list[Asked]) -> None:
        held = self.unsettled.take(tag, multiple)
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
            else:
                asked.append(
                    (command, Answer(self.connection, self._unless_closing(Confirming(self, runs, first_tag))))
                )
        if self._settling is not None:
            outcome, held = self._settling
            self._settling = None
            settle = commands.Settle(
                self.connection.host, [lease for lease, _ in held], [consumer for _, consumer in held], outcome
            )
            if self.transaction is not None:
                self.transaction.append(settle)
            elif held:
                asked.append((settle, None))

    def _unless_closing(self, handle: Callable[[Output | CoreRefusal], None]) -> Callable[[Output | CoreRefusal], None]:
        def unless_closing(output: Output | CoreRefusal) -> None:
            if not self.closing:
                handle(output)

        return unless_closing

    def take(self, method: Method, asked: list[Asked]) -> None:
        """A method."""
        if isinstance(method, channels.ChannelClose):
            self.leave(asked, Answer(self.connection, self._left), failed=False)
        elif isinstance(method, channels.ChannelCloseOk):
            if self.closing:
                self.connection.channels.pop(self.number, None)
        elif not self.closing:
            self.gather(asked)
            handler = HANDLERS.get(type(method))
            if handler is None:
                raise FrameFault(errors.unexpected_method("running"), method.NUMBER)
            try:
                handler(self, method, asked)
            except FrameFault as fault:
                raise FrameFault(fault.refusal, fault.method_id or method.NUMBER) from fault

    def ask(self, command: Any, asked: list[Asked], answer: Callable[[Any], Method | None], number: int) -> None:
        """Ask; answer with a method, or with the refusal that closes the channel."""
        asked.append((command, Answer(self.connection, partial(self._answered, answer, number))))

    def _answered(self, answer: Callable[[Any], Method | None], number: int, output: Output | CoreRefusal) -> None:
        if self.closing or self.gone:
            return
        if isinstance(output, CoreRefusal):
            self.core_refused(output, number)
            return
        method = answer(output)
        if method is not None:
            self.send(method)

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
        self._ask_to_close(refusal, method_number)
        self.return_held(asked, None, failed=False)

    def _ask_to_close(self, refusal: Refusal, method_number: int) -> None:
        if self.closing:
            return
        self.closing = True
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
        leases = [lease for lease, _ in held]
        asked.append((commands.CloseChannel(self.connection.host, self, leases, failed), answer))

    def _left(self, output: Output | CoreRefusal) -> None:
        self.connection.channels.pop(self.number, None)
        self.send(channels.ChannelCloseOk())

    # Exchanges and queues ---------------------------------------------------------------------------------------

    def named(self, queue_name: str) -> str:
        """An empty queue name is the queue declared last."""
        if queue_name:
            return queue_name
        if not self.declared:
            raise FrameFault(refusals.no_declared_queue())
        return self.declared

    def exchange_declare(self, method: exchange.ExchangeDeclare, asked: list[Asked]) -> None:
        """exchange.declare"""
        name = _plain(method.exchange)
        traits = {
            "type": method.exchange_type,
            "durable": method.durable,
            "auto_delete": method.auto_delete,
            "internal": method.internal,
            "arguments": method.arguments,
        }
        if not method.passive and name.startswith("amq.") and name not in PREDECLARED_EXCHANGES:
            raise FrameFault(refusals.reserved_name("exchange", name))
        command = commands.DeclareExchange(self.connection.host, name, None if method.passive else traits)
        ok = None if method.no_wait else exchange.ExchangeDeclareOk()
        self.ask(command, asked, lambda _: ok, method.NUMBER)

    def exchange_delete(self, method: exchange.ExchangeDelete, asked: list[Asked]) -> None:
        """exchange.delete"""
        if method.exchange.startswith("amq."):
            raise FrameFault(refusals.system_exchange(method.exchange, self.connection.host))
        command = commands.DeleteExchange(self.connection.host, method.exchange, method.if_unused)
        ok = None if method.no_wait else exchange.ExchangeDeleteOk()
        self.ask(command, asked, lambda _: ok, method.NUMBER)

    def exchange_bind(self, method: exchange.ExchangeBind, asked: list[Asked]) -> None:
        """exchange.bind"""
        binding = Binding(method.source, EXCHANGE, method.destination, method.routing_key, method.arguments)
        ok = None if method.no_wait else exchange.ExchangeBindOk()
        command = commands.Bind(self.connection.host, binding, self.connection)
        self.ask(command, asked, lambda _: ok, method.NUMBER)

    def exchange_unbind(self, method: exchange.ExchangeUnbind, asked: list[Asked]) -> None:
        """exchange.unbind"""
        binding = Binding(method.source, EXCHANGE, method.destination, method.routing_key, method.arguments)
        ok = None if method.no_wait else exchange.ExchangeUnbindOk()
        command = commands.Unbind(self.connection.host, binding, self.connection)
        self.ask(command, asked, lambda _: ok, method.NUMBER)

    def queue_declare(self, method: queue.QueueDeclare, asked: list[Asked]) -> None:
        """queue.declare"""
        name = _plain(method.queue)
        if not method.passive and name.startswith("amq."):
            raise FrameFault(refusals.reserved_name("queue", name))
        if not name and method.passive:
            name = self.named(name)
        settings = None if method.passive else settings_of(method, self.connection.host)
        command = commands.DeclareQueue(self.connection.host, name, settings, self.connection)

        def declared(output: outputs.Declared) -> Method | None:
            self.declared = output.queue
            if method.no_wait:
                return None
            return queue.QueueDeclareOk(output.queue, output.ready, output.consumers)

        self.ask(command, asked, declared, method.NUMBER)

    def queue_bind(self, method: queue.QueueBind, asked: list[Asked]) -> None:
        """queue.bind"""
        key = method.routing_key if method.queue or method.routing_key else self.named("")
        binding = Binding(method.exchange, QUEUE, self.named(method.queue), key, method.arguments)
        ok = None if method.no_wait else queue.QueueBindOk()
        command = commands.Bind(self.connection.host, binding, self.connection)
        self.ask(command, asked, lambda _: ok, method.NUMBER)

    def queue_unbind(self, method: queue.QueueUnbind, asked: list[Asked]) -> None:
        """queue.unbind"""
        name = self.named(method.queue)
        key = method.routing_key if method.queue or method.routing_key else name
        binding = Binding(method.exchange, QUEUE, name, key, method.arguments)
        command = commands.Unbind(self.connection.host, binding, self.connection)
        self.ask(command, asked, lambda _: queue.QueueUnbindOk(), method.NUMBER)

    def queue_purge(self, method: queue.QueuePurge, asked: list[Asked]) -> None:
        """queue.purge"""
        command = commands.EmptyQueue(self.connection.host, self.named(method.queue), self.connection)

        def purged(output: outputs.Emptied) -> Method | None:
            return None if method.no_wait else queue.QueuePurgeOk(output.messages)

        self.ask(command, asked, purged, method.NUMBER)

    def queue_delete(self, method: queue.QueueDelete, asked: list[Asked]) -> None:
        """queue.delete"""
        name = self.named(method.queue)
        host, owner = self.connection.host, self.connection
        command = commands.RemoveQueue(host, name, method.if_unused, method.if_empty, owner)

        def deleted(output: outputs.Emptied) -> Method | None:
            return None if method.no_wait else queue.QueueDeleteOk(output.messages)

        self.ask(command, asked, deleted, method.NUMBER)

    # Consuming --------------------------------------------------------------------------------------------------

    def qos(self, method: basic.BasicQos, asked: list[Asked]) -> None:
        """basic.qos"""
        if method.prefetch_size:
            raise FrameFault(errors.not_implemented("prefetch_size!=0 (" + str(method.prefetch_size) + ")"))
        if method.global_:
            command = commands.LimitChannel(self.connection.host, self, method.prefetch_count)
            self.ask(command, asked, lambda _: basic_server.BasicQosOk(), method.NUMBER)
        else:
            self.limit = method.prefetch_count
            self.send(basic_server.BasicQosOk())

    def consume(self, method: basic.BasicConsume, asked: list[Asked]) -> None:
        """basic.consume"""
        tag = method.consumer_tag
        if not tag:
            self._generated += 1
            tag = f"amq.ctag-{id(self.connection):x}-{self.number}-{self._generated}"
        if tag in self.consumers:
            raise FrameFault(errors.consumer_tag_reused(tag))
        priority = method.arguments.get("x-priority")
        command = commands.Consume(
            self.connection.host,
            self.named(method.queue),
            self,
            tag,
            self.limit,
            method.no_ack,
            method.exclusive,
            priority if isinstance(priority, int) else 0,
            self.connection,
        )
        self.consumers[tag] = 0
        self.no_ack[tag] = method.no_ack

        def consuming(output: outputs.Consuming) -> Method | None:
            if tag in self.consumers:
                self.consumers[tag] = output.consumer
            return None if method.no_wait else basic_server.BasicConsumeOk(tag)

        self.ask(command, asked, consuming, method.NUMBER)

    def cancel(self, method: basic.BasicCancel, asked: list[Asked]) -> None:
        """basic.cancel"""
        number = self.consumers.get(method.consumer_tag, 0)
        self._forget(method.consumer_tag)
        ok = None if method.no_wait else basic.BasicCancelOk(method.consumer_tag)
        self.ask(commands.Cancel(self.connection.host, number), asked, lambda _: ok, method.NUMBER)

    def _forget(self, tag: str) -> None:
        self.consumers.pop(tag, None)
        self.prefixes.pop(tag, None)

    def get(self, method: basic.BasicGet, asked: list[Asked]) -> None:
        """basic.get"""
        command = commands.Get(self.connection.host, self.named(method.queue), method.no_ack, self.connection)

        def got(output: outputs.Got) -> Method | None:
            if output.message is None:
                return basic_server.BasicGetEmpty()
            lease = output.message.received.lease
            tag = self.unsettled.skip() if method.no_ack else self.unsettled.hold(lease, 0)
            route, header, body = parts_of(output.message)
            exchange_end = 1 + route[0]
            names = (route[1:exchange_end].decode(), route[exchange_end + 1 :].decode())
            self.send(basic_server.BasicGetOk(tag, output.message.redelivered, *names, output.ready))
            frames = content_frames(self.number, header, body, self.connection.frame_bytes_max)
            self.connection.outgoing += frames
            return None

        self.ask(command, asked, got, method.NUMBER)

    def reject(self, method: basic.BasicReject, asked: list[Asked]) -> None:
        """basic.reject"""
        outcome = commands.REQUEUE if method.requeue else commands.REJECT
        self._settle(method.delivery_tag, False, outcome, asked)

    def nack(self, method: basic.BasicNack, asked: list[Asked]) -> None:
        """basic.nack"""
        outcome = commands.REQUEUE if method.requeue else commands.REJECT
        self._settle(method.delivery_tag, method.multiple, outcome, asked)

    def recover(self, method: basic.BasicRecover, asked: list[Asked]) -> None:
        """basic.recover"""
        if not method.requeue:
            raise FrameFault(errors.not_implemented("requeue=false"))
        self._settle(0, True, commands.REQUEUE, asked)
        self.gather(asked)
        self.send(basic_server.BasicRecoverOk())

    # Confirms and transactions ----------------------------------------------------------------------------------

    def confirm_select(self, method: ConfirmSelect, asked: list[Asked]) -> None:
        """confirm.select"""
        if self.transaction is not None:
            raise FrameFault(refusals.TX_TO_CONFIRM)
        self.confirms = True
        if not method.no_wait:
            self.send(ConfirmSelectOk())

    def tx_select(self, method: TxSelect, asked: list[Asked]) -> None:
        """tx.select"""
        if self.confirms:
            raise FrameFault(refusals.CONFIRM_TO_TX)
        if self.transaction is None:
            self.transaction = []
        self.send(TxSelectOk())

    def tx_commit(self, method: TxCommit, asked: list[Asked]) -> None:
        """tx.commit"""
        if self.transaction is None:
            raise FrameFault(refusals.NOT_TRANSACTIONAL)
        done, self.transaction = self.transaction, []
        runs = [run for each in done if isinstance(each, commands.Publish) for run in each.runs]

        def committed(output: outputs.TransactionDone) -> Method | None:
            say(self, runs, output.outcomes, 0)
            return None if self.closing else TxCommitOk()

        self.ask(commands.Transact(self.connection.host, done), asked, committed, method.NUMBER)

    def tx_rollback(self, method: TxRollback, asked: list[Asked]) -> None:
        """tx.rollback: what was acknowledged in it is still held, as in RabbitMQ until it is recovered."""
        if self.transaction is None:
            raise FrameFault(refusals.NOT_TRANSACTIONAL)
        self.transaction = []
        self.send(TxRollbackOk())


def _plain(name: str) -> str:
    return name.replace("\r", "").replace("\n", "")


PREDECLARED_EXCHANGES = ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match")

HANDLERS: dict[type[Any], Callable[[AmqpChannel, Any, list[Asked]], None]] = {
    exchange.ExchangeDeclare: AmqpChannel.exchange_declare,
    exchange.ExchangeDelete: AmqpChannel.exchange_delete,
    exchange.ExchangeBind: AmqpChannel.exchange_bind,
    exchange.ExchangeUnbind: AmqpChannel.exchange_unbind,
    queue.QueueDeclare: AmqpChannel.queue_declare,
    queue.QueueBind: AmqpChannel.queue_bind,
    queue.QueueUnbind: AmqpChannel.queue_unbind,
    queue.QueuePurge: AmqpChannel.queue_purge,
    queue.QueueDelete: AmqpChannel.queue_delete,
    basic.BasicQos: AmqpChannel.qos,
    basic.BasicConsume: AmqpChannel.consume,
    basic.BasicCancel: AmqpChannel.cancel,
    basic.BasicGet: AmqpChannel.get,
    basic.BasicReject: AmqpChannel.reject,
    basic.BasicNack: AmqpChannel.nack,
    basic.BasicRecover: AmqpChannel.recover,
    ConfirmSelect: AmqpChannel.confirm_select,
    TxSelect: AmqpChannel.tx_select,
    TxCommit: AmqpChannel.tx_commit,
    TxRollback: AmqpChannel.tx_rollback,
}
