"""Frames: bytes in, as items out; contents are put together here, so an item is a whole thing to act upon.

    (PROTOCOL, 0, answer)                            the protocol header; `answer` is empty, or what to send and close
    (METHOD, channel, number, payload)               a method without content; number is class << 16 | method
    (ACK, channel, delivery tag, multiple)           a basic.ack, decoded, as there are so many
    (ACKS, channel, delivery tags)                   many of them one after another, none multiple
    (CONTENT, channel, method, header, body)         a basic.publish: payloads of its method and of its content header,
                                                     and the body
    (CONTENTS, channel, method, header, bodies)      several of them that differ in their bodies alone
    (HEARTBEAT, 0)
    (FAULT, channel, fault)                          scope "channel": close it, reading goes on; else the last item

But for what is one item and what several, items do not depend on how the bytes are split. A publish is taken in one
step when its three frames follow one another and are together no larger than one frame may be; all else (large bodies,
empty ones, frames of other channels in between) is gathered frame by frame.

What is held: one unfinished frame or such a publish, and unfinished contents up to UNFINISHED_BYTES.
"""

from struct import Struct
from typing import Final, Literal

from oncemq.protocols.amqp import errors
from oncemq.protocols.amqp.acks import ACK_FRAME_BYTES, acks_at
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.fields import malformed
from oncemq.protocols.amqp.limits import (
    ANNOUNCED_BODY_BYTES,
    BODY_BYTES,
    FRAME_BYTES_BEFORE_TUNE,
    FRAME_OVERHEAD_BYTES,
    UNFINISHED_BYTES,
    UNFINISHED_CONTENT_BYTES,
)
from oncemq.protocols.amqp.refusals import message_too_large

METHOD: Final = 1
CONTENT: Final = 2
ACK: Final = 3
FAULT: Final = 4
PROTOCOL: Final = 5
ACKS: Final = 6
CONTENTS: Final = 7
HEARTBEAT: Final = 8

Item = (
    tuple[Literal[1], int, int, bytes]
    | tuple[Literal[2], int, bytes, bytes, bytes]
    | tuple[Literal[7], int, bytes, bytes, list[bytes]]
    | tuple[Literal[3], int, int, bool]
    | tuple[Literal[4], int, FrameFault]
    | tuple[Literal[5], int, bytes]
    | tuple[Literal[6], int, list[int]]
    | tuple[Literal[8], int]
)

PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_PROTOCOL_0_9: Final = b"AMQP\x01\x01\x00\x09"
"""AMQP 0-9's, which RabbitMQ takes for 0-9-1's."""

FRAME_METHOD: Final = 1
FRAME_HEADER: Final = 2
FRAME_BODY: Final = 3
FRAME_HEARTBEAT: Final = 8
FRAME_END: Final = 0xCE

PUBLISH: Final = 0x003C_0028
BASIC_ACK: Final = 0x003C_0050

_BASIC = 60
_BASIC_AND_WEIGHT = _BASIC << 16
_MARK_HEADER = FRAME_END << 24 | FRAME_HEADER << 16
_MARK_BODY_LESS_HEADER = (FRAME_BODY - FRAME_HEADER) << 16
_HEADER_PAYLOAD_BYTES = 14
_METHOD_FRAME_BYTES = 12
_HEADER_AND_BODY_FRAME_BYTES = 30
_ACK_BYTES = 13

_unpack_head = Struct(">BHI").unpack_from
_unpack_method = Struct(">BHII").unpack_from
"""Type, channel, size, and the number of the method."""
_unpack_header = Struct(">IIIQ").unpack_from
"""From the end of the frame before: that octet, type and channel as one number; size; class and weight; body size."""
_unpack_body = Struct(">II").unpack_from
"""From the end of the frame before: that octet, type and channel as one number; size."""
_unpack_ack = Struct(">QB").unpack_from
_unpack_announced = Struct(">HHQ").unpack_from


class _Content:
    """A content whose last frame has not come."""

    __slots__ = ("body", "discarded", "header", "held_bytes", "left_bytes", "method")

    def __init__(self, method: bytes) -> None:
        self.method = method
        self.header: bytes | None = None
        self.body = bytearray()
        self.left_bytes = 0
        self.held_bytes = UNFINISHED_CONTENT_BYTES + len(method)
        self.discarded = False


class _Last:
    """The last publish. Of one that comes as the one before did all but the body is known by its first bytes."""

    __slots__ = ("body_at", "channel", "header", "method", "size", "start")

    def __init__(self) -> None:
        self.size = 0
        """Of its three frames; 0 when it has not come twice in a row."""
        self.start = b""
        """Everything before the body, of one that came twice."""
        self.body_at = self.channel = 0
        self.method = self.header = b""


class FrameReader:
    """What a client sends on one connection, as items."""

    def __init__(
        self,
        frame_bytes_max: int = FRAME_BYTES_BEFORE_TUNE,
        *,
        greeted: bool = False,
        unfinished_bytes_max: int = UNFINISHED_BYTES,
    ) -> None:
        self.frame_bytes_max = frame_bytes_max
        """To be set when it has been negotiated. As in RabbitMQ a payload, not the frame, may be that large: several
        clients count wrongly."""
        self._unfinished_bytes_max = unfinished_bytes_max
        self._greeted = greeted
        self._over = False
        self._rest: bytes | bytearray = b""
        self._needed_bytes = 0
        self._contents: dict[int, _Content] = {}
        self._last = _Last()
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What is held of things that are not finished."""
        return len(self._rest) + self._held_bytes

    def feed(self, data: bytes) -> list[Item]:
        """What these bytes complete, in order. After a fault that closes the connection: nothing, for ever."""
        rest = self._rest
        if rest:
            if len(rest) + len(data) < self._needed_bytes:
                self._rest = rest if isinstance(rest, bytearray) else bytearray(rest)
                self._rest += data
                return []
            data = b"".join((rest, data))
        items: list[Item] = []
        if self._over:
            return items
        try:
            at = self._scan(data, items) if self._greeted else self._greet(data, items)
            self._rest = data[at:]
        except FrameFault as fault:
            items.append((FAULT, 0, fault))
            self._end()
        return items

    def _end(self) -> None:
        self._over = True
        self._rest = b""
        self._contents.clear()
        self._held_bytes = 0

    def _greet(self, data: bytes, items: list[Item]) -> int:
        header = data[: len(PROTOCOL_HEADER)]
        if header in (PROTOCOL_HEADER, _PROTOCOL_0_9):
            self._greeted = True
            items.append((PROTOCOL, 0, b""))
            rest = self._scan(data[len(header) :], items)
            return len(header) + rest
        if len(header) == len(PROTOCOL_HEADER) or not (
            PROTOCOL_HEADER.startswith(header) or _PROTOCOL_0_9.startswith(header)
        ):
            items.append((PROTOCOL, 0, PROTOCOL_HEADER))
            self._end()
            return len(data)
        self._needed_bytes = 0
        return 0

    def _scan(self, data: bytes, items: list[Item]) -> int:
        """Appends what the data holds; returns where it is unfinished. The hot loop: it takes what is well-formed,
        whole and common, and leaves all else to `_frame`, which takes everything."""
        at, total, append = 0, len(data), items.append
        contents, size_max, last = self._contents, self.frame_bytes_max, self._last
        while at < total:
            if not contents and total - at >= _METHOD_FRAME_BYTES:
                if last.size and data.startswith(last.start, at):
                    finish = at + last.size
                    if finish <= total and data[finish - 1] == FRAME_END:
                        at = self._publishes(data, at, items)
                        continue
                kind, channel, size, number = _unpack_method(data, at)
                end = at + size + FRAME_OVERHEAD_BYTES
                if kind == FRAME_METHOD and end <= total and 4 <= size <= size_max and data[end - 1] == FRAME_END:
                    if number == PUBLISH:
                        if total - end >= _HEADER_AND_BODY_FRAME_BYTES and channel:
                            finish = self._publish(data, at, end, channel, items)
                            if finish != at:
                                at = finish
                                continue
                    elif number != BASIC_ACK:
                        append((METHOD, channel, number, data[at + 7 : end - 1]))
                        at = end
                        continue
                    elif size == _ACK_BYTES:
                        tags = acks_at(data, at)
                        if tags:
                            append((ACKS, channel, tags))
                            at += len(tags) * ACK_FRAME_BYTES
                            continue
                        tag, multiple = _unpack_ack(data, at + 11)
                        append((ACK, channel, tag, multiple & 1 != 0))
                        at = end
                        continue
            following = self._frame(data, at, items)
            if following == at:
                return at
            at = following
        return at

    def _publishes(self, data: bytes, at: int, items: list[Item]) -> int:
        """Takes all publishes from `at` on that come as the last one did; returns where they end."""
        last, total = self._last, len(data)
        size, start, body_at = last.size, last.start, last.body_at
        bodies: list[bytes] = []
        finish = at + size
        while finish <= total and data[finish - 1] == FRAME_END and data.startswith(start, at):
            bodies.append(data[at + body_at : finish - 1])
            at, finish = finish, finish + size
        items.append((CONTENTS, last.channel, last.method, last.header, bodies))
        return at

    def _publish(self, data: bytes, at: int, end: int, channel: int, items: list[Item]) -> int:
        """Takes the publish at `at`, whose method frame ends at `end`, when it is whole and in three frames; returns
        where it ends, else `at`. Says what `_content_end` says, faster."""
        mark, header_size, class_and_weight, body_size = _unpack_header(data, end - 1)
        body_at: int = end + header_size + FRAME_OVERHEAD_BYTES
        if body_at + 7 > len(data):
            return at
        body_mark, size = _unpack_body(data, body_at - 1)
        finish: int = body_at + size + FRAME_OVERHEAD_BYTES
        if (
            mark == _MARK_HEADER + channel
            and body_mark == mark + _MARK_BODY_LESS_HEADER
            and size == body_size
            and finish <= len(data)
            and finish - at <= self.frame_bytes_max
            and data[finish - 1] == FRAME_END
            and class_and_weight == _BASIC_AND_WEIGHT
            and header_size >= _HEADER_PAYLOAD_BYTES
            and size
        ):
            method, header, last = data[at + 7 : end - 1], data[end + 7 : body_at - 1], self._last
            if method == last.method and header == last.header and channel == last.channel:
                last.start = data[at : body_at + 7]
                last.size, last.body_at = finish - at, body_at + 7 - at
            else:
                last.size = 0
            last.method, last.header, last.channel = method, header, channel
            items.append((CONTENT, channel, method, header, data[body_at + 7 : finish - 1]))
            return finish
        return at

    def _frame(self, data: bytes, at: int, items: list[Item]) -> int:
        """Takes one frame, or a publish of three; returns where the next begins, or `at` when bytes are missing."""
        left = len(data) - at
        if left < FRAME_OVERHEAD_BYTES - 1:
            return self._wait(at, FRAME_OVERHEAD_BYTES)
        kind, channel, size = _unpack_head(data, at)
        if size > self.frame_bytes_max:
            raise FrameFault(errors.frame_too_large(kind, size, self.frame_bytes_max - FRAME_OVERHEAD_BYTES))
        end: int = at + size + FRAME_OVERHEAD_BYTES
        if end > len(data):
            return self._wait(at, end - at)
        payload = data[at + 7 : end - 1]
        if data[end - 1] != FRAME_END:
            raise FrameFault(errors.bad_frame_end(kind, payload, data[end - 1]))
        if kind not in (FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT):
            raise FrameFault(errors.unknown_frame(kind, payload))
        if kind == FRAME_METHOD:
            return self._method(data, at, channel, payload, items)
        if kind == FRAME_HEARTBEAT:
            if payload:
                raise FrameFault(errors.unknown_frame(kind, payload))
            if channel:
                raise FrameFault(errors.unexpected_frame(kind, payload))
            items.append((HEARTBEAT, 0))
        elif kind == FRAME_HEADER:
            self._header(channel, payload, items)
        else:
            self._body(channel, payload, items)
        return end

    def _wait(self, at: int, needed_bytes: int) -> int:
        """Nothing is to be tried before that much of what begins at `at` is there."""
        self._needed_bytes = needed_bytes
        return at

    def _method(self, data: bytes, at: int, channel: int, payload: bytes, items: list[Item]) -> int:
        end = at + len(payload) + FRAME_OVERHEAD_BYTES
        content = self._contents.get(channel)
        if content is not None:
            wanted = errors.expected_header(_BASIC) if content.header is None else errors.expected_body()
            raise FrameFault(wanted, PUBLISH)
        if len(payload) < 4:
            raise FrameFault(errors.unknown_frame(FRAME_METHOD, payload))
        number = int.from_bytes(payload[:4], "big")
        if number == PUBLISH and channel:
            finish = end if self._contents else self._content_end(data, at, end, channel)
            if finish == end:
                content = self._contents[channel] = _Content(payload)
                self._hold(content, 0)
            elif finish != at:
                body_at = end + FRAME_OVERHEAD_BYTES + _unpack_head(data, end)[2]
                header, body = data[end + 7 : body_at - 1], data[body_at + 7 : finish - 1]
                items.append((CONTENT, channel, payload, header, body))
            return finish
        if number != BASIC_ACK:
            items.append((METHOD, channel, number, payload))
        elif len(payload) == _ACK_BYTES:
            tag, multiple = _unpack_ack(payload, 4)
            items.append((ACK, channel, tag, multiple & 1 != 0))
        else:
            raise malformed(payload)
        return end

    def _content_end(self, data: bytes, at: int, end: int, channel: int) -> int:
        """For a publish at `at` whose header begins at `end`: where its one body frame ends; `end` when it is to be
        gathered; `at` when bytes are missing to tell.

        Waits only for what must come: after a method any frame, of eight bytes at least, then the whole of a frame.
        """
        total, size_max = len(data), self.frame_bytes_max
        if total < end + 7:
            return self._wait(at, end + FRAME_OVERHEAD_BYTES - at)
        kind, of, size = _unpack_head(data, end)
        body_at: int = end + size + FRAME_OVERHEAD_BYTES
        if kind != FRAME_HEADER or of != channel or size < _HEADER_PAYLOAD_BYTES or body_at - at > size_max:
            return end
        if total < body_at:
            return self._wait(at, body_at - at)
        class_id, weight, body_size = _unpack_announced(data, end + 7)
        finish: int = body_at + body_size + FRAME_OVERHEAD_BYTES
        if class_id != _BASIC or weight or not body_size or finish - at > size_max or data[body_at - 1] != FRAME_END:
            return end
        if total < body_at + 7:
            return self._wait(at, body_at + FRAME_OVERHEAD_BYTES - at)
        kind, of, size = _unpack_head(data, body_at)
        if kind != FRAME_BODY or of != channel or size != body_size:
            return end
        if total < finish:
            return self._wait(at, finish - at)
        return finish if data[finish - 1] == FRAME_END else end

    def _header(self, channel: int, payload: bytes, items: list[Item]) -> None:
        content = self._content(FRAME_HEADER, channel, payload)
        if content.header is not None:
            raise FrameFault(errors.expected_body(), PUBLISH)
        if len(payload) < _HEADER_PAYLOAD_BYTES:
            raise FrameFault(errors.unknown_frame(FRAME_HEADER, payload))
        class_id, weight, size = _unpack_announced(payload)
        if class_id != _BASIC:
            raise FrameFault(errors.expected_header_of(_BASIC, class_id), PUBLISH)
        if weight:
            raise FrameFault(errors.expected_header(_BASIC), PUBLISH)
        if size > ANNOUNCED_BODY_BYTES:
            raise FrameFault(errors.announced_body_too_large(size, ANNOUNCED_BODY_BYTES), PUBLISH)
        if size > BODY_BYTES:
            content.discarded = True
            items.append((FAULT, channel, FrameFault(message_too_large(size, BODY_BYTES), PUBLISH)))
        content.header = payload
        content.left_bytes = size
        self._hold(content, len(payload))
        if not size:
            self._finish(channel, content, items)

    def _body(self, channel: int, payload: bytes, items: list[Item]) -> None:
        content = self._content(FRAME_BODY, channel, payload)
        if content.header is None:
            raise FrameFault(errors.expected_header(_BASIC), PUBLISH)
        if len(payload) > content.left_bytes:
            raise FrameFault(errors.expected_body(), PUBLISH)
        content.left_bytes -= len(payload)
        if not content.discarded:
            content.body += payload
            self._hold(content, len(payload))
        if not content.left_bytes:
            self._finish(channel, content, items)

    def _content(self, kind: int, channel: int, payload: bytes) -> _Content:
        """The content that a header or body frame belongs to."""
        if not channel:
            raise FrameFault(errors.unexpected_frame(kind, payload))
        content = self._contents.get(channel)
        if content is None:
            raise FrameFault(errors.expected_method())
        return content

    def _hold(self, content: _Content, size_bytes: int) -> None:
        self._held_bytes += size_bytes or content.held_bytes
        content.held_bytes += size_bytes
        if self._held_bytes > self._unfinished_bytes_max:
            raise FrameFault(errors.too_much_unfinished(self._unfinished_bytes_max), PUBLISH)

    def _finish(self, channel: int, content: _Content, items: list[Item]) -> None:
        del self._contents[channel]
        self._held_bytes -= content.held_bytes
        if not content.discarded:
            items.append((CONTENT, channel, content.method, content.header or b"", bytes(content.body)))
