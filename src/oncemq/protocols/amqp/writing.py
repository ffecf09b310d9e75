"""Frames that a server writes. A delivery is a prefix from `DeliveryPrefix` and then the content's frames."""

from struct import Struct
from typing import Final

from oncemq.protocols.amqp.frames import FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_METHOD
from oncemq.protocols.amqp.limits import DELIVERY_ROUTES, FRAME_OVERHEAD_BYTES
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.tables import encode_short_string

FRAME_END_OCTET: Final = bytes((FRAME_END,))
_HEAD = Struct(">BHI")
_END_AND_HEAD = Struct(">BBHI")
_TAG = Struct(">Q")
pack_tag = _TAG.pack

HEARTBEAT_FRAME: Final = b"\x08\x00\x00\x00\x00\x00\x00\xce"

_ACK_BYTES, _ACK = 13, 0x003C_0050
_NACK = 0x003C_0078
_TAGGED = Struct(">BHIIQBB")
_DELIVER = b"\x00\x3c\x00\x3c"


def method_frame(channel: int, method: Method) -> bytes:
    """The frame of a method."""
    return payload_frame(channel, method.encode())


def payload_frame(channel: int, payload: bytes) -> bytes:
    """The frame of a method that is encoded already."""
    return _HEAD.pack(FRAME_METHOD, channel, len(payload)) + payload + FRAME_END_OCTET


def ack_frame(channel: int, tag: int, multiple: bool) -> bytes:
    """basic.ack: what was published is safe."""
    return _TAGGED.pack(FRAME_METHOD, channel, _ACK_BYTES, _ACK, tag, multiple, FRAME_END)


def nack_frame(channel: int, tag: int, multiple: bool) -> bytes:
    """basic.nack: what was published was not taken."""
    return _TAGGED.pack(FRAME_METHOD, channel, _ACK_BYTES, _NACK, tag, multiple, FRAME_END)


def content_frames(channel: int, header: bytes, body: bytes, frame_bytes_max: int) -> list[bytes]:
    """A content header and its body, cut so that no frame with its overhead is larger than frame_bytes_max.

    Parts of frames, to be joined or written one after the other; a body that fits one frame is not copied.
    """
    head = _HEAD.pack(FRAME_HEADER, channel, len(header))
    piece_bytes = frame_bytes_max - FRAME_OVERHEAD_BYTES
    size = len(body)
    if not size:
        return [head, header, FRAME_END_OCTET]
    if size <= piece_bytes:
        return [head, header, _END_AND_HEAD.pack(FRAME_END, FRAME_BODY, channel, size), body, FRAME_END_OCTET]
    parts = [head, header]
    view = memoryview(body)
    for start in range(0, size, piece_bytes):
        piece = bytes(view[start : start + piece_bytes])
        parts += (_END_AND_HEAD.pack(FRAME_END, FRAME_BODY, channel, len(piece)), piece)
    parts.append(FRAME_END_OCTET)
    return parts


def content_head(channel: int, header_bytes: int) -> bytes:
    """What stands before a content header of that size."""
    return _HEAD.pack(FRAME_HEADER, channel, header_bytes)


def body_head(channel: int, body_bytes: int) -> bytes:
    """What stands between a content header and a body of that size that is one frame."""
    return _END_AND_HEAD.pack(FRAME_END, FRAME_BODY, channel, body_bytes)


class DeliveryPrefix:
    """basic.deliver for one consumer: all but the tag and the redelivered bit is made once a route.

    A route is exchange and routing key as short strings: `publish_route` cuts it out of a basic.publish as it came.
    """

    def __init__(self, channel: int, consumer_tag: str) -> None:
        self._channel = channel
        self._start = _DELIVER + encode_short_string(consumer_tag)
        self._routes: dict[bytes, tuple[bytes, bytes, bytes]] = {}

    def frame(self, tag: int, redelivered: bool, route: bytes) -> bytes:
        """The method frame of one delivery."""
        head, fresh, again = self._routes.get(route) or self._learn(route)
        return head + _TAG.pack(tag) + (again if redelivered else fresh)

    def parts(self, route: bytes) -> tuple[bytes, bytes, bytes]:
        """For runs of deliveries: what comes before the eight octets of the tag, and after them when the message is
        delivered for the first time, and when again."""
        return self._routes.get(route) or self._learn(route)

    def _learn(self, route: bytes) -> tuple[bytes, bytes, bytes]:
        if len(self._routes) >= DELIVERY_ROUTES:
            self._routes.clear()
        size = len(self._start) + _TAG.size + 1 + len(route)
        head = _HEAD.pack(FRAME_METHOD, self._channel, size) + self._start
        parts = self._routes[route] = (head, b"\x00" + route + FRAME_END_OCTET, b"\x01" + route + FRAME_END_OCTET)
        return parts


def publish_route(payload: bytes) -> bytes:
    """The route of a basic.publish, from its method payload. It was decoded once, so its lengths are true."""
    return payload[6:-1]


def encode_route(exchange: str, routing_key: str) -> bytes:
    """A route from names."""
    return encode_short_string(exchange) + encode_short_string(routing_key)
