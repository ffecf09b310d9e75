"""Everything that waits for a time, in one structure: deadlines of leases and delays, retention, long polls, tasks.

Items are numbers in buckets of TIMER_BUCKET_MS. A bucket falls due at its end, so nothing happens early and nothing
more than a bucket late. What is due asks the state whether it still holds; what no longer does is otherwise taken out
only now and then, by `keep`. A heap of entries was rejected: seven times the memory for a lease that is deleted long
before its deadline.
Not durable: rebuilt from the state.
"""

import heapq
from array import array
from collections.abc import Callable, Iterator

from oncemq.core.limits import TIMER_BUCKET_MS, TIMER_ITEMS_STALE

ENTRY, RETENTION, PARKED, MOVE_TASK, SERVE, EXPIRY, UNUSED = range(7)
KIND_BITS = 3
QUEUE_BITS = 36


def bucket_of(due_ms: int) -> int:
    """The number of the bucket in which something falls due."""
    return -(-due_ms // TIMER_BUCKET_MS)


class Timers:
    """Buckets of due things; a due thing is (host number, queue number, kind, item)."""

    __slots__ = ("buckets", "compact_above", "heap", "size")

    def __init__(self) -> None:
        self.buckets: dict[int, dict[int, array[int]]] = {}
        self.heap: list[int] = []
        self.size = 0
        self.compact_above = TIMER_ITEMS_STALE
        """The size from which it is worth looking for what no longer holds."""

    def add(self, due_ms: int, host: int, queue: int, kind: int, item: int) -> None:
        """Remember `item` until `due_ms`."""
        self._column(due_ms, host, queue, kind).append(item)
        self.size += 1

    def add_all(self, due_ms: int, host: int, queue: int, kind: int, items: list[int] | range) -> None:
        """Remember all of `items` until `due_ms`."""
        self._column(due_ms, host, queue, kind).extend(items)
        self.size += len(items)

    def _column(self, due_ms: int, host: int, queue: int, kind: int) -> "array[int]":
        number = bucket_of(due_ms)
        bucket = self.buckets.get(number)
        if bucket is None:
            bucket = self.buckets[number] = {}
            heapq.heappush(self.heap, number)
        key = (host << QUEUE_BITS | queue) << KIND_BITS | kind
        column = bucket.get(key)
        if column is None:
            column = bucket[key] = array("Q")
        return column

    def next_due_ms(self) -> int | None:
        """When `take` next has something, or None."""
        return self.heap[0] * TIMER_BUCKET_MS if self.heap else None

    def take(self, now_ms: int, maximum: int) -> Iterator[tuple[int, int, int, list[int]]]:
        """Take out up to `maximum` due items, as (host, queue, kind, items)."""
        room = maximum
        while room and self.heap and self.heap[0] * TIMER_BUCKET_MS <= now_ms:
            bucket = self.buckets[self.heap[0]]
            for key in list(bucket):
                items = bucket[key][:room].tolist()
                del bucket[key][:room]
                if not bucket[key]:
                    del bucket[key]
                self.size -= len(items)
                room -= len(items)
                yield *_place(key), items
                if not room:
                    break
            if not bucket:
                del self.buckets[heapq.heappop(self.heap)]

    def keep(self, holding: Callable[[int, int, int, int, list[int]], list[int]]) -> None:
        """Keep of each column what `holding` (bucket, host, queue, kind, items) gives back."""
        kept: dict[int, dict[int, array[int]]] = {}
        self.size = 0
        for number, bucket in self.buckets.items():
            for key, column in bucket.items():
                items = holding(number, *_place(key), column.tolist())
                if items:
                    kept.setdefault(number, {})[key] = array("Q", items)
                    self.size += len(items)
        self.buckets, self.heap = kept, sorted(kept)
        self.compact_above = 2 * self.size + TIMER_ITEMS_STALE


def _place(key: int) -> tuple[int, int, int]:
    """Host, queue and kind."""
    place = key >> KIND_BITS
    return place >> QUEUE_BITS, place & (1 << QUEUE_BITS) - 1, key & (1 << KIND_BITS) - 1
