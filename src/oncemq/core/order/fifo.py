"""FIFO order: within a message group strictly one after another, between groups in turn (Amazon SQS FIFO queues).

A receive takes a group's leading ready messages, up to the first that is in flight or delayed, fills from one group
before the next, and sends the group to the back. A group whose leading message is in flight has none to give; but a
message that became visible again is handed out though a later one of its group is still in flight.

Each group keeps its ready and its held entries as heaps of numbers; what is out of date in them is dropped when it
comes to the top.
"""

from collections import OrderedDict
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from oncemq.core.model import DELAYED, LEASED, READY
from oncemq.core.spans import Span, spans_of

if TYPE_CHECKING:
    from oncemq.core.queue import Queue


def smallest(heap: list[int], maximum: int) -> list[int]:
    """The first `maximum` different numbers of a heap in order, the heap left as it is."""
    found: list[int] = []
    frontier = [(heap[0], 0)] if heap else []
    while frontier and len(found) < maximum:
        number, at = heappop(frontier)
        if not found or found[-1] != number:
            found.append(number)
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                heappush(frontier, (heap[child], child))
    return found


class _Group:
    __slots__ = ("held", "ready")

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.held: list[int] = []


class Fifo:
    """Groups in turn. `available` has those that may give a message, the next one first."""

    __slots__ = ("available", "groups", "queue")

    def __init__(self, queue: "Queue") -> None:
        self.queue = queue
        self.groups: dict[int, _Group] = {}
        self.available: OrderedDict[int, None] = OrderedDict()

    def ready(self, entry: int) -> None:
        """The entry joins its group's ready ones."""
        number, group = self._group(entry)
        heappush(group.ready, entry)
        self._refresh(number, group)

    def ready_run(self, first: int, count: int) -> None:
        """As for each entry of the run."""
        for entry in range(first, first + count):
            self.ready(entry)

    def held(self, entry: int) -> None:
        """The entry holds back all after it. A group that has no more to give comes again behind all others."""
        number, group = self._group(entry)
        heappush(group.held, entry)
        self._refresh(number, group)

    def gone(self, entry: int) -> None:
        """What it held back may go; a group without entries is forgotten."""
        number, group = self._group(entry)
        self._refresh(number, group)
        if not group.ready and not group.held:
            del self.groups[number]

    def _group(self, entry: int) -> tuple[int, _Group]:
        number = self.queue.group_of(entry)
        group = self.groups.get(number)
        if group is None:
            group = self.groups[number] = _Group()
        return number, group

    def _refresh(self, number: int, group: _Group) -> None:
        state = self.queue.state_of
        ready, held = group.ready, group.held
        while ready and state(ready[0]) != READY:
            heappop(ready)
        while held and state(held[0]) not in (LEASED, DELAYED):
            heappop(held)
        if ready and (not held or ready[0] < held[0]):
            self.available.setdefault(number)
        else:
            self.available.pop(number, None)

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        """The leading messages of the next groups."""
        found: list[int] = []
        for number in self.available:
            group = self.groups[number]
            barrier = group.held[0] if group.held else None
            for entry in self._leading(group, maximum - len(found)):
                if barrier is not None and entry > barrier:
                    break
                found.append(entry)
            if len(found) == maximum:
                break
        return found

    def peek_spans(self, maximum: int, now_ms: int) -> list[Span]:
        """The same."""
        return spans_of(self.peek(maximum, now_ms))

    def _leading(self, group: _Group, maximum: int) -> list[int]:
        state = self.queue.state_of
        wanted = maximum
        while True:  # a stale number below the top is rare: it takes a delete of a visible message
            entries = smallest(group.ready, wanted)
            fresh = [entry for entry in entries if state(entry) == READY]
            if len(fresh) >= maximum or len(entries) < wanted:
                return fresh[:maximum]
            wanted *= 2

    def remembered(self) -> list[int]:
        """What cannot be told from the entries: the turn of the groups."""
        return list(self.available)

    def restore(self, available: list[int]) -> None:
        """Take over the turn of the groups as a checkpoint remembered it."""
        self.available = OrderedDict.fromkeys(available)
