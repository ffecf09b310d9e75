"""Plain order: by priority, then by place. A returned entry is handed out before all that were sent after it."""

from typing import TYPE_CHECKING

from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, PRIORITY_SHIFT, READY

if TYPE_CHECKING:
    from oncemq.core.queue import Queue


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

    def gone(self, entry: int) -> None:
        """Nothing: a place that is not ready is passed over."""

    def _sequence_made(self, entry: int) -> None:
        self.heads[entry >> PRIORITY_SHIFT] = entry
        self.heads = dict(sorted(self.heads.items(), reverse=True))

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        """The first ready entries."""
        found: list[int] = []
        for priority in self.heads:
            self._peek_sequence(priority, maximum, found)
            if len(found) == maximum:
                break
        return found

    def _peek_sequence(self, priority: int, maximum: int, found: list[int]) -> None:
        head = self.heads[priority]
        first = len(found)
        last_block = self.queue.next_entry[priority] >> BLOCK_SHIFT
        block_number, index = head >> BLOCK_SHIFT, head & BLOCK_MASK
        while block_number <= last_block:
            block = self.queue.blocks.get(block_number)
            if block is not None:
                base, find = block_number << BLOCK_SHIFT, block.state.find
                index = find(READY, index)
                while index >= 0:
                    found.append(base | index)
                    if len(found) == maximum:
                        self.heads[priority] = found[first]
                        return
                    index = find(READY, index + 1)
            block_number, index = block_number + 1, 0
        self.heads[priority] = found[first] if len(found) > first else self.queue.next_entry[priority]
