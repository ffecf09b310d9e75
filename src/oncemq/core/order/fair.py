"""Fair order: a standard queue with message groups (Amazon SQS fair queues).

A group is noisy when it has at least 30 messages in flight and these are more than a tenth of all in flight. Quiet
groups come first, in the order of their messages' places; among the noisy, the one with the fewest in flight. A
noisy group is quiet again when it is drained, or after five minutes without sends. A message without a group is a
group of its own, so never noisy.
"""

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from oncemq.core.limits import FAIR_NOISY_LEASED_MINIMUM, FAIR_NOISY_SHARE_PERCENT, FAIR_QUIET_AFTER_MS
from oncemq.core.model import LEASED, READY
from oncemq.core.spans import Span, spans_of

if TYPE_CHECKING:
    from oncemq.core.queue import Queue

UNGROUPED = 0


class _Group:
    __slots__ = ("last_sent_ms", "leased", "noisy", "number", "ready")

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready: list[int] = []
        self.leased = 0
        self.noisy = False
        self.last_sent_ms = 0


class Fair:
    """`heads` is a heap of (first ready entry, group) of quiet groups, `noisy` the groups that are not."""

    __slots__ = ("groups", "heads", "leased_entries", "noisy", "queue")

    def __init__(self, queue: "Queue") -> None:
        self.queue = queue
        self.groups: dict[int, _Group] = {}
        self.heads: list[tuple[int, int]] = []
        self.noisy: dict[int, _Group] = {}
        self.leased_entries: dict[int, int] = {}
        """Leased entry → its group, so that the end of a lease is seen."""

    def ready(self, entry: int) -> None:
        """The entry joins its group's ready ones."""
        group = self._left_lease(entry) or self._group(entry)
        self._push(group, entry)

    def ready_run(self, first: int, count: int) -> None:
        """As for each entry of the run."""
        for entry in range(first, first + count):
            self.ready(entry)

    def held(self, entry: int) -> None:
        """A lease counts for its group, which may become noisy; a delay counts for nothing."""
        if self.queue.state_of(entry) != LEASED:
            self._quieten_if_drained(self._left_lease(entry) or self._group(entry))
            return
        group = self._group(entry)
        self.leased_entries[entry] = group.number
        group.leased += 1
        if group.number != UNGROUPED and not group.noisy and self._is_loud(group):
            group.noisy = True
            self.noisy[group.number] = group
        self._advance(group)

    def gone(self, entry: int) -> None:
        """The lease, if there was one, counts no more."""
        group = self._left_lease(entry)
        if group is None:
            group = self._group(entry)
            self._advance(group)
        self._quieten_if_drained(group)
        if self._has_left(group):
            del self.groups[group.number]

    def sent(self, number: int, now_ms: int) -> None:
        """A message of this group was sent. If it had been silent for long, it starts anew as a quiet one."""
        group = self.groups.get(number)
        if group is None:
            return
        if group.noisy and self._is_silent(group, now_ms):
            group.noisy = False
            del self.noisy[number]
            self._advance(group)
        group.last_sent_ms = max(group.last_sent_ms, now_ms)  # a dead letter comes with its age

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        """The one entry to hand out next: who is noisy may change with each."""
        loud: list[_Group] = []
        quiet: list[_Group] = []
        for group in self.noisy.values():
            if self._clean(group):
                (quiet if self._is_silent(group, now_ms) else loud).append(group)
        heads = [group.ready[0] for group in quiet]
        head = self._first_quiet()
        if head is not None:
            heads.append(head)
        if heads:
            return [min(heads)]
        if not loud:
            return []
        return [min(loud, key=lambda group: (group.leased, group.ready[0])).ready[0]]

    def peek_spans(self, maximum: int, now_ms: int) -> list[Span]:
        """The same."""
        return spans_of(self.peek(maximum, now_ms))

    def remembered(self) -> list[tuple[int, bool, int]]:
        """What cannot be told from the entries: (group, noisy, last sent)."""
        groups = sorted(self.groups.items())
        return [(number, group.noisy, group.last_sent_ms) for number, group in groups if number != UNGROUPED]

    def restore(self, remembered: list[tuple[int, bool, int]]) -> None:
        """Take over what a checkpoint remembered; the entries are there already."""
        for number, noisy, last_sent_ms in remembered:
            group = self.groups[number]
            group.noisy, group.last_sent_ms = noisy, last_sent_ms
        self.noisy = {number: group for number, group in self.groups.items() if group.noisy}
        self.heads = []
        for group in self.groups.values():
            self._advance(group)

    def _first_quiet(self) -> int | None:
        while self.heads:
            entry, number = self.heads[0]
            group = self.groups.get(number)
            if group is not None and not group.noisy and self._clean(group) and group.ready[0] == entry:
                return entry
            heappop(self.heads)
        return None

    def _quieten_if_drained(self, group: _Group) -> None:
        if group.noisy and not self._clean(group) and not group.leased:
            group.noisy = False
            del self.noisy[group.number]

    def _has_left(self, group: _Group) -> bool:
        """The entry that goes is the last of its group; what only waits for its delay counts here."""
        if group.number == UNGROUPED:
            return not self._clean(group) and not group.leased
        return self.queue.group_counts[group.number] == 1

    @staticmethod
    def _is_silent(group: _Group, now_ms: int) -> bool:
        return now_ms - group.last_sent_ms >= FAIR_QUIET_AFTER_MS

    def _is_loud(self, group: _Group) -> bool:
        leased = group.leased
        return leased >= FAIR_NOISY_LEASED_MINIMUM and leased * 100 > self.queue.leased * FAIR_NOISY_SHARE_PERCENT

    def _group(self, entry: int) -> _Group:
        number = self.queue.group_of(entry)
        group = self.groups.get(number)
        if group is None:
            group = self.groups[number] = _Group(number)
        return group

    def _left_lease(self, entry: int) -> _Group | None:
        number = self.leased_entries.pop(entry, None)
        if number is None:
            return None
        group = self.groups[number]
        group.leased -= 1
        return group

    def _push(self, group: _Group, entry: int) -> None:
        heappush(group.ready, entry)
        if group.ready[0] == entry and not group.noisy:
            heappush(self.heads, (entry, group.number))

    def _advance(self, group: _Group) -> None:
        if self._clean(group) and not group.noisy:
            heappush(self.heads, (group.ready[0], group.number))

    def _clean(self, group: _Group) -> bool:
        state, ready = self.queue.state_of, group.ready
        while ready and state(ready[0]) != READY:
            heappop(ready)
        return bool(ready)
