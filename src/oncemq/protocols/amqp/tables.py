"""Field tables and arrays: RabbitMQ's types, which are not those of the AMQP 0-9-1 document.

| wire | Python |
|---|---|
| t | bool |
| b B s u I i l L | int; written as I when 32 bits hold it, else as l (RabbitMQ takes L for signed too) |
| f d | float, written as d |
| D T | Decimal, Timestamp below |
| S | str; LongString when it is not UTF-8 |
| x | bytes |
| A F V | list, dict, None |

Keys are text; octets that are not UTF-8 come as lone surrogates ("surrogateescape") and are written back as they were.
Of a key that comes twice the first counts, as in RabbitMQ. A length that lies, a type that there is not, or too many
tables in one another is a FrameFault.
"""

import struct
from struct import Struct

import msgspec

from oncemq.protocols.amqp.errors import FrameFault, cannot_decode, table_too_deep, table_too_large
from oncemq.protocols.amqp.limits import SHORT_STRING_BYTES, TABLE_BYTES, TABLE_DEPTH


class Decimal(msgspec.Struct, frozen=True, gc=False):
    """`value` with the point `scale` places from the right. Signed, as clients take it; RabbitMQ shows it unsigned."""

    scale: int
    value: int


class Timestamp(msgspec.Struct, frozen=True, gc=False):
    """Seconds since 1970, 64 bits without sign."""

    seconds: int


class LongString(bytes):
    """A long string (S) that is not UTF-8. Not bytes (x): it is written back as what it was."""

    __slots__ = ()


Value = bool | int | float | str | bytes | None | Decimal | Timestamp | list["Value"] | dict[str, "Value"]
Table = dict[str, Value]


class UnencodableValue(ValueError):
    """A value that no type of a field table holds: ours, not a peer's, fault."""


_NUMBERS: dict[int, tuple[Struct, int]] = {
    ord(kind): (Struct(code), Struct(code).size)
    for kind, code in {
        "b": ">b",
        "B": ">B",
        "s": ">h",
        "u": ">H",
        "I": ">i",
        "i": ">I",
        "l": ">q",
        "L": ">q",
        "f": ">f",
        "d": ">d",
    }.items()
}
_DECIMAL = Struct(">Bi")
_TIMESTAMP = Struct(">Q")
_SIZE = Struct(">I")
_INT_32 = Struct(">ci")
_INT_64 = Struct(">cq")
_FLOAT_64 = Struct(">cd")
_SIZED = Struct(">cI")

_S, _F, _A, _X, _T, _D, _V, _t = b"SFAxTDVt"

_FIXED_BYTES = {kind: size for kind, (_, size) in _NUMBERS.items()} | {_t: 1, _V: 0, _T: 8, _D: 5}
_STRINGS = (_S, _X)
_SIZED_TYPES = frozenset((_S, _X, _F, _A))

_MALFORMED = (IndexError, struct.error, KeyError)


def decode_table(data: bytes, at: int = 0) -> tuple[Table, int]:
    """The table whose length stands at `at`, and where it ends."""
    try:
        return _table(data, at, len(data), 1)
    except _MALFORMED as error:
        raise FrameFault(cannot_decode(data[at:])) from error


def decode_whole_table(data: bytes) -> Table:
    """The table that fills `data`, its length included."""
    table, end = decode_table(data)
    if end != len(data):
        raise FrameFault(cannot_decode(data))
    return table


def check_table(data: bytes, at: int = 0) -> int:
    """Where the table at `at` ends; a fault where decode_table would raise one. Makes no values."""
    try:
        return _check(data, at, len(data), 1, keyed=True)
    except _MALFORMED as error:
        raise FrameFault(cannot_decode(data[at:])) from error


def _begin(data: bytes, at: int, limit: int, depth: int) -> tuple[int, int]:
    """Where what is inside of a table or an array begins and ends."""
    if depth > TABLE_DEPTH:
        raise FrameFault(table_too_deep(TABLE_DEPTH))
    size: int = _SIZE.unpack_from(data, at)[0]
    at += 4
    if size > TABLE_BYTES:
        raise FrameFault(table_too_large(size, TABLE_BYTES))
    if at + size > limit:
        raise FrameFault(cannot_decode(data[at - 4 :]))
    return at, at + size


def _table(data: bytes, at: int, limit: int, depth: int) -> tuple[Table, int]:
    table: Table = {}
    at, end = _begin(data, at, limit, depth)
    while at < end:
        key_end = at + 1 + data[at]
        key = data[at + 1 : key_end].decode("utf-8", "surrogateescape")
        value, at = _value(data, key_end, end, depth)
        table.setdefault(key, value)
    if at != end:
        raise FrameFault(cannot_decode(data[at:]))
    return table, end


def _array(data: bytes, at: int, limit: int, depth: int) -> tuple[list[Value], int]:
    values: list[Value] = []
    at, end = _begin(data, at, limit, depth)
    while at < end:
        value, at = _value(data, at, end, depth)
        values.append(value)
    if at != end:
        raise FrameFault(cannot_decode(data[at:]))
    return values, end


def _value(data: bytes, at: int, limit: int, depth: int) -> tuple[Value, int]:
    kind = data[at]
    at += 1
    if kind in _STRINGS:
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > limit or at + 4 > limit:
            raise IndexError
        raw = data[at + 4 : end]
        return (raw if kind == _X else _text(raw)), end
    if kind in _NUMBERS:
        packed, size = _NUMBERS[kind]
        return packed.unpack_from(data, at)[0], at + size
    if kind == _t:
        return data[at] != 0, at + 1
    if kind == _F:
        return _table(data, at, limit, depth + 1)
    if kind == _A:
        return _array(data, at, limit, depth + 1)
    if kind == _T:
        return Timestamp(_TIMESTAMP.unpack_from(data, at)[0]), at + 8
    if kind == _D:
        return Decimal(*_DECIMAL.unpack_from(data, at)), at + 5
    if kind == _V:
        return None, at
    raise KeyError(kind)


def _text(raw: bytes) -> str | LongString:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return LongString(raw)


def _check(data: bytes, at: int, limit: int, depth: int, *, keyed: bool) -> int:
    at, end = _begin(data, at, limit, depth)
    while at < end:
        if keyed:
            at += 1 + data[at]
        kind = data[at]
        at += 1
        if kind not in _SIZED_TYPES:
            at += _FIXED_BYTES[kind]
        elif kind in _STRINGS:
            at += 4 + int.from_bytes(data[at : at + 4], "big")
        else:
            at = _check(data, at, end, depth + 1, keyed=kind == _F)
    if at != end:
        raise FrameFault(cannot_decode(data[at:]))
    return end


def encode_table(table: Table) -> bytes:
    """A table with its length before it."""
    parts: list[bytes] = []
    _put_table(parts, table, 1)
    return b"".join(parts)


def encode_short_string(text: str) -> bytes:
    """A string of at most 255 octets with its length before it."""
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > SHORT_STRING_BYTES:
        raise UnencodableValue(f"a short string of {len(raw)} bytes")
    return bytes((len(raw),)) + raw


def _put_table(parts: list[bytes], table: Table, depth: int) -> int:
    """Appends the table; says how many bytes it is, its length included."""
    place = _reserve(parts, depth)
    size = 0
    for key, value in table.items():
        name = encode_short_string(key)
        parts.append(name)
        size += len(name) + _put_value(parts, value, depth)
    parts[place] = _SIZE.pack(size)
    return size + 4


def _put_array(parts: list[bytes], values: list[Value], depth: int) -> int:
    place = _reserve(parts, depth)
    size = sum(_put_value(parts, value, depth) for value in values)
    parts[place] = _SIZE.pack(size)
    return size + 4


def _reserve(parts: list[bytes], depth: int) -> int:
    if depth > TABLE_DEPTH:
        raise UnencodableValue(f"tables nested deeper than {TABLE_DEPTH}")
    parts.append(b"")
    return len(parts) - 1


def _put_value(parts: list[bytes], value: Value, depth: int) -> int:
    if isinstance(value, dict):
        parts.append(b"F")
        return 1 + _put_table(parts, value, depth + 1)
    if isinstance(value, list):
        parts.append(b"A")
        return 1 + _put_array(parts, value, depth + 1)
    raw = _plain(value)
    parts.append(raw)
    return len(raw)


def _plain(value: Value) -> bytes:
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogateescape")
        return _SIZED.pack(b"S", len(raw)) + raw
    if value is None:
        return b"V"
    if isinstance(value, bool):
        return b"t\x01" if value else b"t\x00"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, bytes):
        return _SIZED.pack(b"S" if isinstance(value, LongString) else b"x", len(value)) + value
    if isinstance(value, float):
        return _FLOAT_64.pack(b"d", value)
    try:
        if isinstance(value, Timestamp):
            return b"T" + _TIMESTAMP.pack(value.seconds)
        if isinstance(value, Decimal):
            return b"D" + _DECIMAL.pack(value.scale, value.value)
    except struct.error as error:
        raise UnencodableValue(str(value)) from error
    raise UnencodableValue(type(value).__name__)


def _integer(value: int) -> bytes:
    if -0x8000_0000 <= value <= 0x7FFF_FFFF:
        return _INT_32.pack(b"I", value)
    if -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:
        return _INT_64.pack(b"l", value)
    raise UnencodableValue("an integer of more than 64 bits")


def equivalent(left: Value, right: Value) -> bool:
    """Whether a declaration may say the one where the other stands: widths do not count, 1 is neither 1.0 nor true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equivalent(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equivalent, left, right))
    return type(left) is type(right) and left == right


_TYPE_NAMES: dict[type, str] = {
    bool: "bool",
    float: "double",
    str: "longstr",
    LongString: "longstr",
    bytes: "binary",
    type(None): "void",
    Decimal: "decimal",
    Timestamp: "timestamp",
    list: "array",
    dict: "table",
}


def type_name(value: Value) -> str:
    """What RabbitMQ calls the value's type in a text; an integer's width is taken to be the narrower usual one."""
    if type(value) is int:
        return "signedint" if -0x8000_0000 <= value <= 0x7FFF_FFFF else "long"
    return _TYPE_NAMES[type(value)]
