"""The journal: an append-only sequence of batches of opaque bytes, each durable as a whole or not there.

A start opens, replays every batch after a mark, and only then appends. Appending has two halves. `close_batch` runs
on the loop: it fixes the number and the place of a batch and does nothing else, so that the next batch can gather,
knowing where its bytes will lie. `write` runs on one writer thread, in the order of the numbers, and returns when the
batch is durable.

A failed write or sync is the end: `write` raises what the system said and refuses everything after it with
JournalFailed. The caller has to end the process, because nobody knows what the disk holds now (the system may have
dropped the page and report success the next time); the next start finds out.

This file knows no clock and no chance: times and the identity are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from crc32c import crc32c

from oncemq.journal.batch import (
    BLOCK_BYTES,
    CHECKSUM,
    HEADER_BYTES,
    IDENTITY_BYTES,
    LAST_IN_SEGMENT,
    MAGIC,
    UNSUMMED_HEADER,
    VERSION,
)
from oncemq.journal.disk import Bytes, Disk
from oncemq.journal.errors import JournalFailed, ReadBeyondEnd
from oncemq.journal.handles import SegmentHandles
from oncemq.journal.mark import Mark, first_mark
from oncemq.journal.recovery import check_mark, cut, harden, judge
from oncemq.journal.segment import (
    SEGMENT_BYTES,
    offset_of,
    position_after,
    position_of,
    segment_name,
    segment_numbers,
    segment_of,
)
from oncemq.journal.walk import FIRST, Walk, start_after

__all__ = ["Batch", "Journal", "Mark", "ReplayedBatch", "SegmentSize"]

# Up to this many bytes a payload of many parts is joined before it is summed and written: one call for
# each is cheaper than one for each part. Longer ones are not copied.
JOINED_BYTES_MAX = 256 * 1024

# How far zeros are written ahead of the batches, together with one of them. A preallocated block costs the file
# system a commit of its own journal when it is first written; paid once for many batches this way, a sync takes
# about two thirds of the time (docs/journal.md has the figures). Longer batches do not gain by it.
ZEROED_AHEAD_BYTES = 256 * 1024

_ZEROS = memoryview(bytes(BLOCK_BYTES + ZEROED_AHEAD_BYTES))


class ReplayedBatch(NamedTuple):
    """A batch read back. `payload_position` is the position of the first byte of its payload."""

    number: int
    now_ms: int
    payload: memoryview
    payload_position: int


class SegmentSize(NamedTuple):
    """A segment and the bytes it takes on disk."""

    number: int
    size_bytes: int


class Batch:
    """A batch with a number and a place. `mark`, the place after it, is set when it is durable, None before."""

    __slots__ = ("length_bytes", "mark", "next_position", "now_ms", "number", "payload", "position")

    def __init__(
        self, number: int, position: int, next_position: int, payload: Sequence[Bytes], length_bytes: int, now_ms: int
    ) -> None:
        self.number = number
        self.position = position
        self.next_position = next_position
        self.payload = payload
        self.length_bytes = length_bytes
        self.now_ms = now_ms
        self.mark: Mark | None = None

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk: a small batch takes a whole block."""
        return HEADER_BYTES + self.length_bytes + BLOCK_BYTES - 1 & -BLOCK_BYTES

    @property
    def payload_position(self) -> int:
        return self.position + HEADER_BYTES


class _State(Enum):
    OPENED = "opened: to be replayed"
    REPLAYING = "being replayed"
    WRITING = "open for batches"
    FAILED = "a write or a sync failed"
    CLOSED = "closed"


class Journal:
    """One journal on one disk. Made by `open`; one thread closes batches, one writes them, any may read."""

    def __init__(self, disk: Disk, mark: Mark, walk: Walk, segment_bytes: int) -> None:
        self._disk = disk
        self._walk = walk
        self._segment_bytes = segment_bytes
        self._state = _State.OPENED
        self._handles = SegmentHandles(disk, segment_numbers(disk))
        # Of the loop: where the next batch begins and which number was given last.
        self._tail = mark.position
        self.last_number = mark.number
        self.last_now_ms = 0
        # Of the writer: the place after the last durable batch, and the segment being written.
        self._mark = mark
        self._writing_segment = -1
        self._writing_handle = -1
        self._zeroed_bytes = 0

    @classmethod
    def open(
        cls, disk: Disk, *, new_identity: bytes, resume: Mark | None, segment_bytes: int = SEGMENT_BYTES
    ) -> Journal:
        """Open the journal on this disk; `replay` has to be run to its end before a batch can be closed.

        `resume` is the mark of the checkpoint that was loaded; None replays from the first batch ever written.
        `new_identity`, 16 random bytes, is used only for a journal that holds nothing yet. Changes nothing on the
        disk. Raises JournalCorrupt when the batch on which the checkpoint rests is not there.
        """
        assert len(new_identity) == IDENTITY_BYTES
        assert segment_bytes > 0 and segment_bytes % BLOCK_BYTES == 0
        if resume is None:
            return cls(disk, first_mark(new_identity), Walk(disk, FIRST), segment_bytes)
        check_mark(disk, resume)
        return cls(disk, resume, Walk(disk, start_after(resume)), segment_bytes)

    @property
    def identity(self) -> bytes:
        """The 16 bytes that tell this journal from any other. Final once `replay` has ended."""
        return self._mark.identity

    @property
    def mark(self) -> Mark:
        """The place after the last durable batch."""
        return self._mark

    @property
    def durable_number(self) -> int:
        """All batches up to this number are durable."""
        return self._mark.number

    @property
    def next_payload_position(self) -> int:
        """Where the first payload byte of the batch that is closed next will lie."""
        return self._tail + HEADER_BYTES

    def replay(self) -> Iterator[ReplayedBatch]:
        """All batches after the mark, in order. Has to be run to its end, once.

        At the end a torn tail is cut and the last batch is made durable; until then no answer may rest on what was
        replayed. Raises JournalCorrupt and JournalVersion, with nothing changed on the disk.
        """
        assert self._state is _State.OPENED, self._state
        self._state = _State.REPLAYING
        walk = self._walk
        while (batch := walk.next_batch()) is not None:
            header = batch.header
            self.last_now_ms = header.now_ms
            yield ReplayedBatch(header.number, header.now_ms, batch.payload, batch.position + HEADER_BYTES)
        judge(self._disk, walk)
        cut(self._disk, walk.expected.position)
        if walk.last is not None:
            harden(self._disk, walk.last)
            found = walk.last.header
            place = walk.last.position
            self._mark = Mark(found.number, position_after(place, found), found.crc, found.identity, place)
        self._handles.close()
        self._handles = SegmentHandles(self._disk, segment_numbers(self._disk))
        self._tail = self._mark.position
        self.last_number = self._mark.number
        self._state = _State.WRITING

    def close_batch(self, payload: Sequence[Bytes], length_bytes: int, now_ms: int) -> Batch:
        """Give these bytes the next number and place. On the loop: no disk, no checksum.

        `length_bytes` is the sum of the parts, which must not change until `write` has returned.
        """
        assert self._state is _State.WRITING or self._state is _State.FAILED, self._state
        position = self._tail
        end = position + (HEADER_BYTES + length_bytes + BLOCK_BYTES - 1 & -BLOCK_BYTES)
        if offset_of(end) >= self._segment_bytes:
            end = position_of(segment_of(position) + 1, 0)
        self._tail = end
        self.last_number += 1
        self.last_now_ms = now_ms
        return Batch(self.last_number, position, end, payload, length_bytes, now_ms)

    def write(self, batch: Batch) -> None:
        """Make the batch durable and set its mark. On the writer thread, in the order of the numbers.

        Raises what the disk raised (OSError) the first time, JournalFailed ever after: the process has to end.
        """
        if self._state is not _State.WRITING:
            raise JournalFailed(f"the journal takes no batch: {self._state.value}")
        assert batch.number == self._mark.number + 1, "batches are written in the order of their numbers"
        try:
            batch.mark = self._mark = self._write(batch)
        except BaseException:
            self._state = _State.FAILED
            raise
        batch.payload = ()

    def read(self, position: int, length_bytes: int) -> bytes:
        """The bytes at a position; may wait for the disk; from any thread. Raises SegmentGone, ReadBeyondEnd."""
        segment = segment_of(position)
        handle = self._handles.borrow(segment)
        try:
            data = self._disk.read(handle, offset_of(position), length_bytes)
        finally:
            self._handles.give_back(segment)
        if len(data) != length_bytes:
            raise ReadBeyondEnd(segment_name(segment), offset_of(position), length_bytes)
        return data

    def read_cached(self, position: int, length_bytes: int) -> bytes | None:
        """The same without waiting: None when the bytes are not in memory or the platform cannot tell."""
        segment = segment_of(position)
        handle = self._handles.borrow(segment)
        try:
            return self._disk.read_cached(handle, offset_of(position), length_bytes)
        finally:
            self._handles.give_back(segment)

    def hold(self, position: int) -> None:
        """Keep the segment of this position until `let_go`: what was answered will be read there."""
        self._handles.borrow(segment_of(position))

    def let_go(self, position: int) -> None:
        """What was held is read."""
        self._handles.give_back(segment_of(position))

    def delete_segments(self, before: Mark, live: Callable[[int], bool]) -> list[int]:
        """Delete what a published checkpoint made superfluous; the numbers of the segments deleted.

        `before` is the mark of a PUBLISHED checkpoint. A segment goes when it ends before the batch on which the
        checkpoint rests (that one is checked at the next start), when `live(segment number)` is false, and when
        nobody is reading it; the next call will get those that stayed. Raises OSError.
        """
        deleted = []
        for segment in self._handles.existing():
            if segment >= segment_of(before.batch_position):
                break
            if not live(segment) and self._handles.withdraw(segment):
                self._disk.remove(segment_name(segment))
                deleted.append(segment)
        if deleted:
            self._disk.sync_folder()
        return deleted

    def segments(self) -> list[SegmentSize]:
        """All segments, ascending, with what they take on disk."""
        sizes = []
        for segment in self._handles.existing():
            handle = self._handles.borrow(segment)
            try:
                sizes.append(SegmentSize(segment, self._disk.size(handle)))
            finally:
                self._handles.give_back(segment)
        return sizes

    def close(self) -> None:
        """Let go of all handles. What was written is durable already; nothing is left to do."""
        self._state = _State.CLOSED
        self._walk.close()
        self._handles.close()
        if self._writing_handle >= 0:
            self._disk.close(self._writing_handle)
            self._writing_handle = -1

    def _write(self, batch: Batch) -> Mark:
        mark, length_bytes, position = self._mark, batch.length_bytes, batch.position
        segment = segment_of(position)
        flags = LAST_IN_SEGMENT if segment_of(batch.next_position) != segment else 0
        # `last durable` and the number before are the same: a batch is begun when the one before is durable.
        header = UNSUMMED_HEADER.pack(
            MAGIC, VERSION, flags, mark.identity, batch.number, mark.number, batch.now_ms, length_bytes, mark.crc
        )
        payload = batch.payload
        if len(payload) > 1 and length_bytes <= JOINED_BYTES_MAX:
            payload = (b"".join(payload),)
        crc = crc32c(header)
        for part in payload:
            crc = crc32c(part, crc)
        is_new = segment != self._writing_segment and self._turn_to(segment)
        zeros = self._zeros_behind(offset_of(position), length_bytes)
        self._disk.write(self._writing_handle, offset_of(position), (header, CHECKSUM.pack(crc), *payload, zeros))
        self._disk.sync(self._writing_handle)
        if is_new:
            self._disk.sync_folder()
        return Mark(batch.number, batch.next_position, crc, mark.identity, position)

    def _zeros_behind(self, offset_bytes: int, length_bytes: int) -> memoryview:
        """The zeros to write right after a payload: to the end of its block, and now and then further ahead."""
        padding_bytes = -(HEADER_BYTES + length_bytes) % BLOCK_BYTES
        end_bytes = offset_bytes + HEADER_BYTES + length_bytes + padding_bytes
        if end_bytes <= self._zeroed_bytes or length_bytes >= ZEROED_AHEAD_BYTES:
            return _ZEROS[:padding_bytes]
        ahead_bytes = max(0, min(ZEROED_AHEAD_BYTES, self._segment_bytes - end_bytes))
        self._zeroed_bytes = end_bytes + ahead_bytes
        return _ZEROS[: padding_bytes + ahead_bytes]

    def _turn_to(self, segment: int) -> bool:
        """Write to this segment from now on; True when it was created and the folder has to be synced."""
        if self._writing_handle >= 0:
            self._disk.close(self._writing_handle)
            self._writing_handle = -1
        is_new = segment not in self._handles.existing()
        if is_new:
            self._writing_handle = self._disk.create(segment_name(segment), self._segment_bytes)
            self._handles.add(segment)
        else:
            self._writing_handle = self._disk.open(segment_name(segment))
        self._writing_segment = segment
        self._zeroed_bytes = 0
        return is_new
