"""The content header of the class basic: what a message says about itself besides its body.

    class (2) weight (2) body size (8) flags (2) properties that are there, in the order of their flags

It travels and is stored as raw bytes. `read` functions find a single thing without decoding the rest; they suppose
that `check` has passed once. Flags that no property has are refused, further flag words (never seen) too.
"""

import struct
from struct import Struct

import msgspec

from oncemq.protocols.amqp.errors import FrameFault, cannot_decode, expected_header_of
from oncemq.protocols.amqp.tables import Table, check_table, decode_table, encode_short_string, encode_table

BASIC = 60

_HEAD = Struct(">HHQH")
_SIZE = Struct(">Q")
_TIMESTAMP = Struct(">Q")
_HEAD_BYTES = 14

# The high octet of the flags.
_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS, _DELIVERY_MODE = 0x80, 0x40, 0x20, 0x10
_PRIORITY, _CORRELATION_ID, _REPLY_TO, _EXPIRATION = 0x08, 0x04, 0x02, 0x01
_TYPES_BEFORE_HEADERS = _CONTENT_TYPE | _CONTENT_ENCODING
REPLY_TO_FLAG = _REPLY_TO
_STRINGS_BEFORE_EXPIRATION = (_CORRELATION_ID, _REPLY_TO)
# The low octet.
_MESSAGE_ID, _TIMESTAMP_FLAG, _UNUSED = 0x80, 0x40, 0x03
_STRINGS_AFTER_TIMESTAMP = (0x20, 0x10, 0x08, 0x04)


class Properties(msgspec.Struct, gc=False):
    """The fourteen properties; None is one that is not there. Text that is not UTF-8 holds lone surrogates."""

    content_type: str | None = None
    content_encoding: str | None = None
    headers: Table | None = None
    delivery_mode: int | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    expiration: str | None = None
    message_id: str | None = None
    timestamp: int | None = None
    """Seconds since 1970."""
    type: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    cluster_id: str | None = None


PERSISTENT = 2
"""The delivery mode of a message that survives a restart."""

_NAMES = Properties.__struct_fields__


def body_bytes(header: bytes) -> int:
    """The size of the body that the header announces."""
    size: int = _SIZE.unpack_from(header, 4)[0]
    return size


def decode(header: bytes) -> Properties:
    """All properties of a header."""
    properties = Properties()
    try:
        at = _decode(header, properties)
    except (IndexError, struct.error) as error:
        raise FrameFault(cannot_decode(header)) from error
    if at != len(header):
        raise FrameFault(cannot_decode(header))
    return properties


def _decode(header: bytes, properties: Properties) -> int:
    class_id, weight, _, flags = _HEAD.unpack_from(header)
    if class_id != BASIC or weight or flags & _UNUSED:
        raise IndexError
    at = _HEAD_BYTES
    for place, name in enumerate(_NAMES):
        if flags & 0x8000 >> place:
            if name == "headers":
                properties.headers, at = decode_table(header, at)
            elif name == "delivery_mode" or name == "priority":
                setattr(properties, name, header[at])
                at += 1
            elif name == "timestamp":
                properties.timestamp = _TIMESTAMP.unpack_from(header, at)[0]
                at += 8
            else:
                end = at + 1 + header[at]
                setattr(properties, name, header[at + 1 : end].decode("utf-8", "surrogateescape"))
                at = end
    return at


def encode(properties: Properties, body_size_bytes: int) -> bytes:
    """The header of a body of that size."""
    flags = 0
    parts: list[bytes] = []
    for place, name in enumerate(_NAMES):
        value = getattr(properties, name)
        if value is None:
            continue
        flags |= 0x8000 >> place
        if name == "headers":
            parts.append(encode_table(value))
        elif name == "delivery_mode" or name == "priority":
            parts.append(bytes((value,)))
        elif name == "timestamp":
            parts.append(_TIMESTAMP.pack(value))
        else:
            parts.append(encode_short_string(value))
    return _HEAD.pack(BASIC, 0, body_size_bytes, flags) + b"".join(parts)


def check(header: bytes) -> None:
    """A fault where decode would raise one; makes no values. Everything a peer publishes passes here once.

    What is not checked here would reach consumers, and many clients drop the connection on a header they cannot read.
    """
    try:
        class_id, weight, _, flags = _HEAD.unpack_from(header)
        if class_id != BASIC:
            raise FrameFault(expected_header_of(BASIC, class_id))
        if weight or flags & _UNUSED or _end(header, flags) != len(header):
            raise FrameFault(cannot_decode(header))
    except (IndexError, struct.error) as error:
        raise FrameFault(cannot_decode(header)) from error


def _end(header: bytes, flags: int) -> int:
    """Where the properties end by their own lengths."""
    high, low = flags >> 8, flags & 0xFF
    at = _headers_at(header, high)
    if high & _HEADERS:
        at = check_table(header, at)
    at += (high & _DELIVERY_MODE != 0) + (high & _PRIORITY != 0)
    for flag in (_CORRELATION_ID, _REPLY_TO, _EXPIRATION):
        if high & flag:
            at += 1 + header[at]
    if low & _MESSAGE_ID:
        at += 1 + header[at]
    if low & _TIMESTAMP_FLAG:
        at += 8
    for flag in _STRINGS_AFTER_TIMESTAMP:
        if low & flag:
            at += 1 + header[at]
    return at


def _headers_at(header: bytes, high: int) -> int:
    at = _HEAD_BYTES
    if high & _TYPES_BEFORE_HEADERS:
        if high & _CONTENT_TYPE:
            at += 1 + header[at]
        if high & _CONTENT_ENCODING:
            at += 1 + header[at]
    return at


def _delivery_mode_at(header: bytes, high: int) -> int:
    at = _headers_at(header, high)
    if high & _HEADERS:
        at += 4 + int.from_bytes(header[at : at + 4], "big")
    return at


def read_headers(header: bytes) -> bytes | None:
    """The headers as an encoded table, for decode_whole_table; None without any."""
    high = header[12]
    if not high & _HEADERS:
        return None
    at = _headers_at(header, high)
    return header[at : at + 4 + int.from_bytes(header[at : at + 4], "big")]


def read_delivery_mode(header: bytes) -> int | None:
    """PERSISTENT, or another number, or None."""
    high = header[12]
    return header[_delivery_mode_at(header, high)] if high & _DELIVERY_MODE else None


def read_priority(header: bytes) -> int | None:
    """The message's priority, 0 to 255."""
    high = header[12]
    if not high & _PRIORITY:
        return None
    return header[_delivery_mode_at(header, high) + (high & _DELIVERY_MODE != 0)]


def read_expiration(header: bytes) -> bytes | None:
    """The time to live in milliseconds, as the digits (or whatever else) the publisher wrote."""
    high = header[12]
    if not high & _EXPIRATION:
        return None
    at = _delivery_mode_at(header, high) + (high & _DELIVERY_MODE != 0) + (high & _PRIORITY != 0)
    for flag in _STRINGS_BEFORE_EXPIRATION:
        if high & flag:
            at += 1 + header[at]
    return header[at + 1 : at + 1 + header[at]]
