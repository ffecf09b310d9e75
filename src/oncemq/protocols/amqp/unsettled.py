"""What a channel holds unsettled: delivery tags and the leases under them, in runs as they were delivered.

A run is settled piece by piece; one that is settled whole is let go when half of what is kept is. So nothing here costs
an object a message, whatever the order in which a client settles.
"""

from bisect import bisect_right
from collections import deque

from oncemq.core.routed_commands import LeaseRun
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.refusals import unknown_delivery_tag

SWEPT_RUNS = 32
"""Fewer that are settled whole are not worth a sweep."""


class _Run:
    """Deliveries under tags that follow one another. `settled` has a byte for each: 1 when it is settled."""

    __slots__ = ("first_tag", "leases", "left", "settled")

    def __init__(self, first_tag: int, leases: LeaseRun) -> None:
        self.first_tag, self.leases = first_tag, leases
        self.left = leases.count
        self.settled = bytearray(leases.count)

    def part(self, start: int, stop: int) -> LeaseRun:
        leases = self.leases
        if stop - start == leases.count:
            return leases
        first_entry, first_token = leases.first_entry + start, leases.first_token + start
        return LeaseRun(leases.queue, first_entry, stop - start, first_token, leases.consumer)


_Piece = tuple[_Run, int, int]
"""Deliveries `start` to `stop` - 1 of a run."""


class Unsettled:
    """Delivery tags of one channel."""

    __slots__ = ("_committing", "_firsts", "_over", "_runs", "last_tag", "set_aside")

    def __init__(self) -> None:
        self.last_tag = 0
        self.set_aside: list[_Piece] | None = None
        """What a transaction has settled that is not committed; None: there is no transaction."""
        self._committing: deque[list[_Piece]] = deque()
        """What was set aside by transactions whose commit is not answered: with the channel it goes back."""
        self._runs: list[_Run] = []
        self._firsts: list[int] = []
        """The first tag of each run."""
        self._over = 0
        """Runs that are settled whole."""

    def hold(self, leases: LeaseRun) -> int:
        """New delivery tags for these; returns the first."""
        first_tag = self.last_tag + 1
        self.last_tag += leases.count
        self._runs.append(_Run(first_tag, leases))
        self._firsts.append(first_tag)
        return first_tag

    def skip(self, count: int = 1) -> int:
        """Delivery tags of something that nobody settles; returns the first."""
        self.last_tag += count
        return self.last_tag - count + 1

    def take(self, tag: int, multiple: bool) -> list[LeaseRun]:
        """What is settled by this. FrameFault 406 for a tag that is not held."""
        if multiple:
            return self._take_to(tag)
        taken = self.take_run(tag, 1)
        if taken is None:
            raise FrameFault(unknown_delivery_tag(tag))
        return taken

    def take_run(self, first_tag: int, count: int) -> list[LeaseRun] | None:
        """What is held under so many tags from `first_tag` on. None, and nothing is taken: one of them is not held."""
        pieces: list[_Piece] = []
        at = bisect_right(self._firsts, first_tag) - 1
        if at < 0:
            return None
        while count:
            if at == len(self._runs):
                return None
            run = self._runs[at]
            start = first_tag - run.first_tag
            stop = min(start + count, len(run.settled))
            if not 0 <= start < stop or run.settled.find(1, start, stop) >= 0:
                return None
            pieces.append((run, start, stop))
            first_tag, count, at = first_tag + stop - start, count - (stop - start), at + 1
        return self._settle(pieces)

    def _take_to(self, tag: int) -> list[LeaseRun]:
        if tag > self.last_tag:
            raise FrameFault(unknown_delivery_tag(tag))
        end = bisect_right(self._firsts, tag) if tag else len(self._runs)
        pieces = []
        for run in self._runs[:end]:
            last = tag - run.first_tag + 1 if tag else len(run.settled)
            pieces += _unsettled_of(run, min(last, len(run.settled)))
        return self._settle(pieces)

    def _settle(self, pieces: list[_Piece]) -> list[LeaseRun]:
        for run, start, stop in pieces:
            run.settled[start:stop] = b"\x01" * (stop - start)
            run.left -= stop - start
            self._over += not run.left
        if self.set_aside is not None:
            self.set_aside += pieces
        else:
            self._sweep()
        return [run.part(start, stop) for run, start, stop in pieces]

    def _sweep(self) -> None:
        if self._over <= SWEPT_RUNS or 2 * self._over <= len(self._runs):
            return
        self._runs = [run for run in self._runs if run.left]
        self._firsts = [run.first_tag for run in self._runs]
        self._over = 0

    def commit(self) -> None:
        """What is set aside is to be committed; `committed` says that it is."""
        self._committing.append(self.set_aside or [])
        self.set_aside = []
        self._sweep()

    def committed(self) -> None:
        """The first of what is to be committed is settled, unless the channel was refused since and gave it back."""
        if self._committing:
            self._committing.popleft()

    def put_back(self) -> None:
        """What the transaction settled is held as before, under its tags."""
        for run, start, stop in self.set_aside or ():
            self._over -= not run.left
            run.settled[start:stop] = bytes(stop - start)
            run.left += stop - start
        if self.set_aside:
            self.set_aside = []

    def held(self) -> list[LeaseRun]:
        """Everything that is not settled."""
        return [run.part(start, stop) for each in self._runs for run, start, stop in _unsettled_of(each)]

    def take_all(self) -> list[LeaseRun]:
        """Everything, at the end of the channel: also what a transaction has set aside."""
        self.put_back()
        held = self.held()
        self._runs, self._firsts, self._over = [], [], 0
        while self._committing:
            held += [run.part(start, stop) for run, start, stop in self._committing.popleft()]
        return held


def _unsettled_of(run: _Run, end: int | None = None) -> list[_Piece]:
    """The parts of it that are not settled, before `end`."""
    pieces = []
    end = len(run.settled) if end is None else end
    start = run.settled.find(0, 0, end)
    while start >= 0:
        stop = run.settled.find(1, start, end)
        stop = end if stop < 0 else stop
        pieces.append((run, start, stop))
        start = run.settled.find(0, stop, end)
    return pieces
