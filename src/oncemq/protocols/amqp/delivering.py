"""Deliveries: outputs of the core as frames."""

from typing import TYPE_CHECKING

from oncemq.core.model import CONTENT_AMQP, Afterlife, Content
from oncemq.core.routed_outputs import Deliveries
from oncemq.protocols.amqp.deaths import with_deaths
from oncemq.protocols.amqp.unsettled import Unsettled
from oncemq.protocols.amqp.writing import DeliveryPrefix, content_frames, encode_route
from oncemq.protocols.crossing import as_amqp

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel


def deliver(channel: "AmqpChannel", output: Deliveries, no_ack: bool) -> None:
    """basic.deliver for each message."""
    prefix = channel.prefixes.get(output.tag)
    if prefix is None:
        prefix = channel.prefixes[output.tag] = DeliveryPrefix(channel.number, output.tag)
    connection = channel.connection
    outgoing, frame_bytes_max, afterlives = connection.outgoing, connection.frame_bytes_max, output.afterlives
    tag = _first_tag(channel.unsettled, output, no_ack)
    for place, content in enumerate(output.contents):
        parts = parts_of(content, output.sent_ms[place], afterlives.get(place), frame_bytes_max)
        outgoing.append(prefix.frame(tag + place, output.redelivered[place] > 0, parts[0]))
        outgoing += content_frames(channel.number, parts[1], parts[2], frame_bytes_max)


def _first_tag(unsettled: Unsettled, output: Deliveries, no_ack: bool) -> int:
    if no_ack:
        return unsettled.skip(len(output.contents))
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
