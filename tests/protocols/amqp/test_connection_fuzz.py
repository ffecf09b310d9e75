"""A connection, an engine and a core without sockets, fed whatever can be thought of: split anywhere, in any state.

What must hold: no bug is met, whoever is refused is told so in whole frames, and others are served as before.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import body as bodies
from pamqp import commands, frame, header

from oncemq.net.amqp_listener import AmqpConnection
from oncemq.net.listener import Connections
from oncemq.protocols.amqp.limits import UNFINISHED_BYTES
from oncemq.protocols.amqp.properties import encode
from oncemq.protocols.amqp.specification import METHODS
from oncemq.protocols.amqp.tables import encode_table
from oncemq.protocols.amqp.writing import method_frame
from tests.amqp_clients.wire import raw_frame
from tests.protocols.amqp import samples
from tests.protocols.amqp.connections import HANDSHAKE, heard, open_connection
from tests.simulate.amqp_client import MemoryTransport
from tests.simulate.amqp_guest import door_of
from tests.simulate.server import Server
from tests.simulate.settling import runtime_idle

CHANNELS = 3
EXAMPLES = settings(max_examples=120, deadline=None)
CLOSE, CLOSE_OK = bytes((0, 10, 0, 50)), bytes((0, 10, 0, 51))


class Talk:
    """One connection of a server in memory, and all that it was told."""

    def __init__(self, server: Server) -> None:
        self.server, self.told = server, bytearray()
        connections = Connections(server.runtime.now_ms)
        self.connection = AmqpConnection(connections, server.engine, door_of(server.engine))
        self.connection.connection_made(MemoryTransport(self._tell))  # type: ignore[arg-type]
        self.connection.amqp.on_bug = self._met

    def _tell(self, data: bytes) -> None:
        self.told += data

    def _met(self, error: Exception) -> None:
        raise AssertionError("a bug was met") from error

    def say(self, data: bytes) -> None:
        """And wait for all that comes of it."""
        if not self.connection.closed:
            self.connection.data_received(data)
            runtime_idle(self.server.runtime)

    def methods(self) -> list[bytes]:
        """The numbers of the methods that it was told; every frame must be whole."""
        found, at, told = [], 0, bytes(self.told)
        while at < len(told):
            end = at + 7 + int.from_bytes(told[at + 3 : at + 7], "big")
            assert told[end] == 0xCE, "half a frame, or none"
            if told[at] == 1:
                found.append(told[at + 7 : at + 11])
            at = end + 1
        return found

    def leave(self) -> None:
        """The socket is gone."""
        self.connection.connection_lost(None)
        runtime_idle(self.server.runtime)


def opened() -> bytes:
    """The handshake and channels 1 …"""
    return HANDSHAKE + b"".join(frame.marshal(commands.Channel.Open(), each) for each in range(1, CHANNELS + 1))


def serves(server: Server) -> None:
    """Somebody else is served."""
    talk = Talk(server)
    talk.say(opened())
    talk.say(frame.marshal(commands.Queue.Declare(queue="well", exclusive=True), 1))
    talk.say(publish("", "well", b"m") + frame.marshal(commands.Basic.Get(queue="well"), 1))
    assert bytes((0, 60, 0, 71)) in talk.methods()
    talk.leave()


def publish(exchange: str, key: str, body: bytes, channel: int = 1, **properties: Any) -> bytes:
    """basic.publish with its content."""
    said = header.ContentHeader(0, len(body), commands.Basic.Properties(**properties))
    parts: list[Any] = [commands.Basic.Publish(exchange=exchange, routing_key=key), said, bodies.ContentBody(body)]
    return b"".join(frame.marshal(part, channel) for part in parts)


_channels = st.integers(0, CHANNELS + 1)
_names = st.sampled_from(["", "a", "b", "amq.direct", "amq.headers", "amq.rabbitmq.reply-to"])
_any_method = st.sampled_from(sorted(METHODS)).flatmap(samples.methods)
_likely: st.SearchStrategy[Any] = st.one_of(
    st.builds(commands.Queue.Declare, queue=_names, passive=st.booleans(), exclusive=st.booleans()),
    st.builds(commands.Queue.Bind, queue=_names, exchange=_names),
    st.builds(commands.Queue.Delete, queue=_names, if_unused=st.booleans(), if_empty=st.booleans()),
    st.builds(commands.Basic.Consume, queue=_names, consumer_tag=st.sampled_from(["", "t"]), no_ack=st.booleans()),
    st.builds(commands.Basic.Cancel, consumer_tag=st.just("t")),
    st.builds(commands.Basic.Get, queue=_names, no_ack=st.booleans()),
    st.builds(commands.Basic.Ack, delivery_tag=st.integers(0, 4), multiple=st.booleans()),
    st.builds(commands.Basic.Nack, delivery_tag=st.integers(0, 4), multiple=st.booleans(), requeue=st.booleans()),
    st.builds(commands.Basic.Qos, prefetch_count=st.integers(0, 3), global_=st.booleans()),
    st.sampled_from([commands.Tx.Select(), commands.Tx.Commit(), commands.Tx.Rollback(), commands.Confirm.Select()]),
    st.sampled_from([commands.Channel.Open(), commands.Channel.CloseOk(), commands.Basic.Recover(True)]),
    st.just(commands.Channel.Close(200, "", 0, 0)),
)
_contents = st.builds(
    lambda sent, body, lie: (
        frame.marshal(commands.Basic.Publish(exchange="", routing_key="a"), 1)
        + raw_frame(2, 1, encode(sent, max(0, len(body) + lie)))
        + raw_frame(3, 1, body)
    ),
    samples.properties,
    st.binary(max_size=20),
    st.sampled_from([0, 0, 0, 1, -1, 2**40]),
)
_pieces = st.one_of(
    st.builds(lambda method, channel: method_frame(channel, method), _any_method, _channels),
    st.builds(frame.marshal, _likely, _channels),
    st.builds(frame.marshal, _likely, st.just(1)),
    st.builds(publish, _names, _names, st.binary(max_size=20)),
    _contents,
    st.builds(raw_frame, st.integers(0, 9), _channels, st.binary(max_size=30)),
    st.binary(max_size=20),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Bytes, in parts; a few of them are not what they should be."""
    data = bytearray(b"".join(draw(st.lists(_pieces, max_size=12))))
    if draw(st.booleans()):
        data[:0] = opened()
    for _ in range(draw(st.integers(0, 2))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [bytes(data[start:end]) for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@EXAMPLES
@given(streams(), st.booleans())
def test_whatever_is_said_others_are_served(parts: list[bytes], well_opened: bool) -> None:
    server = Server()
    talk = Talk(server)
    if well_opened:
        talk.say(opened())
    for part in parts:
        talk.say(part)
        assert talk.connection.amqp.reader.held_bytes <= UNFINISHED_BYTES  # type: ignore[attr-defined]
    if talk.told[:4] != b"AMQP":
        said = talk.methods()
        if CLOSE in said:
            assert said.index(CLOSE) == len(said) - 1 or said[said.index(CLOSE) + 1 :] == [CLOSE_OK]
    talk.leave()
    serves(server)


@EXAMPLES
@given(st.lists(st.integers(0, 4_000), max_size=30))
def test_it_does_not_matter_where_the_bytes_are_split(cuts: list[int]) -> None:
    session = opened() + b"".join(
        [
            *[frame.marshal(commands.Queue.Declare(queue="a", exclusive=True), 1)],
            *[publish("", "a", b"%d" % number * (number + 1), message_id=str(number)) for number in range(9)],
            frame.marshal(commands.Basic.Consume(queue="a", consumer_tag="t"), 2),
            frame.marshal(commands.Queue.Declare(queue="none", passive=True), 3),
        ]
    )
    told = []
    for places in ([], sorted(min(cut, len(session)) for cut in cuts)):
        talk = Talk(Server())
        for start, end in zip([0, *places], [*places, len(session)], strict=True):
            talk.say(session[start:end])
        talk.say(frame.marshal(commands.Connection.Close(200, "", 0, 0), 0))
        told.append(talk.methods())
    assert told[0][-1] == CLOSE_OK
    deliver = bytes((0, 60, 0, 60))  # how many are sent before the end is a matter of time
    assert [each for each in told[1] if each != deliver] == [each for each in told[0] if each != deliver]


def nested(depth: int) -> bytes:
    """A table in a table in a table …"""
    table = b""
    for _ in range(depth):
        table = b"\x01tF" + len(table).to_bytes(4, "big") + table
    return len(table).to_bytes(4, "big") + table


def refused(data: bytes) -> tuple[int, str]:
    """How a connection that says this is closed."""
    connection = open_connection()
    assert connection.feed(data) == []
    (close,) = heard(connection)
    assert isinstance(close, commands.Connection.Close)
    assert connection.feed(data) == []
    assert heard(connection) == []
    return int(close.reply_code or 0), close.reply_text


def test_tables_nested_a_thousand_deep() -> None:
    declared = b"\0\x32\0\x0a\0\0\x01q\0"
    assert refused(raw_frame(1, 1, declared + nested(1_000)))[0] == 502
    connection = open_connection()
    assert len(connection.feed(raw_frame(1, 1, declared + nested(50)))) == 1
    message = frame.marshal(commands.Basic.Publish(exchange="", routing_key="q"), 1)
    headers = b"\0\x3c\0\0" + bytes(8) + b"\x20\0" + nested(1_000)
    assert refused(message + raw_frame(2, 1, headers))[0] == 502


def test_tables_that_lie_about_their_length() -> None:
    whole = encode_table({"x-max-length": 5, "inner": {"list": [1, "two"]}})
    for lie in range(256):
        table = lie.to_bytes(4, "big") + whole[4:]
        if table != whole:
            assert refused(raw_frame(1, 1, b"\0\x32\0\x0a\0\0\x01q\0" + table))[0] == 501


def test_a_body_of_2_to_the_63() -> None:
    message = frame.marshal(commands.Basic.Publish(exchange="", routing_key="q"), 1)
    assert refused(message + raw_frame(2, 1, b"\0\x3c\0\0" + (2**63).to_bytes(8, "big") + b"\0\0"))[0] == 501


def test_a_million_channels() -> None:
    connection = open_connection()
    for start in range(0, 1_000_000, 100_000):
        numbers = range(start, start + 100_000)
        data = b"".join(raw_frame(1, number % 65_535 + 1, b"\0\x14\0\x0a\0") for number in numbers if number % 65_535)
        assert connection.feed(data) == []
        assert len(connection.channels) <= 2_047
    assert type(heard(connection)[-1]) is commands.Connection.Close


def test_channels_that_come_and_go_leave_nothing() -> None:
    server = Server()
    talk = Talk(server)
    talk.say(HANDSHAKE)
    turn = frame.marshal(commands.Channel.Open(), 7) + frame.marshal(commands.Channel.Close(200, "", 0, 0), 7)
    for _ in range(300):
        talk.say(turn)
    assert talk.connection.amqp.channels == {}  # type: ignore[attr-defined]
    assert talk.methods().count(bytes((0, 20, 0, 41))) == 300
    serves(server)
