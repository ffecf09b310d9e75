"""Reading a whole journal without changing it: for `oncemq journal verify` and `oncemq journal dump`.

Unlike a start, which begins at the newest checkpoint, this reads every segment that is there. Segments deleted before
the checkpoint's mark leave gaps, at which the chain begins anew; behind the mark a gap is corruption. Nothing may
write to the folder meanwhile: the caller holds its lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from oncemq.journal.batch import HEADER_BYTES
from oncemq.journal.checkpoint import newest_checkpoint
from oncemq.journal.disk import Disk
from oncemq.journal.errors import JournalError
from oncemq.journal.mark import Mark
from oncemq.journal.recovery import check_mark, is_blank_from, judge
from oncemq.journal.segment import corrupt_at, offset_of, position_of, segment_name, segment_numbers, segment_of
from oncemq.journal.walk import FIRST, FoundBatch, Start, Walk


@dataclass(frozen=True, slots=True)
class ScannedBatch:
    """A good batch: where it begins (`segment_name`, `offset_bytes`), what its header says, and its payload."""

    segment_name: str
    offset_bytes: int
    number: int
    last_durable: int
    now_ms: int
    crc: int
    identity: bytes
    payload: memoryview
    payload_position: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the journal."""

    segment_name: str
    offset_bytes: int


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """A checkpoint of which every piece has been read."""

    number: int
    now_ms: int
    batch_number: int
    pieces: int
    piece_bytes: int


@dataclass(slots=True)
class VerifyReport:
    """What was found. `is_sound` is False when a start would refuse, or bytes that may be needed are damaged.

    `torn` is the place at which a start would cut; `corruption` is the first thing wrong
    with the journal, `checkpoint_corruption` with the checkpoint.
    """

    segments: int = 0
    batches: int = 0
    payload_bytes: int = 0
    first_number: int | None = None
    last_number: int | None = None
    identity: bytes | None = None
    checkpoints: list[CheckpointSummary] = field(default_factory=list)
    torn: Place | None = None
    corruption: JournalError | None = None
    checkpoint_corruption: JournalError | None = None

    @property
    def is_sound(self) -> bool:
        return self.corruption is None and self.checkpoint_corruption is None


def verify(disk: Disk, look: Callable[[ScannedBatch], None] = lambda batch: None) -> VerifyReport:
    """Read everything and report; what is damaged is reported, not raised. `look` sees each batch. Raises OSError."""
    report = VerifyReport(segments=len(segment_numbers(disk)))
    mark = _verify_checkpoint(disk, report)
    scan_of_all = _Scan(disk, mark, gaps_allowed=mark is None and report.checkpoint_corruption is not None)
    try:
        for batch in scan_of_all:
            _count(report, batch)
            look(_scanned(batch))
    except JournalError as error:
        report.corruption = error
        return report
    end = scan_of_all.end_position
    if not is_blank_from(disk, end):
        report.torn = Place(segment_name(segment_of(end)), offset_of(end))
    return report


def scan(disk: Disk) -> Iterator[ScannedBatch]:
    """All good batches from the first segment present. Raises as a start does where one would be refused.

    A damaged checkpoint does not stop it: then any gap between segments is taken for a deleted segment.
    """
    try:
        checkpoint = newest_checkpoint(disk)
    except JournalError:
        yield from map(_scanned, _Scan(disk, None, gaps_allowed=True))
        return
    mark = checkpoint.mark if checkpoint else None
    if checkpoint:
        checkpoint.close()
    yield from map(_scanned, _Scan(disk, mark))


class _Scan:
    """Walks over every run of segments; `end_position` is where the journal ends, once iterated to the end."""

    def __init__(self, disk: Disk, mark: Mark | None, gaps_allowed: bool = False) -> None:
        self.end_position = 0
        self._disk = disk
        self._mark = mark
        self._gaps_allowed = gaps_allowed

    def __iter__(self) -> Iterator[FoundBatch]:
        if self._mark is not None:
            check_mark(self._disk, self._mark)
        start: Start | None = self._first_start()
        while start is not None:
            walk = Walk(self._disk, start)
            try:
                while (batch := walk.next_batch()) is not None:
                    yield batch
            finally:
                walk.close()
            self.end_position = walk.expected.position
            start = self._start_behind_gap(walk)

    def _first_start(self) -> Start:
        """From batch 1, unless the first segments are gone and may be."""
        segments = segment_numbers(self._disk)
        if segments and segments[0] > 0 and self._may_be_gone(segments[0]):
            return Start(position_of(segments[0], 0), None, None, self._mark.identity if self._mark else None)
        return FIRST

    def _start_behind_gap(self, walk: Walk) -> Start | None:
        """Where to go on after the place at which the walk ended; None at the end of the journal."""
        position, segment = walk.expected.position, segment_of(walk.expected.position)
        later = [number for number in segment_numbers(self._disk) if number >= segment]
        if offset_of(position) == 0 and later and later[0] > segment and self._may_be_gone(later[0]):
            return Start(position_of(later[0], 0), None, None, walk.expected.identity)
        if self._mark is not None and position < self._mark.position:
            raise corrupt_at(position, walk.expected.number, f"{walk.flaw}; the checkpoint says that it was durable")
        judge(self._disk, walk)
        return None

    def _may_be_gone(self, next_segment: int) -> bool:
        """Whether all segments before this one may have been deleted."""
        return self._gaps_allowed or (self._mark is not None and next_segment <= segment_of(self._mark.batch_position))


def _scanned(batch: FoundBatch) -> ScannedBatch:
    header = batch.header
    return ScannedBatch(
        segment_name(segment_of(batch.position)),
        offset_of(batch.position),
        header.number,
        header.last_durable,
        header.now_ms,
        header.crc,
        header.identity,
        batch.payload,
        batch.position + HEADER_BYTES,
    )


def _count(report: VerifyReport, batch: FoundBatch) -> None:
    header = batch.header
    report.batches += 1
    report.payload_bytes += header.payload_bytes
    report.identity = header.identity
    report.last_number = header.number
    if report.first_number is None:
        report.first_number = header.number


def _verify_checkpoint(disk: Disk, report: VerifyReport) -> Mark | None:
    """Read every piece of the newest checkpoint; its mark, also when a piece is damaged."""
    mark = None
    try:
        checkpoint = newest_checkpoint(disk)
        if checkpoint is None:
            return None
        mark = checkpoint.mark
        keys = checkpoint.keys()
        with contextlib.closing(checkpoint):
            piece_bytes = sum(len(checkpoint.read(key)) for key in keys)
        summary = CheckpointSummary(checkpoint.number, checkpoint.now_ms, mark.number, len(keys), piece_bytes)
        report.checkpoints.append(summary)
    except JournalError as error:
        report.checkpoint_corruption = error
    return mark
