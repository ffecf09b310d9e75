"""A lot: the next ready messages of a queue as columns, read before they are leased, and dealt to consumers in turn.

All of a lot are durable, or all transient: the contents of these go with it, the others' are read by the engine.
"""

from array import array
from functools import cached_property

from oncemq.core.consumer import Consumer
from oncemq.core.host import Host
from oncemq.core.model import Content
from oncemq.core.queue import Queue
from oncemq.core.routed_commands import LeaseRun
from oncemq.core.routed_outputs import Deliveries
from oncemq.core.spans import Span, cut_at_blocks, numbers_of


class Lot:
    """Ready entries in the order in which they are handed out."""

    def __init__(self, host: Host, queue: Queue, spans: list[Span], transient: bool) -> None:
        self.host, self.queue, self.spans, self.transient = host, queue, spans, transient
        self.first_token = 0
        self.contents: list[Content] = []
        messages, self.sent_ms, deliveries = array("Q"), array("q"), array("I")
        for first, count in spans:
            for number, start, stop in cut_at_blocks(first, count):
                block = queue.blocks[number]
                messages += block.message[start:stop]
                self.sent_ms += block.sent_ms[start:stop]
                deliveries += block.deliveries[start:stop]
        self.redelivered = bytes(map(bool, deliveries)) if any(deliveries) else bytes(len(deliveries))
        self.positions, self.lengths, self.afterlives = host.messages.stored(messages)
        self.count = len(messages)
        self.bytes = sum(self.lengths)

    def number(self) -> None:
        """It is about to be leased or removed: the tokens that it gets, and contents that go with what is removed."""
        host = self.host
        self.first_token = host.next_transient_token if self.transient else host.next_token
        if self.transient:
            places = zip(self.positions, self.lengths, strict=True)
            self.contents = [host.contents.content(position, length) for position, length in places]

    def fitting(self, room_bytes: int) -> int:
        """How many of the first ones have so many bytes, but one at least."""
        left = room_bytes
        for count, length in enumerate(self.lengths):
            left -= length
            if left < 0:
                return max(1, count)
        return self.count

    @cached_property
    def entries(self) -> list[int]:
        """Their numbers."""
        return numbers_of(self.spans)

    def part(self, at: int, parts: int, consumer: Consumer) -> Deliveries:
        """Every `parts`th message, from `at` on, for this consumer."""
        taken = slice(at, None, parts)
        afterlives = {place // parts: it for place, it in self.afterlives.items() if place % parts == at}
        return Deliveries(
            self.host.name,
            consumer.number,
            consumer.tag,
            self._leases(at, parts, consumer.number),
            self.positions[taken],
            self.lengths[taken],
            self.sent_ms[taken],
            self.redelivered[taken],
            afterlives,
            self.contents[taken],
        )

    def _leases(self, at: int, parts: int, consumer: int) -> list[LeaseRun]:
        queue = self.queue.number
        if parts > 1:
            places = range(at, self.count, parts)
            return [LeaseRun(queue, self.entries[place], 1, self.first_token + place, consumer) for place in places]
        leases = []
        token = self.first_token
        for first, count in self.spans:
            leases.append(LeaseRun(queue, first, count, token, consumer))
            token += count
        return leases
