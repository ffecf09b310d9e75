"""Deliveries: outputs of the core as frames."""

from typing import TYPE_CHECKING

from oncemq.core.content import CHECKSUM_BYTES, HEAD, OVERHEAD_BYTES, StoredRun, content_at
from oncemq.core.model import CONTENT_AMQP, Afterlife, Content
from oncemq.core.routed_outputs import Deliveries
from oncemq.protocols.amqp.deaths import with_deaths
from oncemq.protocols.amqp.limits import FRAME_OVERHEAD_BYTES
from oncemq.protocols.amqp.unsettled import Unsettled
from oncemq.protocols.amqp.writing import (
    FRAME_END_OCTET,
    DeliveryPrefix,
    body_head,
    content_frames,
    content_head,
    encode_route,
    pack_tag,
)
from oncemq.protocols.crossing import as_amqp

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel


def deliver(channel: "AmqpChannel", output: Deliveries, no_ack: bool) -> None:
    """basic.deliver for each message."""
    prefix = channel.prefixes.get(output.tag)
    if prefix is None:
        prefix = channel.prefixes[output.tag] = DeliveryPrefix(channel.number, output.tag)
    tag = _first_tag(channel.unsettled, output, no_ack)
    for place, content in enumerate(output.contents):
        _deliver_one(channel, prefix, output, place, tag + place, content)
    place = 0
    for run in output.stored:
        deliver_run(channel, prefix, output, place, tag + place, run)
        place += run.messages


def _deliver_one(
    channel: "AmqpChannel", prefix: DeliveryPrefix, output: Deliveries, place: int, tag: int, content: Content
) -> None:
    connection = channel.connection
    afterlife = output.afterlives.get(place)
    route, header, body = parts_of(content, output.sent_ms[place], afterlife, connection.frame_bytes_max)
    connection.outgoing.append(prefix.frame(tag, output.redelivered[place] > 0, route))
    connection.outgoing += content_frames(channel.number, header, body, connection.frame_bytes_max)


def deliver_run(
    channel: "AmqpChannel", prefix: DeliveryPrefix, output: Deliveries, first: int, first_tag: int, run: StoredRun
) -> None:
    """Cuts header and body out of the stored bytes. What is before them is mostly that of the message before."""
    number, outgoing = channel.number, channel.connection.outgoing
    body_bytes_max = channel.connection.frame_bytes_max - FRAME_OVERHEAD_BYTES
    data, position, count = run
    stop = first + count
    start, header_offset, body_offset = b"", 0, 0
    head = fresh = again = middle = b""
    body_bytes = -1
    columns = zip(output.positions[first:stop], output.lengths[first:stop], output.redelivered[first:stop], strict=True)
    for place, (at, length, redelivered) in enumerate(columns):
        at -= position
        if not start or not data.startswith(start, at + CHECKSUM_BYTES):
            start, header_offset, body_offset = _start_of(data, at)
            head, fresh, again = prefix.parts(start[HEAD.size :])
            header_head = content_head(number, body_offset - header_offset)
            fresh, again = fresh + header_head, again + header_head
        size = length - body_offset
        if not start or not 0 < size <= body_bytes_max or first + place in output.afterlives:
            content = content_at(data, at, length)
            _deliver_one(channel, prefix, output, first + place, first_tag + place, content)
            continue
        if size != body_bytes:
            body_bytes, middle = size, body_head(number, size)
        body_at, end = at + body_offset, at + length
        outgoing += (
            head + pack_tag(first_tag + place) + (again if redelivered else fresh),
            data[at + header_offset : body_at],
            middle,
            data[body_at:end],
            FRAME_END_OCTET,
        )


def _start_of(data: bytes, at: int) -> tuple[bytes, int, int]:
    """What a stored content begins with behind its checksum, up to the end of its route, and where its content header
    and its body begin; nothing for one that did not come through AMQP.
    """
    properties_bytes, kind = HEAD.unpack_from(data, at + CHECKSUM_BYTES)
    if kind != CONTENT_AMQP:
        return b"", 0, 0
    route_at = at + OVERHEAD_BYTES
    exchange_end = route_at + 1 + data[route_at]
    header_at = exchange_end + 1 + data[exchange_end]
    return data[at + CHECKSUM_BYTES : header_at], header_at - at, OVERHEAD_BYTES + properties_bytes


def _first_tag(unsettled: Unsettled, output: Deliveries, no_ack: bool) -> int:
    if no_ack:
        return unsettled.skip(len(output.positions))
    first_tag = unsettled.last_tag + 1
    for leases in output.leases:
        unsettled.hold(leases)
    return first_tag


def parts_of(
    content: Content, sent_ms: int, afterlife: Afterlife | None, frame_bytes_max: int
) -> tuple[bytes, bytes, bytes]:
    """Route, content header and body, as this message is delivered."""
    if content.kind == CONTENT_AMQP:
        stored = content.properties
        exchange_end = 1 + stored[0]
        route_end = exchange_end + 1 + stored[exchange_end]
        route, header = stored[:route_end], stored[route_end:]
    else:
        route, header = encode_route("", ""), as_amqp(content, sent_ms, frame_bytes_max)
    if afterlife is None:
        return route, header, content.body
    return encode_route(afterlife.exchange, afterlife.routing_keys[0]), with_deaths(header, afterlife), content.body
