"""Batches in order, from a place on, each checked against the one before.

The walk ends at the first place that holds no good batch, and says why. What that means (the end, a torn batch or
corruption) is judged in `recovery.py`. One thing is judged here: a batch that is whole, but not the one that belongs
at its place (another journal's, another number, not chained). No crash leaves that behind, because segments are new
files and what lies behind a cut is zeros; so it is corruption, and must never be cut away.
"""

from __future__ import annotations

from typing import NamedTuple

from oncemq.journal.batch import BatchHeader
from oncemq.journal.disk import Disk
from oncemq.journal.errors import SegmentGone
from oncemq.journal.mark import Mark
from oncemq.journal.segment import SegmentReader, corrupt_at, offset_of, position_after, segment_of


class FoundBatch(NamedTuple):
    """A good batch: where it begins, its header, its payload."""

    position: int
    header: BatchHeader
    payload: memoryview


class Start(NamedTuple):
    """Where a walk begins and what is known of its first batch; None for what is not."""

    position: int
    number: int | None
    previous_crc: int | None
    identity: bytes | None


FIRST = Start(position=0, number=1, previous_crc=0, identity=None)


def start_after(mark: Mark) -> Start:
    """The start of a walk over all batches after the mark."""
    return Start(mark.position, mark.number + 1, mark.crc, mark.identity)


class Walk:
    """`next_batch` until it gives None; then `flaw` says why the walk ended at `expected.position`.

    `expected` is what the next batch has to be. `flawed` is the header at the place where the walk ended, if there
    is one there at all.
    """

    def __init__(self, disk: Disk, start: Start) -> None:
        self.expected = start
        self.last: FoundBatch | None = None
        self.flaw: str | None = None
        self.flawed: BatchHeader | None = None
        self._disk = disk
        self._reader: SegmentReader | None = None

    def next_batch(self) -> FoundBatch | None:
        """The next good batch. Raises JournalCorrupt when a whole batch is there that belongs elsewhere."""
        position = self.expected.position
        offset_bytes = offset_of(position)
        try:
            reader = self._reader_of(segment_of(position))
        except SegmentGone:
            return self._end("the segment is missing", None)
        header = reader.header(offset_bytes)
        if header is None:
            return self._end("there is no batch header", None)
        flaw = reader.flaw(offset_bytes, header)
        if flaw is not None:
            return self._end(flaw, header)
        if not header.known:
            return self._end("its version is unknown", header)
        self._check_place(header)
        batch = FoundBatch(position, header, reader.payload(offset_bytes, header))
        self.expected = Start(position_after(position, header), header.number + 1, header.crc, header.identity)
        self.last = batch
        return batch

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _end(self, flaw: str, header: BatchHeader | None) -> FoundBatch | None:
        self.flaw = flaw
        self.flawed = header
        self.close()
        return None

    def _reader_of(self, segment: int) -> SegmentReader:
        if self._reader is None or self._reader.number != segment:
            self.close()
            self._reader = SegmentReader(self._disk, segment)
        return self._reader

    def _check_place(self, header: BatchHeader) -> None:
        expected = self.expected
        if expected.identity not in (None, header.identity):
            why = f"the batch there is of journal {header.identity.hex()}, not {expected.identity.hex()}"
        elif expected.number not in (None, header.number):
            why = f"the batch there is number {header.number}"
        elif expected.previous_crc not in (None, header.previous_crc):
            why = "the batch there is not chained to the one before"
        else:
            return
        self.close()
        raise corrupt_at(expected.position, expected.number, why)
