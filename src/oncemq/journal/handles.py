"""Open handles of segments for readers in any thread: a bounded number, and none is closed while it is read from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from oncemq.journal.disk import Disk
from oncemq.journal.errors import SegmentGone
from oncemq.journal.segment import segment_name

OPEN_SEGMENTS_MAX = 64


class _Opened:
    __slots__ = ("handle", "readers")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.readers = 0


class SegmentHandles:
    """The segments that exist, and handles to those read last."""

    def __init__(self, disk: Disk, segments: Iterable[int]) -> None:
        self._disk = disk
        self._existing = set(segments)
        self._opened: OrderedDict[int, _Opened] = OrderedDict()
        # Held for dictionary steps, opens and closes; never while bytes are read.
        self._lock = threading.Lock()

    def existing(self) -> list[int]:
        """The numbers of all segments, ascending."""
        with self._lock:
            return sorted(self._existing)

    def add(self, segment: int) -> None:
        """A new segment may be read from now on."""
        with self._lock:
            self._existing.add(segment)

    def borrow(self, segment: int) -> int:
        """A handle that stays open until `give_back`. Raises SegmentGone."""
        with self._lock:
            opened = self._opened.get(segment)
            if opened is None:
                opened = self._open(segment)
            else:
                self._opened.move_to_end(segment)
            opened.readers += 1
            return opened.handle

    def give_back(self, segment: int) -> None:
        with self._lock:
            self._opened[segment].readers -= 1

    def withdraw(self, segment: int) -> bool:
        """Let nobody read the segment any more; False, and nothing done, when somebody does right now."""
        with self._lock:
            opened = self._opened.get(segment)
            if opened is not None:
                if opened.readers:
                    return False
                del self._opened[segment]
                self._disk.close(opened.handle)
            self._existing.discard(segment)
            return True

    def close(self) -> None:
        with self._lock:
            self._existing.clear()
            while self._opened:
                _, opened = self._opened.popitem()
                self._disk.close(opened.handle)

    def _open(self, segment: int) -> _Opened:
        if segment not in self._existing:
            raise SegmentGone(segment_name(segment))
        try:
            opened = _Opened(self._disk.open(segment_name(segment)))
        except FileNotFoundError:
            raise SegmentGone(segment_name(segment)) from None
        self._opened[segment] = opened
        if len(self._opened) > OPEN_SEGMENTS_MAX:
            self._close_oldest_idle()
        return opened

    def _close_oldest_idle(self) -> None:
        for segment, opened in self._opened.items():
            if not opened.readers and opened is not next(reversed(self._opened.values())):
                del self._opened[segment]
                self._disk.close(opened.handle)
                return
