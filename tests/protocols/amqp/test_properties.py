"""Content headers: bytes beside pamqp and pika, readers of single things beside the whole, lies."""

import datetime

import pamqp.commands
import pamqp.header
import pika.spec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.protocols.amqp import properties
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.properties import Properties
from oncemq.protocols.amqp.tables import decode_whole_table
from tests.protocols.amqp import samples

DAY = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
FULL = Properties(
    content_type="application/json",
    content_encoding="gzip",
    headers={"a": 1, "b": {"c": "d"}},
    delivery_mode=2,
    priority=9,
    correlation_id="correlation",
    reply_to="amq.rabbitmq.reply-to",
    expiration="60000",
    message_id="message",
    timestamp=1_704_153_600,
    type="type",
    user_id="guest",
    app_id="app",
    cluster_id="cluster",
)
ALONE = [Properties(**{name: getattr(FULL, name)}) for name in Properties.__struct_fields__]
EXAMPLES = [Properties(), FULL, *ALONE]


@pytest.mark.parametrize("ours", EXAMPLES)
def test_pika_writes_and_reads_the_same_bytes(ours: Properties) -> None:
    theirs = pika.spec.BasicProperties(**{name: getattr(ours, name) for name in Properties.__struct_fields__})
    wire = properties.encode(ours, 77)
    assert wire[12:] == b"".join(theirs.encode())
    read = pika.spec.BasicProperties().decode(wire, 12)
    assert {name: getattr(read, name) for name in Properties.__struct_fields__} == {
        name: getattr(ours, name) for name in Properties.__struct_fields__
    }


@pytest.mark.parametrize("ours", EXAMPLES)
def test_pamqp_reads_and_is_read(ours: Properties) -> None:
    names = {"type": "message_type"}
    values = {names.get(name, name): getattr(ours, name) for name in Properties.__struct_fields__}
    if values["timestamp"] is not None:
        values["timestamp"] = DAY
    theirs = pamqp.commands.Basic.Properties.__new__(pamqp.commands.Basic.Properties)
    for name, value in values.items():
        setattr(theirs, name, value)
    header = pamqp.header.ContentHeader(0, 77, theirs)
    assert properties.decode(header.marshal()) == ours
    read = pamqp.header.ContentHeader()
    read.unmarshal(properties.encode(ours, 77))
    assert read.body_size == 77
    unset = {None, ""}
    for name, value in values.items():
        found = getattr(read.properties, name)
        assert found == value or (value is None and found in unset)


@given(samples.properties, st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_headers_survive_a_round_trip_and_readers_say_what_decode_says(ours: Properties, size: int) -> None:
    wire = properties.encode(ours, size)
    properties.check(wire)
    assert properties.decode(wire) == ours
    assert properties.body_bytes(wire) == size
    assert properties.read_delivery_mode(wire) == ours.delivery_mode
    assert properties.read_priority(wire) == ours.priority
    expiration, headers = properties.read_expiration(wire), properties.read_headers(wire)
    assert (None if expiration is None else expiration.decode()) == ours.expiration
    assert (None if headers is None else decode_whole_table(headers)) == ours.headers


@given(samples.properties, st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_headers_decode_or_are_refused_and_check_agrees(ours: Properties, data: st.DataObject) -> None:
    wire = bytearray(properties.encode(ours, 5))
    for _ in range(data.draw(st.integers(1, 3))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    _agree(bytes(wire))


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_bytes_decode_or_are_refused_and_check_agrees(raw: bytes) -> None:
    _agree(raw)
    _agree(b"\x00\x3c" + bytes(10) + raw)


def _agree(wire: bytes) -> None:
    try:
        found = properties.decode(wire)
    except FrameFault:
        with pytest.raises(FrameFault):
            properties.check(wire)
        return
    properties.check(wire)
    assert properties.decode(properties.encode(found, 0)) == found
    assert properties.read_delivery_mode(wire) == found.delivery_mode
    assert properties.read_priority(wire) == found.priority
    assert (properties.read_expiration(wire) is None) == (found.expiration is None)


@pytest.mark.parametrize("ours", EXAMPLES)
def test_a_header_too_short_or_too_long_is_a_frame_error(ours: Properties) -> None:
    wire = properties.encode(ours, 0)
    for wrong in [wire[:size] for size in range(len(wire))] + [wire + b"\x00"]:
        for read in (properties.check, properties.decode):
            with pytest.raises(FrameFault) as caught:
                read(wrong)
            assert caught.value.reply_code == 501


def test_flags_that_no_property_has_are_refused() -> None:
    for flag in (1, 2):
        wire = bytearray(properties.encode(Properties(), 0))
        wire[13] |= flag
        for read in (properties.check, properties.decode):
            with pytest.raises(FrameFault):
                read(bytes(wire))
