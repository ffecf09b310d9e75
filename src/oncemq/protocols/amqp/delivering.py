"""Deliveries: outputs of the core as frames, and what a channel holds unsettled."""

from collections import deque
from typing import TYPE_CHECKING

from oncemq.core.commands import Lease
from oncemq.core.model import CONTENT_AMQP
from oncemq.core.routed_outputs import Deliveries, RoutedMessage
from oncemq.protocols.amqp.deaths import with_deaths
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.refusals import unknown_delivery_tag
from oncemq.protocols.amqp.writing import DeliveryPrefix, content_frames, encode_route
from oncemq.protocols.crossing import as_amqp

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel

Held = tuple[Lease, int]
"""A lease, and the consumer that it was sent to (0: it was got)."""


class Unsettled:
    """Delivery tag → what is held under it, in order."""

    def __init__(self) -> None:
        self.by_tag: dict[int, Held] = {}
        self.last_tag = 0
        self.set_aside: dict[int, Held] | None = None
        """What a transaction has settled that is not committed; None: there is no transaction."""
        self.committing: deque[dict[int, Held]] = deque()
        """What was set aside by transactions whose commit is not answered: with the channel it goes back."""

    def hold(self, lease: Lease, consumer: int) -> int:
        """A new delivery tag."""
        self.last_tag += 1
        self.by_tag[self.last_tag] = (lease, consumer)
        return self.last_tag

    def skip(self) -> int:
        """A delivery tag of something that nobody settles."""
        self.last_tag += 1
        return self.last_tag

    def take(self, tag: int, multiple: bool) -> list[Held]:
        """What is settled by this. FrameFault 406 for a tag that is not held."""
        if not multiple:
            held = self.by_tag.pop(tag, None)
            if held is None:
                raise FrameFault(unknown_delivery_tag(tag))
            if self.set_aside is not None:
                self.set_aside[tag] = held
            return [held]
        if tag > self.last_tag:
            raise FrameFault(unknown_delivery_tag(tag))
        taken = {}
        for each, held in self.by_tag.items():
            if tag and each > tag:
                break
            taken[each] = held
        for each in taken:
            del self.by_tag[each]
        if self.set_aside is not None:
            self.set_aside |= taken
        return list(taken.values())

    def commit(self) -> None:
        """What is set aside is to be committed; `committed` says that it is."""
        self.committing.append(self.set_aside or {})
        self.set_aside = {}

    def committed(self) -> None:
        """The first of what is to be committed is settled, unless the channel was refused since and gave it back."""
        if self.committing:
            self.committing.popleft()

    def put_back(self) -> None:
        """What the transaction settled is held as before, under its tags."""
        if self.set_aside:
            self.by_tag = dict(sorted((self.by_tag | self.set_aside).items()))
            self.set_aside = {}

    def take_all(self) -> list[Held]:
        """Everything, at the end of the channel: also what a transaction has set aside."""
        self.put_back()
        held, self.by_tag = list(self.by_tag.values()), {}
        while self.committing:
            held += self.committing.popleft().values()
        return held


def deliver(channel: "AmqpChannel", output: Deliveries, no_ack: bool) -> None:
    """basic.deliver for each message."""
    prefix = channel.prefixes.get(output.tag)
    if prefix is None:
        prefix = channel.prefixes[output.tag] = DeliveryPrefix(channel.number, output.tag)
    connection = channel.connection
    outgoing, unsettled = connection.outgoing, channel.unsettled
    for message in output.messages:
        route, header, body = parts_of(message, connection.frame_bytes_max)
        tag = unsettled.skip() if no_ack else unsettled.hold(message.received.lease, output.consumer)
        outgoing.append(prefix.frame(tag, message.redelivered, route))
        outgoing += content_frames(channel.number, header, body, connection.frame_bytes_max)


def parts_of(message: RoutedMessage, frame_bytes_max: int) -> tuple[bytes, bytes, bytes]:
    """Route, content header and body, as this message is delivered."""
    content = message.received.content
    assert content is not None
    if content.kind == CONTENT_AMQP:
        stored = content.properties
        exchange_end = 1 + stored[0]
        route_end = exchange_end + 1 + stored[exchange_end]
        route, header = stored[:route_end], stored[route_end:]
    else:
        route, header = encode_route("", ""), as_amqp(content, message.received.sent_ms, frame_bytes_max)
    if message.afterlife is None:
        return route, header, content.body
    afterlife = message.afterlife
    return encode_route(afterlife.exchange, afterlife.routing_keys[0]), with_deaths(header, afterlife), content.body
