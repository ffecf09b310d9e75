"""What the server writes, read by pika, by pamqp and by FrameReader."""

import pamqp.frame
import pika.frame
import pika.spec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncemq.protocols.amqp import properties, writing
from oncemq.protocols.amqp.frames import FrameReader
from oncemq.protocols.amqp.limits import DELIVERY_ROUTES
from oncemq.protocols.amqp.specification import BasicAck, BasicDeliver, BasicNack, BasicPublish, QueueDeclareOk

_short = st.text(max_size=20)


def _pika(data: bytes) -> list[pika.frame.Frame]:
    frames = []
    while data:
        size, frame = pika.frame.decode_frame(data)
        assert size
        frames.append(frame)
        data = data[size:]
    return frames


def test_method_frames_are_read_by_both() -> None:
    data = writing.method_frame(3, QueueDeclareOk("q", 5, 6))
    (frame,) = _pika(data)
    assert (frame.channel_number, frame.method.queue, frame.method.message_count) == (3, "q", 5)
    size, channel, method = pamqp.frame.unmarshal(data)
    assert (size, channel, method.name) == (len(data), 3, "Queue.DeclareOk")


def test_heartbeats_are_heartbeats() -> None:
    assert isinstance(_pika(writing.HEARTBEAT_FRAME)[0], pika.frame.Heartbeat)


@given(st.integers(1, 65_535), st.integers(0, 2**64 - 1), st.booleans())
def test_confirms_are_acks_and_nacks(channel: int, tag: int, multiple: bool) -> None:
    assert writing.ack_frame(channel, tag, multiple) == writing.method_frame(channel, BasicAck(tag, multiple))
    assert writing.nack_frame(channel, tag, multiple) == writing.method_frame(channel, BasicNack(tag, multiple))


@given(_short, st.integers(0, 2**64 - 1), st.booleans(), _short, _short)
def test_a_delivery_is_what_the_method_would_be(
    consumer: str, tag: int, redelivered: bool, exchange: str, key: str
) -> None:
    prefix = writing.DeliveryPrefix(9, consumer)
    route = writing.publish_route(BasicPublish(exchange, key, mandatory=True).encode())
    assert route == writing.encode_route(exchange, key)
    whole = writing.method_frame(9, BasicDeliver(consumer, tag, redelivered, exchange, key))
    assert prefix.frame(tag, redelivered, route) == whole
    before, fresh, again = prefix.parts(route)
    assert before + tag.to_bytes(8, "big") + (again if redelivered else fresh) == whole


def test_routes_kept_for_deliveries_are_bounded() -> None:
    prefix = writing.DeliveryPrefix(1, "tag")
    for number in range(DELIVERY_ROUTES * 2 + 5):
        frame = prefix.frame(1, False, writing.encode_route("", str(number)))
        assert _pika(frame)[0].method.routing_key == str(number)
    assert len(prefix._routes) <= DELIVERY_ROUTES


@pytest.mark.parametrize("size", [0, 1, 100, 4_088, 4_089, 8_176, 8_177, 20_000])
def test_contents_are_cut_to_frames(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    header = properties.encode(properties.Properties(delivery_mode=2), size)
    data = b"".join(writing.content_frames(2, header, body, 4_096))
    frames = _pika(data)
    assert frames[0].body_size == size
    assert b"".join(frame.fragment for frame in frames[1:]) == body
    assert all(len(frame.fragment) <= 4_088 for frame in frames[1:])
    assert len(frames) == 1 + -(-size // 4_088)
    whole = writing.method_frame(2, BasicPublish("", "q")) + data
    (item,) = FrameReader(4_096, greeted=True).feed(whole)
    assert item[3:5] == (header, body)
