"""Frames: items however the bytes are split, the quick way beside the slow one, limits, lies, memory."""

import struct
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.protocols.amqp import limits, properties, writing
from oncemq.protocols.amqp.frames import (
    ACK,
    ACKS,
    CONTENT,
    CONTENTS,
    FAULT,
    HEARTBEAT,
    METHOD,
    PROTOCOL,
    PROTOCOL_HEADER,
    FrameReader,
    Item,
)
from oncemq.protocols.amqp.specification import BasicAck, BasicNack, BasicPublish, ChannelOpen, QueueDeclare, TxCommit

FRAME_BYTES = 4_096
HEADER = properties.encode(properties.Properties(delivery_mode=2), 0)[12:]


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def header(size: int, class_id: int = 60, weight: int = 0) -> bytes:
    return struct.pack(">HHQ", class_id, weight, size) + HEADER


def publish(body: bytes, channel: int = 1, queue: str = "q") -> bytes:
    method = writing.method_frame(channel, BasicPublish("", queue))
    return method + b"".join(writing.content_frames(channel, header(len(body)), body, FRAME_BYTES))


def reader(**limit: int) -> FrameReader:
    return FrameReader(FRAME_BYTES, greeted=True, **limit)


def feed(*pieces: bytes) -> list[tuple[Any, ...]]:
    frames = reader()
    return plain([item for piece in pieces for item in frames.feed(piece)])


class SlowReader(FrameReader):
    """Without the quick way: frame by frame."""

    def _scan(self, data: bytes, items: list[Item]) -> int:
        at = 0
        while at < len(data):
            following = self._frame(data, at, items)
            if following == at:
                break
            at = following
        return at


def feed_slowly(data: bytes) -> list[tuple[Any, ...]]:
    return plain(SlowReader(FRAME_BYTES, greeted=True).feed(data))


def plain(items: list[Item]) -> list[tuple[Any, ...]]:
    """Faults as texts, acknowledgements and publishes one by one, to be compared."""
    found: list[tuple[Any, ...]] = []
    for item in items:
        if item[0] == ACKS:
            found += [(ACK, item[1], tag, False) for tag in item[2]]
        elif item[0] == CONTENTS:
            found += [(CONTENT, *item[1:4], body) for body in item[4]]
        else:
            found.append((*item[:2], str(item[2])) if item[0] == FAULT else item)
    return found


def fault(data: bytes) -> str:
    items = feed(data)
    assert items[-1][0] == FAULT
    return str(items[-1][2])


STREAMS = {
    "repeated": publish(b"one") + publish(b"two") + publish(b"six") + publish(b"four") + publish(b"five"),
    "varied": publish(b"a")
    + publish(b"a")
    + publish(b"b", queue="r")
    + publish(b"a")
    + publish(b"a", 2)
    + publish(b"c"),
    "large": publish(b"x" * 3_990) + publish(b"y" * 9_000) + publish(b"after"),
    "empty": publish(b"") + publish(b"") + publish(b"after"),
    "interleaved": (
        writing.method_frame(1, BasicPublish("", "q"))
        + writing.method_frame(2, BasicPublish("", "r"))
        + frame(2, 1, header(4))
        + frame(8, 0, b"")
        + frame(2, 2, header(3))
        + frame(3, 1, b"ab")
        + writing.method_frame(3, TxCommit())
        + writing.ack_frame(3, 9, True)
        + publish(b"whole", 4)
        + frame(3, 2, b"xyz")
        + frame(3, 1, b"")
        + frame(3, 1, b"cd")
        + publish(b"whole", 4)
    ),
    "acknowledgements": (
        b"".join(writing.ack_frame(1, tag, False) for tag in range(250, 262))
        + b"".join(writing.ack_frame(1, 9 - tag, tag == 7) for tag in range(9))
        + b"".join(writing.ack_frame(1 + tag // 5, tag, False) for tag in range(14))
        + publish(b"between")
        + b"".join(writing.ack_frame(3, 2**64 - tag, False) for tag in range(1, 6))
    ),
    "methods": (
        writing.method_frame(1, ChannelOpen())
        + writing.method_frame(1, QueueDeclare("q", durable=True, arguments={"x-max-length": 1}))
        + writing.ack_frame(1, 2**64 - 1, False)
        + frame(1, 1, BasicNack(3, True, True).encode())
        + frame(1, 1, (60 << 16 | 999).to_bytes(4, "big"))
        + writing.HEARTBEAT_FRAME
    ),
    "wrong end": publish(b"one") + publish(b"two")[:-1] + b"\x00" + publish(b"three"),
    "wrong end of one that repeats": publish(b"a") * 2 + publish(b"a")[:-1] + b"\x00",
    "wrong end of a method": (publish(b"a") * 2).replace(b"q\x00\xce", b"q\x00\xcd"),
    "just too large for one step": publish(b"z" * 4_060) * 3,
    "an empty body frame": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(0)) + frame(3, 1, b""),
    "header on another channel": (
        writing.method_frame(1, BasicPublish()) + frame(2, 2, header(1)) + frame(3, 2, b"x") + publish(b"x")
    ),
    "wrong end of a body": publish(b"a") + publish(b"b", 2)[:-1] + b"\x00",
    "wrong end of a header": (publish(b"a") * 2).replace(b"\x02\xce\x03", b"\x02\xcd\x03"),
    "wrong end of another method": writing.method_frame(1, TxCommit())[:-1] + b"\x00" + publish(b"a"),
    "body on another channel": (
        writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1)) + frame(3, 2, b"x") + publish(b"x")
    ),
    "a short header": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1)[:12]) + frame(3, 1, b"x"),
    "another class": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1, 50)) + frame(3, 1, b"x"),
    "a weight": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1, 60, 1)) + frame(3, 1, b"x"),
    "too large": publish(b"one") + frame(3, 1, b"x" * (FRAME_BYTES + 1)),
    "too much": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(2)) + frame(3, 1, b"xyz"),
    "no end": publish(b"one") + publish(b"two")[:-4],
    "then a method": writing.method_frame(1, BasicPublish()) + writing.method_frame(1, TxCommit()),
    "then the next": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(2)) + publish(b"x"),
    "channel 0": writing.method_frame(0, BasicPublish()) + frame(2, 0, header(2)),
    "over": writing.method_frame(1, BasicPublish())
    + frame(2, 1, header(limits.BODY_BYTES + 1))
    + frame(3, 1, b"x" * 9),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_split_at_every_byte_yields_the_same_items(name: str) -> None:
    stream = STREAMS[name]
    whole = feed(stream)
    assert whole == feed_slowly(stream)
    for place in range(1, min(len(stream), 3_000)):
        assert feed(stream[:place], stream[place:]) == whole, place
    assert feed(*(stream[place : place + 1] for place in range(len(stream)))) == whole


def test_a_publish_comes_as_its_payloads() -> None:
    method = BasicPublish("", "q").encode()
    assert feed(STREAMS["repeated"])[:2] == [
        (CONTENT, 1, method, header(3), b"one"),
        (CONTENT, 1, method, header(3), b"two"),
    ]


def test_publishes_that_differ_in_their_bodies_alone_are_one_item() -> None:
    method, bodies = BasicPublish("", "q").encode(), [b"%03d" % number for number in range(100)]
    data = b"".join(publish(body) for body in bodies)
    items = reader().feed(data + publish(b"four") + data[:-1])
    assert items[2] == (CONTENTS, 1, method, header(3), bodies[2:])
    assert items[3] == (CONTENT, 1, method, header(4), b"four")
    assert sum(len(item[4]) if item[0] == CONTENTS else 1 for item in items) == 200


def test_what_repeats_is_the_same_object() -> None:
    first, second, third = (item[2] for item in feed(publish(b"one") + publish(b"two") + publish(b"six")))
    assert second is third
    assert first == second


def test_publishes_that_differ_are_told_from_those_that_repeat() -> None:
    items = feed(STREAMS["varied"])
    assert [(item[1], item[4]) for item in items] == [
        (1, b"a"),
        (1, b"a"),
        (1, b"b"),
        (1, b"a"),
        (2, b"a"),
        (1, b"c"),
    ]
    assert [item[2] for item in items][2] == BasicPublish("", "r").encode()


def test_large_and_empty_and_interleaved_bodies_are_gathered() -> None:
    publishing = BasicPublish("", "q").encode()
    assert feed(STREAMS["large"])[1] == (CONTENT, 1, publishing, header(9_000), b"y" * 9_000)
    assert feed(STREAMS["empty"])[0] == (CONTENT, 1, publishing, header(0), b"")
    assert [item[:2] for item in feed(STREAMS["interleaved"])] == [
        (HEARTBEAT, 0),
        (METHOD, 3),
        (ACK, 3),
        (CONTENT, 4),
        (CONTENT, 2),
        (CONTENT, 1),
        (CONTENT, 4),
    ]
    assert feed(STREAMS["interleaved"])[5][4] == b"abcd"


def test_acks_come_decoded() -> None:
    assert feed(writing.ack_frame(7, 5, True) + writing.ack_frame(7, 6, False)) == [
        (ACK, 7, 5, True),
        (ACK, 7, 6, False),
    ]
    assert fault(frame(1, 1, BasicAck(1).encode() + b"\x00")).startswith("FRAME_ERROR - cannot decode <<")


def test_nothing_is_waited_for_that_need_not_come() -> None:
    begun = writing.method_frame(1, BasicPublish())
    assert feed(begun + writing.HEARTBEAT_FRAME) == [(HEARTBEAT, 0)]
    assert [item[0] for item in feed(begun + writing.method_frame(2, TxCommit()))] == [METHOD]
    assert feed(begun + frame(2, 1, header(1)) + writing.HEARTBEAT_FRAME) == [(HEARTBEAT, 0)]
    assert [item[0] for item in feed(begun + frame(2, 1, header(0)))] == [CONTENT]


FAULTS = {
    "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}": frame(3, 1, b"x" * 4_097),
    "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,4088}": b"\x01\x00\x01\xff\xff\xff\xff",
    "FRAME_ERROR - type 4, all octets = <<>>: unknown_frame": frame(4, 1, b""),
    "FRAME_ERROR - type 1, all octets = <<0,60>>: unknown_frame": frame(1, 1, b"\x00\x3c"),
    "FRAME_ERROR - type 8, all octets = <<1>>: unknown_frame": frame(8, 0, b"\x01"),
    "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,0}": b"\x08" + bytes(7),
    "UNEXPECTED_FRAME - type 8, all octets = <<>>": frame(8, 1, b""),
    'UNEXPECTED_FRAME - type 3, all octets = <<"x">>': frame(3, 0, b"x"),
    "UNEXPECTED_FRAME - type 3, first 16 octets = <<" + "1," * 15 + "1>>": frame(3, 0, b"\1" * 20),
    "UNEXPECTED_FRAME - expected method frame, got non method frame instead": frame(3, 1, b"x"),
    "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead": (
        STREAMS["then a method"]
    ),
    "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead": (
        writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1, class_id=50))
    ),
    "UNEXPECTED_FRAME - expected content body, got non content body frame instead": STREAMS["then the next"],
    "FRAME_ERROR - content body size 9223372036854775808 exceeds maximum allowed size 536870912": (
        writing.method_frame(1, BasicPublish()) + frame(2, 1, header(2**63))
    ),
    "FRAME_ERROR - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,1>>: unknown_frame": (
        writing.method_frame(1, BasicPublish()) + frame(2, 1, header(1)[:12])
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_what_is_wrong_is_said_in_rabbitmqs_words(text: str) -> None:
    assert fault(FAULTS[text]) == text


def test_a_body_longer_than_announced_is_no_body() -> None:
    expected = "UNEXPECTED_FRAME - expected content body, got non content body frame instead"
    assert fault(STREAMS["too much"]) == expected


def test_after_a_fault_nothing_is_read() -> None:
    frames = reader()
    assert [item[0] for item in frames.feed(publish(b"one") + frame(9, 1, b"") + publish(b"two"))] == [CONTENT, FAULT]
    assert frames.feed(publish(b"three")) == []
    assert frames.held_bytes == 0


def test_a_payload_may_be_as_large_as_a_frame() -> None:
    begun = writing.method_frame(1, BasicPublish("", "q")) + frame(2, 1, header(FRAME_BYTES))
    assert feed(begun + frame(3, 1, bytes(FRAME_BYTES)))[0][4] == bytes(FRAME_BYTES)


def test_a_body_over_the_limit_is_thrown_away_and_its_channel_told() -> None:
    frames = FrameReader(limits.FRAME_BYTES_MAX, greeted=True)
    begun = writing.method_frame(5, BasicPublish()) + frame(2, 5, header(limits.BODY_BYTES + 1))
    (item,) = frames.feed(begun)
    assert item[0] == FAULT
    assert item[1] == 5
    told = item[2]
    assert told.reply_code == 406
    assert told.scope == "channel"
    assert str(told) == ("PRECONDITION_FAILED - message size 134217729 is larger than configured max size 134217728")
    piece = frame(3, 5, bytes(limits.FRAME_BYTES_MAX))
    for _ in range(limits.BODY_BYTES // limits.FRAME_BYTES_MAX):
        assert frames.feed(piece) == []
    assert frames.held_bytes < 10_000
    assert [item[0] for item in frames.feed(frame(3, 5, b"x") + publish(b"next", 5))] == [CONTENT]
    assert frames.held_bytes == 0


def test_unfinished_contents_of_many_channels_are_bounded() -> None:
    frames = reader(unfinished_bytes_max=100_000)
    begun = BasicPublish("", "q" * 200)
    for channel in range(1, 1_000):
        data = (
            writing.method_frame(channel, begun) + frame(2, channel, header(1_000_000)) + frame(3, channel, bytes(99))
        )
        for item in plain(frames.feed(data)):
            assert item[2].startswith("RESOURCE_ERROR - ")
            assert 90 < channel < 130
            return
        assert frames.held_bytes < 101_000
    pytest.fail("held without end")


def test_a_frame_that_trickles_in_costs_no_more_than_its_length() -> None:
    """A frame that trickles in is not copied for each read; if it were, this would take minutes."""
    frames = FrameReader(2**27, greeted=True)
    assert frames.feed(struct.pack(">BHI", 1, 1, 2**26)) == []
    piece = bytes(64)
    for _ in range(200_000):
        assert frames.feed(piece) == []
    assert frames.held_bytes == 7 + 200_000 * 64


ANNOUNCED = {
    "a frame of 2^32 bytes": b"\x01\x00\x01\xff\xff\xff\xff",
    "a body of 2^63 bytes": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(2**63)),
    "a body that may be": writing.method_frame(1, BasicPublish()) + frame(2, 1, header(limits.BODY_BYTES)),
    "a string of 2^32 bytes": frame(1, 1, b"\x00\x14\x00\x0b\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("begin", ANNOUNCED.values(), ids=ANNOUNCED)
def test_what_is_announced_is_not_allocated(begin: bytes) -> None:
    frames = FrameReader(limits.FRAME_BYTES_MAX, greeted=True)
    tracemalloc.start()
    frames.feed(begin)
    for _ in range(200):
        frames.feed(bytes(65_536))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_protocol_header_comes_first() -> None:
    for place in range(9):
        frames = FrameReader()
        stream = PROTOCOL_HEADER + writing.method_frame(0, TxCommit())
        items = frames.feed(stream[:place]) + frames.feed(stream[place:])
        assert [item[:3] for item in items] == [(PROTOCOL, 0, b""), (METHOD, 0, TxCommit.NUMBER)]
    assert FrameReader().feed(b"AMQP\x01\x01\x00\x09") == [(PROTOCOL, 0, b"")]


@pytest.mark.parametrize(
    "first",
    [b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"AMQP\x00\x00\x09\x02"],
)
def test_another_protocol_is_answered_with_ours_and_closed(first: bytes) -> None:
    for pieces in ([first], [first[place : place + 1] for place in range(len(first))]):
        frames = FrameReader()
        assert [item for piece in pieces for item in frames.feed(piece)] == [(PROTOCOL, 0, PROTOCOL_HEADER)]
        assert frames.feed(PROTOCOL_HEADER) == []


_frames = st.one_of(
    st.sampled_from(sorted(STREAMS.values())),
    st.builds(publish, st.binary(max_size=50), st.integers(0, 3)),
    st.builds(frame, st.integers(0, 9), st.integers(0, 3), st.binary(max_size=30)),
    st.builds(lambda channel, size: frame(2, channel, header(size)), st.integers(1, 3), st.integers(0, 5)),
    st.builds(lambda channel: writing.method_frame(channel, BasicPublish()), st.integers(1, 3)),
    st.builds(writing.ack_frame, st.integers(0, 3), st.integers(0, 2**64 - 1), st.booleans()),
)


def _split(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


@given(st.lists(_frames, max_size=8), st.lists(st.integers(0), max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_frames_split_anywhere_yield_the_same_items(parts: list[bytes], places: list[int]) -> None:
    stream = b"".join(parts)
    assert feed(*_split(stream, places)) == feed(stream) == feed_slowly(stream)


@given(st.lists(_frames, min_size=1, max_size=6), st.lists(st.integers(0), max_size=4), st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_frames_split_anywhere_yield_the_same_items(
    parts: list[bytes], places: list[int], data: st.DataObject
) -> None:
    stream = bytearray(b"".join(parts) or b"x")
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    assert feed(*_split(bytes(stream), places)) == feed(bytes(stream)) == feed_slowly(bytes(stream))


@given(st.binary(max_size=100), st.lists(st.integers(0), max_size=6), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_items_or_faults(data: bytes, places: list[int], greeted: bool) -> None:
    frames = FrameReader(greeted=greeted)
    items = [item for piece in _split(data, places) for item in frames.feed(piece)]
    assert all(item[0] in (METHOD, CONTENT, CONTENTS, ACK, ACKS, FAULT, PROTOCOL, HEARTBEAT) for item in items)
    assert frames.held_bytes <= len(data) + 8 * limits.UNFINISHED_CONTENT_BYTES


def test_acknowledgements_in_a_row_are_one_item() -> None:
    data = b"".join(writing.ack_frame(1, tag, False) for tag in range(1, 101)) + writing.ack_frame(1, 101, True)
    assert reader().feed(data) == [(ACKS, 1, list(range(1, 101))), (ACK, 1, 101, True)]


def test_a_row_of_acknowledgements_with_one_that_has_no_end() -> None:
    frames = [writing.ack_frame(1, tag, False) for tag in range(1, 101)]
    frames[60] = frames[60][:-1] + b"\x00"
    items = reader().feed(b"".join(frames))
    assert items[0] == (ACKS, 1, list(range(1, 61)))
    assert items[1][0] == FAULT
