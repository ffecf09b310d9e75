"""AMQP as a client writes and reads it, from the protocol's own text: what is frequent by hand, since a client library
would be the slowest part of a load; what is rare with pamqp.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from struct import Struct
from typing import Any, NamedTuple

from pamqp import commands, frame
from pamqp.header import ContentHeader

HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONTENT_HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = 0xCE
BODY_BYTES_MAX = 131_064
"""In one frame, as both sides of these tests agree on."""

CHANNEL_OPEN_OK, CHANNEL_CLOSE, CHANNEL_CLOSE_OK = 0x14_000B, 0x14_0028, 0x14_0029
CONNECTION_CLOSE, CONNECTION_CLOSE_OK = 0x0A_0032, 0x0A_0033
EXCHANGE_DECLARE_OK, QUEUE_DECLARE_OK, QUEUE_BIND_OK = 0x28_000B, 0x32_000B, 0x32_0015
QOS_OK, CONSUME_OK, CANCEL_OK = 0x3C_000B, 0x3C_0015, 0x3C_001F
CONFIRM_OK, TX_OK, COMMIT_OK, ROLLBACK_OK = 0x55_000B, 0x5A_000B, 0x5A_0015, 0x5A_001F
RETURN, DELIVER, GET_OK, GET_EMPTY, ACKED, NACKED = 0x3C_0032, 0x3C_003C, 0x3C_0047, 0x3C_0048, 0x3C_0050, 0x3C_0078

_head = Struct(">BHI")
_number = Struct(">I")
_size = Struct(">Q")
_settlement = Struct(">IQB")


class Heard(NamedTuple):
    """A method that the server sent, with its content if it carries one. `method` is class << 16 | method."""

    channel: int
    method: int
    payload: bytes
    header: bytes = b""
    body: bytes = b""


class Delivery(NamedTuple):
    """basic.deliver or basic.get-ok."""

    tag: int
    redelivered: bool
    consumer: str
    exchange: str
    routing_key: str


# Writing --------------------------------------------------------------------------------------------------------


def short(text: str) -> bytes:
    """A text behind a byte with its length."""
    raw = text.encode()
    return bytes((len(raw),)) + raw


def frame_of(kind: int, channel: int, payload: bytes) -> bytes:
    """Any frame."""
    return _head.pack(kind, channel, len(payload)) + payload + b"\xce"


def method(channel: int, value: Any) -> bytes:
    """A method as pamqp writes it."""
    written: bytes = frame.marshal(value, channel)
    return written


def content_header(
    body_bytes: int,
    delivery_mode: int = 2,
    priority: int | None = None,
    expiration_ms: int | None = None,
    headers: dict[str, int | str] | None = None,
) -> bytes:
    """The payload of a content header."""
    flags, parts = 0x1000, [b"", bytes((delivery_mode,))]
    if headers:
        flags |= 0x2000
        fields = b"".join(short(name) + _value(value) for name, value in headers.items())
        parts[0] = _number.pack(len(fields)) + fields
    if priority is not None:
        flags |= 0x0800
        parts.append(bytes((priority,)))
    if expiration_ms is not None:
        flags |= 0x0100
        parts.append(short(str(expiration_ms)))
    return b"\x00\x3c\x00\x00" + _size.pack(body_bytes) + flags.to_bytes(2, "big") + b"".join(parts)


def _value(value: int | str) -> bytes:
    if isinstance(value, int):
        return b"I" + value.to_bytes(4, "big", signed=True)
    return b"S" + _number.pack(len(value.encode())) + value.encode()


def publish(
    channel: int, exchange: str, routing_key: str, header: bytes, body: bytes, mandatory: bool = False
) -> bytes:
    """basic.publish, its content header and its body."""
    payload = b"\x00\x3c\x00\x28\x00\x00" + short(exchange) + short(routing_key) + bytes((mandatory,))
    frames = [frame_of(METHOD, channel, payload), frame_of(CONTENT_HEADER, channel, header)]
    frames += [frame_of(BODY, channel, body[at : at + BODY_BYTES_MAX]) for at in range(0, len(body), BODY_BYTES_MAX)]
    return b"".join(frames)


def ack(channel: int, tag: int, multiple: bool = False) -> bytes:
    """basic.ack"""
    return frame_of(METHOD, channel, _settlement.pack(0x3C_0050, tag, multiple))


def nack(channel: int, tag: int, multiple: bool, requeue: bool) -> bytes:
    """basic.nack"""
    return frame_of(METHOD, channel, _settlement.pack(0x3C_0078, tag, multiple | requeue << 1))


def reject(channel: int, tag: int, requeue: bool) -> bytes:
    """basic.reject"""
    return frame_of(METHOD, channel, _settlement.pack(0x3C_005A, tag, requeue))


def get(channel: int, queue: str, no_ack: bool = False) -> bytes:
    """basic.get"""
    return frame_of(METHOD, channel, b"\x00\x3c\x00\x46\x00\x00" + short(queue) + bytes((no_ack,)))


@cache
def handshake(heartbeat_seconds: int = 0) -> bytes:
    """All that a client says to open a connection, without waiting for what it is asked."""
    login = commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US")
    tuned = commands.Connection.TuneOk(2047, 131_072, heartbeat_seconds)
    return HEADER + b"".join(method(0, each) for each in (login, tuned, commands.Connection.Open("/")))


# Reading --------------------------------------------------------------------------------------------------------


class Reader:
    """Bytes in, methods with their contents out, however the bytes are split."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun: dict[int, tuple[int, bytes]] = {}
        """Channel → method and payload of what is to carry a content."""
        self._headers: dict[int, bytes] = {}
        self._bodies: dict[int, list[bytes]] = {}

    def feed(self, data: bytes) -> Iterator[Heard]:
        """What is complete."""
        data = self._rest + data
        at = 0
        while len(data) - at >= _head.size:
            kind, channel, size = _head.unpack_from(data, at)
            end = at + _head.size + size
            if end >= len(data):
                break
            assert data[end] == END, "a frame without its end"
            heard = self._take(kind, channel, data[at + _head.size : end])
            at = end + 1
            if heard is not None:
                self._rest = data[at:]
                yield heard
        self._rest = data[at:]

    def _take(self, kind: int, channel: int, payload: bytes) -> Heard | None:
        if kind == HEARTBEAT:
            return None
        if kind == METHOD:
            (number,) = _number.unpack_from(payload)
            if number not in (DELIVER, GET_OK, RETURN):
                return Heard(channel, number, payload)
            self._begun[channel], self._bodies[channel] = (number, payload), []
            return None
        if kind == CONTENT_HEADER:
            self._headers[channel] = payload
        else:
            self._bodies[channel].append(payload)
        body = b"".join(self._bodies[channel])
        if len(body) < _size.unpack_from(self._headers[channel], 4)[0]:
            return None
        return Heard(channel, *self._begun.pop(channel), self._headers.pop(channel), body)


def delivery_of(heard: Heard) -> Delivery:
    """What a basic.deliver or basic.get-ok says."""
    payload, at, consumer = heard.payload, 4, ""
    if heard.method == DELIVER:
        consumer, at = _short(payload, at)
    (tag,) = _size.unpack_from(payload, at)
    redelivered = payload[at + 8] == 1
    exchange, at = _short(payload, at + 9)
    routing_key, at = _short(payload, at)
    return Delivery(tag, redelivered, consumer, exchange, routing_key)


def settlement_of(heard: Heard) -> tuple[int, bool]:
    """Tag, and whether those before it are meant too, of a confirm."""
    _, tag, bits = _settlement.unpack_from(heard.payload)
    return tag, bits & 1 == 1


def consumer_of(heard: Heard) -> str:
    """The tag in a consume-ok or cancel-ok."""
    return _short(heard.payload, 4)[0]


def headers_of(header: bytes) -> dict[str, Any]:
    """The headers of a content header, decoded by pamqp."""
    decoded = ContentHeader()
    decoded.unmarshal(header)
    return dict(decoded.properties.headers or {})


def decoded(heard: Heard) -> Any:
    """A method as pamqp reads it."""
    return frame.unmarshal(frame_of(METHOD, heard.channel, heard.payload))[2]


def _short(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    return payload[at + 1 : end].decode(), end
