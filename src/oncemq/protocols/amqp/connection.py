"""One AMQP connection: bytes in, commands out; outputs in, frames out. Knows no socket and no clock.

    handshake (`handshake.py`) → channels → close, close-ok

`outgoing` gathers frames until whoever owns the socket takes them; `flush` tells it that there are some.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal as CoreRefusal
from oncemq.core.routed_commands import CloseConnection, GrantRoom
from oncemq.core.system_outputs import Expelled, Granted
from oncemq.protocols.amqp import errors, handshake
from oncemq.protocols.amqp.access import NOTHING
from oncemq.protocols.amqp.asked import Answer, Asked
from oncemq.protocols.amqp.channel import AmqpChannel
from oncemq.protocols.amqp.errors import FrameFault, Refusal
from oncemq.protocols.amqp.frames import (
    ACK,
    ACKS,
    BASIC_ACK,
    CONTENT,
    CONTENTS,
    FAULT,
    FRAME_METHOD,
    HEARTBEAT,
    METHOD,
    PROTOCOL,
    PUBLISH,
    FrameReader,
    Item,
)
from oncemq.protocols.amqp.limits import CHANNELS_MAX, FRAME_BYTES_MAX
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.specification import METHODS
from oncemq.protocols.amqp.specification.channel import ChannelCloseOk, ChannelOpen, ChannelOpenOk
from oncemq.protocols.amqp.specification.connection import (
    ConnectionBlocked,
    ConnectionClose,
    ConnectionCloseOk,
    ConnectionOpen,
    ConnectionStartOk,
    ConnectionTuneOk,
    ConnectionUnblocked,
    ConnectionUpdateSecret,
    ConnectionUpdateSecretOk,
)
from oncemq.protocols.amqp.states import CLOSED, CLOSING, HEADER, NAMES, OPEN, RUNNING, START, TUNE
from oncemq.protocols.amqp.tables import Table
from oncemq.protocols.amqp.writing import HEARTBEAT_FRAME, method_frame

if TYPE_CHECKING:
    from oncemq.protocols.amqp.door import AmqpDoor

METHOD_OF_ITEM = {CONTENT: PUBLISH, CONTENTS: PUBLISH, ACK: BASIC_ACK, ACKS: BASIC_ACK}


class AmqpConnection:
    """One connection. `closing` says that the socket is to be closed once `outgoing` is written; `deaf` that nothing
    more can be understood of what comes; `leaves` that the client is asked to close.
    """

    def __init__(self, door: "AmqpDoor", peer_is_loopback: bool, certificate_user: str | None) -> None:
        self.door = door
        self.peer_is_loopback = peer_is_loopback
        self.takes_certificates = certificate_user is not None
        self.certificate_user = certificate_user or ""
        self.mechanism = ""
        self.access = NOTHING
        self.reader = FrameReader()
        self.state = HEADER
        self.host = ""
        self.user = ""
        self.frame_bytes_max = FRAME_BYTES_MAX
        self.channels_max = CHANNELS_MAX
        self.heartbeat_seconds = 0
        self.channels: dict[int, AmqpChannel] = {}
        self.client_properties: Table = {}
        self.outgoing: list[bytes] = []
        self.written_bytes = 0
        """Of what was delivered, stored bytes for which no room was granted again."""
        self.held = False
        self.flush: Callable[[], None] = lambda: None
        self.on_bug: Callable[[Exception], None] = lambda error: None
        """Told of what must not have happened, and costs this connection."""
        self.closing = self.deaf = False
        self.paused = False
        """Nothing is taken in, nor to be read: something is waited for, or it is closed."""
        self._unread: list[Item] = []
        self._late: list[Asked] = []
        """What was asked by what had waited."""
        self.gone = False
        self.failed = False
        """It is closed for a bug, and told nothing more."""
        self.refused = False
        """It was asked to close, and is told nothing else."""
        self.leaving: list[AmqpChannel] = []

    # In ---------------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> list[Asked]:
        """What these bytes ask, in order. Never raises."""
        asked: list[Asked] = []
        self._take_all(self.reader.feed(data), asked)
        for channel in self.channels.values():
            channel.gather(asked)
        return asked

    def _take_all(self, items: list[Item], asked: list[Asked]) -> None:
        waiting = iter(items)
        if self.paused:
            self._put_off(waiting)
        for item in waiting:
            try:
                self._take(item, asked)
            except FrameFault as fault:
                known = fault.method_id or METHOD_OF_ITEM.get(item[0], 0)
                self._fault(item[1], FrameFault(fault.refusal, known), asked)
            if self.paused:
                self._put_off(waiting)

    def _take(self, item: Item, asked: list[Asked]) -> None:
        if item[0] == CONTENT:
            channel = self._running_channel(item[1])
            if channel is not None:
                channel.publish(item[2], item[3], [item[4]], asked)
        elif item[0] == CONTENTS:
            channel = self._running_channel(item[1])
            if channel is not None:
                channel.publish(item[2], item[3], item[4], asked)
        elif item[0] == ACK:
            channel = self._running_channel(item[1])
            if channel is not None:
                channel.acknowledged(item[2], item[3], asked)
        elif item[0] == ACKS:
            channel = self._running_channel(item[1])
            if channel is not None:
                channel.acknowledged_run(item[2], asked)
        elif item[0] == METHOD:
            if item[1]:
                self._channel_method(item[1], item[2], item[3], asked)
            else:
                self._method(_decoded(item[2], item[3]), asked)
        elif item[0] == FAULT:
            self.deaf = item[2].scope == "connection"
            self._fault(item[1], item[2], asked)
        elif item[0] == PROTOCOL:
            self._greeted(item[2])
        else:
            assert item[0] == HEARTBEAT

    def _greeted(self, answer: bytes) -> None:
        if answer:
            self.outgoing.append(answer)
            self.end()
        else:
            handshake.greet(self)

    def _method(self, method: Method, asked: list[Asked]) -> None:
        if isinstance(method, ConnectionClose) and self.state == RUNNING:
            self._closed_by_client(asked)
        elif isinstance(method, ConnectionClose) and self.state == CLOSING:
            self.send(0, ConnectionCloseOk())
            self.end()
        elif isinstance(method, ConnectionCloseOk) and self.state == CLOSING:
            self.end()
        elif self.state == CLOSING:
            return
        elif isinstance(method, ConnectionStartOk) and self.state == START:
            handshake.log_in(self, method, asked)
        elif isinstance(method, ConnectionTuneOk) and self.state == TUNE:
            handshake.tune(self, method)
        elif isinstance(method, ConnectionOpen) and self.state == OPEN:
            handshake.open_host(self, method, asked)
        elif isinstance(method, ConnectionUpdateSecret) and self.state == RUNNING:
            self.send(0, ConnectionUpdateSecretOk())  # for tokens that end; a password does not
        else:
            raise FrameFault(errors.unexpected_method(NAMES[self.state]), method.NUMBER)

    # Waiting ----------------------------------------------------------------------------------------------------

    def pause(self, state: int) -> None:
        """Something is asked that all else depends on: what the client says meanwhile waits."""
        self.state, self.paused = state, True

    def resume(self, state: int) -> None:
        """The answer is there: go on with what the client has said."""
        self.state, self.paused = state, state == CLOSED
        unread, self._unread = self._unread, []
        self._take_all(unread, self._late)
        for channel in self.channels.values():
            channel.gather(self._late)

    def _put_off(self, items: Iterable[Item]) -> None:
        if self.state != CLOSED:
            self._unread.extend(items)

    # What it says of itself -------------------------------------------------------------------------------------

    def can(self, capability: str) -> bool:
        """Whether the client has said that it can do this."""
        capabilities = self.client_properties.get("capabilities")
        return isinstance(capabilities, dict) and capabilities.get(capability) is True

    # Channels ---------------------------------------------------------------------------------------------------

    def _channel_method(self, number: int, method_number: int, payload: bytes, asked: list[Asked]) -> None:
        if self.state == CLOSING:
            return
        if self.state != RUNNING:
            raise FrameFault(errors.unexpected_frame(FRAME_METHOD, payload))
        channel = self.channels.get(number)
        method = _decoded(method_number, payload)
        if isinstance(method, ChannelOpen):
            if channel is not None:
                raise FrameFault(errors.second_channel_open(), method_number)
            if len(self.channels) >= self.channels_max:
                raise FrameFault(errors.too_many_channels(len(self.channels), self.channels_max), method_number)
            self.channels[number] = AmqpChannel(self, number)
            self.send(number, ChannelOpenOk())
        elif channel is None:
            if not isinstance(method, ChannelCloseOk):
                raise FrameFault(errors.expected_channel_open(), method_number)
        else:
            channel.take(method, asked)

    def _running_channel(self, number: int) -> AmqpChannel | None:
        channel = self.channels.get(number)
        if channel is None or self.state != RUNNING:
            self._without_channel()
        return channel

    def _without_channel(self) -> None:
        if self.state == RUNNING:
            raise FrameFault(errors.expected_channel_open())
        if self.state != CLOSING:
            raise FrameFault(errors.unexpected_method(NAMES[self.state]))

    # Out --------------------------------------------------------------------------------------------------------

    def send(self, channel: int, method: Method) -> None:
        """A method frame."""
        self.outgoing.append(method_frame(channel, method))

    def heartbeat(self) -> None:
        """A heartbeat frame."""
        if self.state >= OPEN:
            self.outgoing.append(HEARTBEAT_FRAME)
            self.flush()

    def block(self, reason: str) -> None:
        """What the client published waits until `unblock`; it is told so, if it said that it understands."""
        if self._told_when_blocked():
            self.send(0, ConnectionBlocked(reason))
            self.flush()

    def unblock(self) -> None:
        """It goes on."""
        if self._told_when_blocked():
            self.send(0, ConnectionUnblocked())
            self.flush()

    def _told_when_blocked(self) -> bool:
        capabilities = self.client_properties.get("capabilities")
        told = isinstance(capabilities, dict) and capabilities.get("connection.blocked") is True
        return told and self.state == RUNNING

    def ask_later(self, channel: AmqpChannel) -> None:
        """The core refused something on this channel: what it holds goes back with the next thing that is asked."""
        self.leaving.append(channel)

    def due(self) -> list[Asked]:
        """What is to be asked besides what `feed` gave; called after every answer."""
        asked: list[Asked] = []
        if self._late:
            asked, self._late = self._late, []
        leaving, self.leaving = self.leaving, []
        for channel in leaving:
            channel.return_held(asked, None, failed=False)
        return asked

    def show(self, output: Output | CoreRefusal, handle: Callable[[Output | CoreRefusal], bool | None]) -> bool:
        """Turn an output into frames. False: not one of them is written; `handle` may say so. A bug in that costs this
        connection, and must not keep what others are told from leaving.
        """
        if self.failed:
            return False
        written, taken = len(self.outgoing), None
        try:
            taken = handle(output)
        except Exception as error:
            del self.outgoing[written:]
            self.failed = True
            self.on_bug(error)
            self.close(errors.internal_error())
            self.leaving += self.channels.values()
        self.flush()
        return taken is not False and not self.failed

    def deliver(self, output: Output | CoreRefusal) -> bool:
        """What the core tells a connection unasked; False: it is gone."""
        return not self.gone and self.show(output, self._told)

    def _told(self, output: Output | CoreRefusal) -> None:
        if isinstance(output, Granted):
            self.access = self.door.access(self.user, self.host, output)
        elif isinstance(output, Expelled):
            self.close(errors.expelled(output.what, output.name))

    # The end ----------------------------------------------------------------------------------------------------

    def _fault(self, number: int, fault: FrameFault, asked: list[Asked]) -> None:
        channel = self.channels.get(number)
        if fault.scope == "channel" and channel is not None:
            channel.refuse(fault.refusal, fault.method_id, asked)
        elif self.state in (HEADER, START):
            self.end()
        else:
            self.close(fault.refusal, fault.method_id)

    def close(self, refusal: Refusal, method_number: int = 0) -> None:
        """Ask the client to close; what else it says is passed over."""
        if self.state < CLOSING:
            self.state = CLOSING
            self.refused = True
            failed = (method_number >> 16, method_number & 0xFFFF)
            self.send(0, ConnectionClose(refusal.reply_code, refusal.reply_text, *failed))
            if self.paused:
                self.resume(CLOSING)

    @property
    def leaves(self) -> bool:
        """It is closed by either side, and the other has not said so yet."""
        return self.state == CLOSING

    def force_close(self, reason: str) -> None:
        """The server is about to end."""
        self.close(errors.connection_forced(reason))
        self.flush()

    def _closed_by_client(self, asked: list[Asked]) -> None:
        self._leave(asked, Answer(self, self._left))
        self.state = CLOSING

    def _left(self, output: Output | CoreRefusal) -> None:
        self.send(0, ConnectionCloseOk())
        self.end()

    def end(self) -> None:
        """Not a word more."""
        self.state = CLOSED
        self.closing = self.paused = True
        self._unread = []

    def hold(self) -> list[Asked]:
        """The peer does not read: deliveries wait with the queues, not here, until what is written is told."""
        self.held = any(channel.consumers for channel in self.channels.values())
        return [(GrantRoom(self.host, self, 0, True), None)] if self.held else []

    def written(self) -> list[Asked]:
        """What was delivered has been written: consumers may be sent as much again."""
        room_bytes, self.written_bytes = self.written_bytes, 0
        was_held, self.held = self.held, False
        granted = (room_bytes or was_held) and not self.gone
        return [(GrantRoom(self.host, self, room_bytes), None)] if granted else []

    def lost(self) -> list[Asked]:
        """The socket is gone: what the connection held goes back."""
        asked: list[Asked] = []
        if not self.gone:
            self.gone = True
            if self.host:
                self._leave(asked, None)
        return asked

    def _leave(self, asked: list[Asked], answer: Answer | None) -> None:
        for channel in self.channels.values():
            channel.leave(asked, None, failed=answer is None)
        self.channels.clear()
        asked.append((CloseConnection(self.host, self), answer))


def _decoded(number: int, payload: bytes) -> Method:
    definition = METHODS.get(number)
    if definition is None:
        raise FrameFault(errors.unknown_method(number >> 16, number & 0xFFFF), number)
    if not definition.from_client:
        raise FrameFault(errors.unimplemented_method(), number)
    try:
        return definition.type.decode(payload)
    except FrameFault as fault:  # a table's fault tells of the table only
        unreadable = not fault.method_id and fault.refusal.error is errors.FRAME_ERROR
        raise FrameFault(errors.cannot_decode(payload[4:]) if unreadable else fault.refusal, number) from fault
