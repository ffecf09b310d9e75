"""Field tables: every type beside pamqp and pika, round trips that keep types, depth, lengths that lie."""

import datetime
import decimal
import struct

import pamqp.decode
import pamqp.encode
import pika.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.limits import TABLE_BYTES, TABLE_DEPTH
from oncemq.protocols.amqp.tables import (
    Decimal,
    LongString,
    Table,
    Timestamp,
    UnencodableValue,
    Value,
    check_table,
    decode_table,
    decode_whole_table,
    encode_table,
    equivalent,
    type_name,
)
from tests.protocols.amqp import samples

DAY = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)


def _table(*entries: bytes) -> bytes:
    inside = b"".join(b"\x01k" + entry for entry in entries)
    return struct.pack(">I", len(inside)) + inside


WIRE: list[tuple[bytes, Value]] = [
    (b"t\x01", True),
    (b"t\x00", False),
    (b"b\xff", -1),
    (b"B\xff", 255),
    (b"s\xff\xfe", -2),
    (b"u\xff\xfe", 0xFFFE),
    (b"I\xff\xff\xff\xff", -1),
    (b"i\xff\xff\xff\xff", 2**32 - 1),
    (b"l" + b"\xff" * 8, -1),
    (b"L" + b"\xff" * 8, -1),
    (b"f\x3f\x80\x00\x00", 1.0),
    (b"d\x3f\xf8" + bytes(6), 1.5),
    (b"D\x02\x00\x00\x01\x3a", Decimal(2, 314)),
    (b"T" + struct.pack(">Q", 1_704_153_600), Timestamp(1_704_153_600)),
    (b"S\x00\x00\x00\x03\xe2\x82\xac", "€"),
    (b"S\x00\x00\x00\x02\xff\xfe", LongString(b"\xff\xfe")),
    (b"x\x00\x00\x00\x02hi", b"hi"),
    (b"A\x00\x00\x00\x03t\x01V", [True, None]),
    (b"F\x00\x00\x00\x03\x01aV", {"a": None}),
    (b"V", None),
]


@pytest.mark.parametrize(("wire", "value"), WIRE, ids=[chr(wire[0]) for wire, _ in WIRE])
def test_every_type_is_read_and_written_back_as_its_like(wire: bytes, value: Value) -> None:
    found = decode_whole_table(_table(wire))["k"]
    assert found == value
    assert type(found) is type(value)
    again = decode_whole_table(encode_table({"k": found}))["k"]
    assert equivalent(again, value)
    assert check_table(_table(wire)) == len(_table(wire))
    if chr(wire[0]) not in "bBsuiLf" and not (wire[:1] == b"l" and value == -1):
        assert encode_table({"k": found}) == _table(wire)


PIKA: list[tuple[object, Value]] = [
    (True, True),
    (7, 7),
    (2**40, 2**40),
    (-(2**40), -(2**40)),
    ("text", "text"),
    (b"bytes", b"bytes"),
    (None, None),
    (decimal.Decimal("3.14"), Decimal(2, 314)),
    (decimal.Decimal("-3.14"), Decimal(2, -314)),
    (DAY, Timestamp(1_704_153_600)),
    ([1, "two", [3]], [1, "two", [3]]),
    ({"a": {"b": 1}}, {"a": {"b": 1}}),
]


@pytest.mark.parametrize(("theirs", "ours"), PIKA)
def test_pika_writes_and_reads_the_same_bytes(theirs: object, ours: Value) -> None:
    parts: list[bytes] = []
    pika.data.encode_table(parts, {"key": theirs})
    assert b"".join(parts) == encode_table({"key": ours})
    assert decode_whole_table(b"".join(parts)) == {"key": ours}
    assert pika.data.decode_table(encode_table({"key": ours}), 0)[0] == {"key": theirs}


@pytest.mark.parametrize(("theirs", "ours"), [*PIKA, (1.5, 1.5)])
def test_pamqp_reads_and_is_read(theirs: object, ours: Value) -> None:
    given = bytearray(theirs) if isinstance(theirs, bytes) else theirs
    if theirs != decimal.Decimal("-3.14"):  # pamqp writes decimals without sign
        assert decode_whole_table(pamqp.encode.field_table({"key": given})) == {"key": ours}  # type: ignore[dict-item]
        assert pamqp.decode.field_table(encode_table({"key": ours}))[1] == {"key": theirs}


@given(samples.tables)
@settings(deadline=None)
def test_tables_survive_a_round_trip_with_their_types(table: Table) -> None:
    wire = encode_table(table)
    found = decode_whole_table(wire)
    assert equivalent(found, table)
    assert encode_table(found) == wire
    assert check_table(wire) == len(wire)


@given(samples.tables, st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_tables_decode_or_are_refused_and_check_agrees(table: Table, data: st.DataObject) -> None:
    wire = bytearray(encode_table(table))
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    _agree(bytes(wire))


@given(st.binary(max_size=80))
@settings(max_examples=500, deadline=None)
def test_any_bytes_decode_or_are_refused_and_check_agrees(inside: bytes) -> None:
    _agree(struct.pack(">I", len(inside)) + inside)
    _agree(inside)


def _agree(wire: bytes) -> None:
    outcomes: list[object] = []
    for read in (lambda data: decode_table(data)[1], check_table):
        try:
            outcomes.append(read(wire))
        except FrameFault as fault:
            outcomes.append(fault.reply_code)
    assert outcomes[0] == outcomes[1]
    assert type(outcomes[0]) is type(outcomes[1])


def _nested(depth: int, kind: bytes) -> bytes:
    inside = b""
    for _ in range(depth - 1):
        inside = (b"\x01k" if kind == b"F" else b"") + kind + struct.pack(">I", len(inside)) + inside
    if kind == b"A":
        inside = b"\x01k" + inside
    return struct.pack(">I", len(inside)) + inside


@pytest.mark.parametrize("kind", [b"F", b"A"])
def test_nesting_ends_at_the_limit(kind: bytes) -> None:
    assert decode_whole_table(_nested(TABLE_DEPTH, kind))
    check_table(_nested(TABLE_DEPTH, kind))
    for depth in (TABLE_DEPTH + 1, 1_000):
        for read in (decode_table, check_table):
            with pytest.raises(FrameFault, match=r"^SYNTAX_ERROR - field table is nested deeper than 100$") as caught:
                read(_nested(depth, kind))
            assert caught.value.reply_code == 502


def test_what_is_nested_too_deep_is_not_written() -> None:
    value: Value = None
    for _ in range(TABLE_DEPTH):
        value = [value]
    with pytest.raises(UnencodableValue):
        encode_table({"k": value})


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x00\x00\x00",
        b"\x00\x00\x00\x05\x01kV",  # says more than there is
        b"\x00\x00\x00\x02\x01kV\x00",  # says less
        _table(b"S\xff\xff\xff\xffhi"),
        _table(b"S\x00\x00\x00\x04hi") + b"beyond",  # a string that goes on behind its table
        _table(b"F\x00\x00\x00\x09\x01aV") + b"\x01b" * 9,
        _table(b"A\x00\x00\x00\x02t"),
        _table(b"?"),
        _table(b"T\x00"),
        b"\x00\x00\x00\x01\xff",
    ],
)
def test_lengths_that_lie_are_frame_errors(wire: bytes) -> None:
    for read in (decode_table, check_table):
        with pytest.raises(FrameFault) as caught:
            read(wire)
        assert caught.value.reply_code == 501


def test_a_table_larger_than_any_is_a_syntax_error() -> None:
    with pytest.raises(FrameFault) as caught:
        decode_table(struct.pack(">I", TABLE_BYTES + 1) + bytes(TABLE_BYTES + 1))
    assert caught.value.reply_code == 502


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, Timestamp(2**64), Timestamp(-1), Decimal(256, 0), Decimal(0, 2**31)]
)
def test_numbers_too_large_are_not_written(value: Value) -> None:
    with pytest.raises(UnencodableValue):
        encode_table({"k": value})


def test_keys_of_256_bytes_are_not_written() -> None:
    with pytest.raises(UnencodableValue):
        encode_table({"k" * 256: 1})


def test_the_first_of_two_keys_counts_and_octets_of_a_key_stay() -> None:
    assert decode_whole_table(_table(b"t\x01", b"t\x00")) == {"k": True}
    wire = b"\x00\x00\x00\x03\x01\xffV"
    assert encode_table(decode_whole_table(wire)) == wire


def test_equivalence_is_rabbitmqs() -> None:
    narrow, wide = decode_whole_table(_table(b"b\x05")), decode_whole_table(_table(b"l" + bytes(7) + b"\x05"))
    assert equivalent(narrow, wide)
    different: list[tuple[Value, Value]] = [(1, 1.0), (1, True), (0, None), ("a", b"a"), (b"a", LongString(b"a"))]
    different += [([1], [1.0]), ({"a": 1}, {"a": True}), ({"a": 1}, {"b": 1}), ([1], [1, 2])]
    for left, right in different:
        assert not equivalent(left, right)
        assert not equivalent(right, left)


def test_types_have_rabbitmqs_names() -> None:
    names: list[tuple[Value, str]] = [
        (1, "signedint"),
        (2**31, "long"),
        ("a", "longstr"),
        (True, "bool"),
        (1.0, "double"),
    ]
    assert [type_name(value) for value, _ in names] == [name for _, name in names]
