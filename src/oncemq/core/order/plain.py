"""Plain order: by priority, then by place. A returned entry is handed out before all that were sent after it."""

from typing import TYPE_CHECKING

from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, PRIORITY_SHIFT, READY
from oncemq.core.spans import Span, add_span, numbers_of

if TYPE_CHECKING:
    from oncemq.core.queue import Queue

_READY = bytes((READY,))
LOOKED_AT_ONCE = 512


class Plain:
    """One sequence a priority; the head of each is a place before which nothing is ready."""

    __slots__ = ("heads", "queue")

    def __init__(self, queue: "Queue") -> None:
        self.queue = queue
        self.heads: dict[int, int] = {}
        """Priority → entry number, the highest priority first."""

    def ready(self, entry: int) -> None:
        """Move the head back to the entry if it is before it."""
        head = self.heads.get(entry >> PRIORITY_SHIFT)
        if head is None:
            self._sequence_made(entry)
        elif entry < head:
            self.heads[entry >> PRIORITY_SHIFT] = entry

    def ready_run(self, first: int, count: int) -> None:
        """As for each entry of the run: they are behind the head, if there is one."""
        if first >> PRIORITY_SHIFT not in self.heads:
            self._sequence_made(first)

    def held(self, entry: int) -> None:
        """Move the head on if the entry was it."""
        priority = entry >> PRIORITY_SHIFT
        head = self.heads.get(priority)
        if head is None:
            self._sequence_made(entry)
        elif head == entry:
            self.heads[priority] = entry + 1

    def held_run(self, first: int, count: int) -> None:
        """As for each entry of the run."""
        self.held(first)
        priority = first >> PRIORITY_SHIFT
        if first < self.heads[priority] < first + count:
            self.heads[priority] = first + count

    def gone(self, entry: int) -> None:
        """Nothing: a place that is not ready is passed over."""

    def _sequence_made(self, entry: int) -> None:
        self.heads[entry >> PRIORITY_SHIFT] = entry
        self.heads = dict(sorted(self.heads.items(), reverse=True))

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        """The first ready entries."""
        return numbers_of(self.peek_spans(maximum, now_ms))

    def peek_spans(self, maximum: int, now_ms: int) -> list[Span]:
        """The first ready entries."""
        found: list[Span] = []
        for priority in self.heads:
            maximum -= self._peek_sequence(priority, maximum, found)
            if not maximum:
                break
        return found

    def _peek_sequence(self, priority: int, maximum: int, found: list[Span]) -> int:
        """Appends up to so many entries; returns how many. The head moves to the first."""
        head, left, heads = self.heads[priority], maximum, self.heads
        last_block = self.queue.next_entry[priority] >> BLOCK_SHIFT
        heads[priority] = self.queue.next_entry[priority]
        block_number, index = head >> BLOCK_SHIFT, head & BLOCK_MASK
        while block_number <= last_block:
            block = self.queue.blocks.get(block_number)
            index = block.state.find(READY, index) if block is not None else -1
            while block is not None and index >= 0:
                count = _ready_from(block.state, index, left)
                entry = block_number << BLOCK_SHIFT | index
                if left == maximum:
                    heads[priority] = entry
                add_span(found, entry, count)
                left -= count
                if not left:
                    return maximum
                index = block.state.find(READY, index + count)
            block_number, index = block_number + 1, 0
        return maximum - left


def _ready_from(states: bytearray, start: int, maximum: int) -> int:
    """How many entries from `start` on are ready, one after another; of a long run the first part."""
    looked_at = states[start : start + min(maximum, LOOKED_AT_ONCE)]
    return len(looked_at) - len(looked_at.lstrip(_READY))
