"""In which order each queue hands out what is ready: by priority, then as published, whatever was requeued meanwhile.

Held against the journal's records as they are replayed, so that at every delivery it is exact what was ready then. What
was published before what is known from the clients.
"""

from __future__ import annotations

from oncemq.core.apply import Places
from oncemq.core.host import Partition
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, CONTENT_AMQP, READY
from oncemq.core.queue import Queue
from oncemq.core.records import Delivered, Published, Record
from oncemq.core.spans import numbers_of
from oncemq.journal.codec import decode_content
from tests.simulate.amqp_facts import DEAD, QUEUES, Copy, attempt_in
from tests.simulate.amqp_ledger import AmqpLedger
from tests.simulate.facts import Broken


class OrderWatch:
    """Knows which message number is which message."""

    def __init__(self, ledger: AmqpLedger) -> None:
        self.ledger = ledger
        self.names: dict[int, str] = {}

    def see(self, state: Partition, record: Record, places: Places | None, payload: bytes, position: int) -> None:
        """A record of the batch with this payload is about to be replayed."""
        if isinstance(record, Published):
            assert places is not None
            for offset, (at, length) in enumerate(zip(places.positions, places.lengths, strict=True)):
                content = decode_content(payload[at - position : at - position + length])
                if content.kind == CONTENT_AMQP:
                    self.names[record.first_message + offset] = attempt_in(content.body)[0]
        elif isinstance(record, Delivered):
            queue = state.hosts_by_number[record.host].queues_by_number[record.queue]
            if queue.name in QUEUES and queue.name != DEAD:
                self._check(queue, numbers_of(record.spans))

    def _check(self, queue: Queue, entries: list[int]) -> None:
        first = sorted(
            self._copy(queue, block.message[index]).place()
            for block in queue.blocks.values()
            for index, state in enumerate(block.state)
            if state == READY
        )[: len(entries)]
        taken = [self._copy(queue, _message(queue, entry)) for entry in entries]
        if [copy.place() for copy in taken] != first:
            raise Broken(f"{queue.name} handed out {[copy.name for copy in taken]} out of turn")
        self.ledger.hits["AMQP: deliveries out of the order of publishing, by priority"] += self._by_priority(
            queue, taken
        )
        self.ledger.hits["AMQP: requeued messages delivered before later ones"] += self._requeued(queue, entries)

    def _by_priority(self, queue: Queue, taken: list[Copy]) -> bool:
        return any(copy.place()[0] for copy in taken) and queue.ready > len(taken)

    def _requeued(self, queue: Queue, entries: list[int]) -> bool:
        entry = entries[0]
        return queue.blocks[entry >> BLOCK_SHIFT].deliveries[entry & BLOCK_MASK] > 0 and queue.ready > 1

    def _copy(self, queue: Queue, message: int) -> Copy:
        copies = self.ledger.messages[self.names[message]].copies
        return next(copy for copy in copies if copy.queue == queue.name)


def _message(queue: Queue, entry: int) -> int:
    return queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK]
