"""An AMQP client over the shipped connection, in memory: bytes in, bytes out. What it hears goes into the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from pamqp import commands

from oncemq.engine.engine import Engine
from oncemq.net.amqp_listener import AmqpConnection, AmqpDoor
from oncemq.net.listener import Connections
from tests.simulate import amqp_wire as wire
from tests.simulate.amqp_facts import HELD_BACK, ROUTES, Message, published
from tests.simulate.amqp_ledger import ACK, REJECT, AmqpLedger, Hold, Transaction
from tests.simulate.facts import Broken
from tests.simulate.runtime import SeededRuntime

AT_ONCE = (wire.CHANNEL_OPEN_OK, wire.CONFIRM_OK, wire.TX_OK, wire.QOS_OK, wire.ROLLBACK_OK)
"""They rest on nothing in the journal, and say nothing of what was settled before."""
PLAIN, CONFIRM, TX = "plain", "confirm", "tx"


class MemoryTransport:
    """An asyncio transport between a connection and a client of the same process."""

    def __init__(self, written: Callable[[bytes], None]) -> None:
        self.write = written
        self.reading = True

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The client reads on."""

    def close(self) -> None:
        """The client closes when it wants to."""

    abort = close


class ClientChannel:
    """What a client knows of one of its channels."""

    def __init__(self, number: int, mode: str) -> None:
        self.number, self.mode = number, mode
        self.published = 0
        self.unconfirmed: dict[int, tuple[int, Message]] = {}
        """Tag → when it was asked, and what."""
        self.returned: set[str] = set()
        self.holds: dict[int, Hold] = {}
        self.consumers: dict[str, str] = {}
        """Tag → queue, also those that are cancelled and may have deliveries on the way."""
        self.active: set[str] = set()
        self.transaction = Transaction()
        self.set_aside: dict[int, Hold] = {}
        """What the open transaction has settled."""
        self.committing: deque[Transaction] = deque()
        """Those whose commit is not answered."""
        self.awaited: deque[tuple[int, tuple[int, ...], Callable[[wire.Heard], None]]] = deque()
        """When it was asked, the methods that may answer, and what follows."""
        self.closing = False
        """The client has asked to close it, or has offended."""
        self.offended = self.refused = False
        """It settled what it does not hold; the server has said so."""


class AmqpClient:
    """One connection. `say` hands bytes to the server; whatever it answers is heard at once, or when reading again."""

    def __init__(
        self, ledger: AmqpLedger, engine: Engine, runtime: SeededRuntime, door: AmqpDoor, connections: Connections
    ) -> None:
        self.ledger, self.engine, self.runtime = ledger, engine, runtime
        self.reader = wire.Reader()
        self.unread: list[bytes] | None = None
        """What came while the client does not read; None: it reads."""
        self.server_ended = self.lost = self.closing = self.closed = False
        """`closing`: it has asked to close; `closed`: the server has said that it does."""
        self.at = 0
        """A count of what was asked on this connection."""
        self.channels: dict[int, ClientChannel] = {}
        self.unsure: deque[tuple[int, Hold, int]] = deque()
        """Settled, and not certain yet: when, what and how."""
        self.transport = MemoryTransport(self._written)
        self.server = AmqpConnection(connections, engine, door)
        self.server.connection_made(self.transport)  # type: ignore[arg-type]
        self.say(wire.handshake())

    @property
    def free(self) -> bool:
        """Whether it can ask something now."""
        return self.unread is None and self.transport.reading and not (self.lost or self.closing)

    def say(self, data: bytes) -> None:
        """In two pieces, cut somewhere."""
        cut = self.runtime.dice.randrange(len(data) + 1)
        for part in (data[:cut], data[cut:]):
            if part:
                self.server.data_received(part)

    # Hearing ----------------------------------------------------------------------------------------------------

    def _written(self, data: bytes) -> None:
        if self.server_ended:
            raise Broken("something was written after the end")
        if self.lost:
            raise Broken("something was written to a connection that was lost")
        if self.unread is not None:
            self.unread.append(data)
            return
        for heard in self.reader.feed(data):
            self._hear(heard)

    def _hear(self, heard: wire.Heard) -> None:
        if heard.channel == 0:
            if heard.method == wire.CONNECTION_CLOSE:
                raise Broken(f"the server closed the connection: {wire.decoded(heard).reply_text}")
            self.closed = self.closed or heard.method == wire.CONNECTION_CLOSE_OK
            return
        channel = self.channels[heard.channel]
        if channel.offended and heard.method != wire.CHANNEL_CLOSE:
            self.ledger.overheard(heard)
            return  # written before the server heard of it
        if heard.method == wire.DELIVER:
            delivery = wire.delivery_of(heard)
            self._delivered(channel, heard, delivery, channel.consumers[delivery.consumer])
        elif heard.method in (wire.ACKED, wire.NACKED):
            self._confirmed(channel, heard)
        elif heard.method == wire.RETURN:
            self._returned(channel, heard)
        elif heard.method == wire.CHANNEL_CLOSE:
            if not channel.offended:
                self._refused(channel, wire.decoded(heard).reply_text)
            channel.refused = True
        else:
            self._answered(channel, heard)

    def _refused(self, channel: ClientChannel, reply_text: str) -> None:
        """A queue has no room for all of a transaction."""
        if "partial tx completion" not in reply_text or not channel.committing:
            raise Broken(f"the server closed the channel: {reply_text}")
        self.ledger.commit_refused(channel.committing.popleft())
        self._end(channel, failed=False)
        channel.offended = True

    def _answered(self, channel: ClientChannel, heard: wire.Heard) -> None:
        asked_at, methods, then = channel.awaited.popleft()
        if heard.method == wire.CHANNEL_CLOSE_OK and channel.awaited:  # what was asked before may stay unanswered
            asked_at, methods, then = channel.awaited.pop()
        if heard.method not in methods:
            raise Broken(f"{heard.method:x} was answered, {[hex(each) for each in methods]} was awaited")
        if heard.method not in AT_ONCE:
            self._certain_before(asked_at)
        then(heard)

    def _delivered(self, channel: ClientChannel, heard: wire.Heard, delivery: wire.Delivery, queue: str) -> None:
        if channel.closing:
            raise Broken("a delivery on a channel that the client has closed")
        copy = self.ledger.delivered(heard, queue, delivery.redelivered, self.runtime.now_ms())
        copy.holder = channel
        channel.holds[delivery.tag] = Hold(copy, queue != copy.queue, delivery.tag)

    def _confirmed(self, channel: ClientChannel, heard: wire.Heard) -> None:
        tag, multiple = wire.settlement_of(heard)
        tags = [each for each in channel.unconfirmed if each == tag or (multiple and each <= tag)]
        if tag not in channel.unconfirmed:
            raise Broken(f"a confirm for {tag}, which is not awaited")
        for each in tags:
            asked_at, message = channel.unconfirmed.pop(each)
            self._certain_before(asked_at)
            if heard.method == wire.NACKED:
                self.ledger.refused(message)
                continue
            if not ROUTES[message.route].queues and message.id not in channel.returned:
                raise Broken(f"{message.id} was confirmed, and not returned before")
            self.ledger.confirmed(message)

    def _returned(self, channel: ClientChannel, heard: wire.Heard) -> None:
        name = heard.body.split(b"|")[0].decode()
        message = self.ledger.messages.get(name)
        if message is None or ROUTES[message.route].queues:
            raise Broken(f"{name} was returned as unroutable")
        channel.returned.add(name)
        self.ledger.hits["AMQP: unroutable messages returned"] += 1

    def _certain_before(self, asked_at: int) -> None:
        """Something that was asked then is answered: what was settled before is durable."""
        while self.unsure and self.unsure[0][0] < asked_at:
            _, hold, outcome = self.unsure.popleft()
            self.ledger.settled(hold, outcome)

    # Asking -----------------------------------------------------------------------------------------------------

    def ask(
        self,
        channel: ClientChannel,
        method: Any,
        *answers: int,
        then: Callable[[wire.Heard], None] = lambda heard: None,
    ) -> None:
        """A method with an answer."""
        self._awaited(channel, then, *answers)
        self.say(method if isinstance(method, bytes) else wire.method(channel.number, method))

    def _awaited(self, channel: ClientChannel, then: Callable[[wire.Heard], None], *answers: int) -> None:
        self.at += 1
        channel.awaited.append((self.at, answers, then))

    # Channels ---------------------------------------------------------------------------------------------------

    def open_channel(self, number: int, mode: str) -> ClientChannel:
        """With confirms, with transactions, or with neither."""
        channel = self.channels[number] = ClientChannel(number, mode)
        self.ask(channel, commands.Channel.Open(), wire.CHANNEL_OPEN_OK)
        if mode == CONFIRM:
            self.ask(channel, commands.Confirm.Select(), wire.CONFIRM_OK)
        elif mode == TX:
            self.ask(channel, commands.Tx.Select(), wire.TX_OK)
        return channel

    def close_channel(self, channel: ClientChannel) -> None:
        """What it holds goes back."""
        self._end(channel, failed=False)
        self.ask(channel, commands.Channel.Close(200, "", 0, 0), wire.CHANNEL_CLOSE_OK, then=self._closed(channel))

    def _closed(self, channel: ClientChannel) -> Callable[[wire.Heard], None]:
        def closed(heard: wire.Heard) -> None:
            del self.channels[channel.number]

        return closed

    def offend(self, channel: ClientChannel) -> None:
        """Settle what was never delivered: the server closes the channel."""
        self._end(channel, failed=False)
        channel.offended = True
        self.say(wire.ack(channel.number, 1 << 40))

    def apologise(self) -> None:
        """Answer the close of every channel that has offended."""
        for channel in [each for each in self.channels.values() if each.refused]:
            del self.channels[channel.number]
            self.say(wire.method(channel.number, commands.Channel.CloseOk()))

    def _end(self, channel: ClientChannel, *, failed: bool) -> None:
        if channel.closing:
            return
        channel.closing = True
        self.ledger.rolled_back(channel.transaction)
        for hold in (*channel.holds.values(), *channel.set_aside.values()):
            self.ledger.returned(hold, failed=failed)
        self.ledger.hits["AMQP: channels ended that held messages"] += bool(channel.holds)

    def close(self) -> None:
        """The connection ends in good order."""
        self.closing = True
        for channel in self.channels.values():
            self._end(channel, failed=False)
        self.say(wire.method(0, commands.Connection.Close(200, "", 0, 0)))

    def lose(self) -> None:
        """The connection is lost."""
        self.lost = True
        for channel in self.channels.values():
            self._end(channel, failed=True)
        self.server.connection_lost(None)

    def pause(self) -> None:
        """It does not read any more."""
        self.unread = []
        self.server.pause_writing()

    def resume(self) -> None:
        """It reads again, first what it has missed."""
        unread, self.unread = self.unread or [], None
        for data in unread:
            self._written(data)
        self.server.resume_writing()

    # Publishing and settling ------------------------------------------------------------------------------------

    def publish(self, channel: ClientChannel, messages: list[Message], *, mandatory: bool) -> None:
        """All in one piece."""
        self.at += 1
        data = []
        for message in messages:
            route, content = ROUTES[message.route], published(message, message.attempts)
            data.append(wire.publish(channel.number, *route[:2], *content, mandatory or not route.queues))
            if channel.mode == TX:
                message.state = HELD_BACK
                channel.transaction.messages.append(message)
                continue
            self.ledger.ask(message, self.runtime.decided_since_ms)
            if channel.mode == CONFIRM:
                channel.published += 1
                channel.unconfirmed[channel.published] = (self.at, message)
        self.say(b"".join(data))

    def settle(self, channel: ClientChannel, holds: list[Hold], outcome: int, *, multiple: bool) -> None:
        """Acknowledge, requeue or reject; `multiple`: the last of them speaks for all."""
        self.at += 1
        data = []
        for hold in holds[-1:] if multiple else holds:
            if outcome == ACK:
                data.append(wire.ack(channel.number, hold.delivery_tag, multiple))
            else:
                data.append(wire.nack(channel.number, hold.delivery_tag, multiple, outcome != REJECT))
        for hold in holds:
            del channel.holds[hold.delivery_tag]
            if channel.mode == TX:
                channel.transaction.settled.append((hold, outcome))
                channel.set_aside[hold.delivery_tag] = hold
            else:
                self.ledger.settle(hold, outcome)
                self.unsure.append((self.at, hold, outcome))
        self.say(b"".join(data))

    def commit(self, channel: ClientChannel) -> None:
        """tx.commit"""
        transaction, channel.transaction, channel.set_aside = channel.transaction, Transaction(), {}
        self.ledger.ask_commit(transaction, self.runtime.decided_since_ms)
        channel.committing.append(transaction)
        self.ask(
            channel,
            commands.Tx.Commit(),
            wire.COMMIT_OK,
            then=lambda _: self.ledger.committed(channel.committing.popleft()),
        )

    def rollback(self, channel: ClientChannel) -> None:
        """tx.rollback: what was settled is held again."""
        self.ledger.rolled_back(channel.transaction)
        channel.holds = dict(sorted((channel.holds | channel.set_aside).items()))
        channel.transaction, channel.set_aside = Transaction(), {}
        self.ask(channel, commands.Tx.Rollback(), wire.ROLLBACK_OK)

    # Consuming --------------------------------------------------------------------------------------------------

    def consume(self, channel: ClientChannel, queue: str, prefetch: int) -> None:
        """With a prefetch of its own; 0: no limit."""
        tag = f"{queue}-{len(channel.consumers)}"
        channel.consumers[tag] = queue
        channel.active.add(tag)
        self.ask(channel, commands.Basic.Qos(0, prefetch, False), wire.QOS_OK)
        self.ask(channel, commands.Basic.Consume(0, queue, tag), wire.CONSUME_OK)

    def cancel(self, channel: ClientChannel, tag: str) -> None:
        """What it was sent it may still settle."""
        channel.active.remove(tag)
        self.ask(channel, commands.Basic.Cancel(tag), wire.CANCEL_OK)

    def get(self, channel: ClientChannel, queue: str) -> None:
        """basic.get"""

        def got(heard: wire.Heard) -> None:
            if heard.method == wire.GET_OK:
                self._delivered(channel, heard, wire.delivery_of(heard), queue)

        self.ask(channel, wire.get(channel.number, queue), wire.GET_OK, wire.GET_EMPTY, then=got)
