"""What a start does about the end of the journal: corruption is refused, a torn tail is cut, the last batch hardened.

Where the walk over the batches ends, there is either nothing (the end), a batch that was being written when the
process or the power went (torn), or a batch that was durable and has been damaged since (corruption). They are told
apart by what comes later: each header says which batches were durable when it was written. If any later batch of
this journal, whole by its own checksum, calls the missing one durable, it is corruption, and nothing is changed.

Without such a witness the journal is cut there. A batch is only begun when the one before is durable, so what is cut
was never acknowledged, with one exception that cannot be seen: THE VERY LAST batch, acknowledged and damaged later
with nothing after it to vouch for it, looks like a torn one. (A checkpoint's mark vouches, too.)

Why nothing behind a cut is ever taken for a batch. Segments are new files, and `cut` writes zeros over everything
behind the end and syncs them before the next batch is written there, so behind the end there is nothing. Should a
disk bring some of it back, a stale batch is not chained to the batch before it, so it is never replayed, and the last
durable number that it holds is lower than its own number, so it vouches for no batch that was cut. Payload that
clients send cannot pose as a batch either: they would have to know the identity, and a copy of an earlier part of the
journal says only that batches before it are durable.

A `kill -9` leaves in memory what was written and not yet synced, and after a failed sync the system may show bytes
that it will never write. So the last batch found, which nothing vouches for, is written again and synced before
anything may rest on it, and the folder is synced too.
"""

from __future__ import annotations

import contextlib

from oncemq.journal.batch import batch_bytes
from oncemq.journal.disk import Disk
from oncemq.journal.errors import JournalVersion, SegmentGone
from oncemq.journal.mark import Mark, first_mark
from oncemq.journal.segment import (
    WINDOW_BYTES,
    SegmentReader,
    corrupt_at,
    offset_of,
    position_after,
    position_of,
    segment_name,
    segment_numbers,
    segment_of,
)
from oncemq.journal.walk import FoundBatch, Walk

_ZEROS = bytes(WINDOW_BYTES)


def check_mark(disk: Disk, mark: Mark) -> None:
    """Raise JournalCorrupt unless the journal still holds the batch on which the checkpoint rests."""
    place = mark.batch_position
    if mark.number == 0:
        if mark != first_mark(mark.identity):
            raise corrupt_at(mark.position, 1, "the checkpoint's mark is before the first batch, and not at the start")
        return
    try:
        reader = SegmentReader(disk, segment_of(place))
    except SegmentGone:
        raise corrupt_at(place, mark.number, "the checkpoint rests on it, but the segment is missing") from None
    with contextlib.closing(reader):
        header = reader.header(offset_of(place))
        if header is None:
            raise corrupt_at(place, mark.number, "the checkpoint rests on it, but there is no batch header")
        flaw = reader.flaw(offset_of(place), header)
    if flaw is not None:
        raise corrupt_at(place, mark.number, f"the checkpoint rests on it, but {flaw}")
    if not header.known:
        raise JournalVersion(segment_name(segment_of(place)), offset_of(place), header.version, header.flags)
    found = Mark(header.number, position_after(place, header), header.crc, header.identity, place)
    if found != mark:
        raise corrupt_at(place, mark.number, "the checkpoint rests on it, but another batch is there")


def judge(disk: Disk, walk: Walk) -> None:
    """Return when the walk ended where the journal ends, torn or not; raise JournalCorrupt or JournalVersion if not."""
    expected, header = walk.expected, walk.flawed
    name, offset_bytes = segment_name(segment_of(expected.position)), offset_of(expected.position)
    if walk.flaw == "its version is unknown" and header is not None:
        raise JournalVersion(name, offset_bytes, header.version, header.flags)
    witness = _witness(disk, expected.position, expected.number or 1, expected.identity)
    if witness is not None:
        raise corrupt_at(expected.position, expected.number, f"{walk.flaw}; {witness} says that it was durable")
    if header is not None and not header.known and expected.identity in (None, header.identity):
        # Not whole as we read it. It may be what a later version writes: better to refuse than to cut it away.
        raise JournalVersion(name, offset_bytes, header.version, header.flags)


def _witness(disk: Disk, position: int, number: int, identity: bytes | None) -> str | None:
    """The place of a whole batch, behind `position`, that calls batch `number` durable; None when there is none."""
    for segment in segment_numbers(disk):
        if segment < segment_of(position):
            continue
        reader = SegmentReader(disk, segment)
        with contextlib.closing(reader):
            first_bytes = offset_of(position) if segment == segment_of(position) else 0
            for offset_bytes, header in reader.headers_from(first_bytes):
                if identity not in (None, header.identity) or header.last_durable < number:
                    continue
                if reader.flaw(offset_bytes, header) is None:
                    return f"batch {header.number} at {segment_name(segment)}, offset {offset_bytes},"
    return None


def is_blank_from(disk: Disk, position: int) -> bool:
    """Whether nothing but zeros lies at and behind the position, in this segment and all later ones."""
    for segment in segment_numbers(disk):
        if segment < segment_of(position):
            continue
        first_bytes = offset_of(position) if segment == segment_of(position) else 0
        handle = disk.open(segment_name(segment))
        try:
            for offset_bytes in range(first_bytes, disk.size(handle), WINDOW_BYTES):
                if any_set(disk.read(handle, offset_bytes, WINDOW_BYTES)):
                    return False
        finally:
            disk.close(handle)
    return True


def cut(disk: Disk, position: int) -> None:
    """Make the journal end at the position, durably: nothing but zeros and no segment behind it."""
    for segment in segment_numbers(disk):
        if position_of(segment, 0) >= position:
            disk.remove(segment_name(segment))
        elif segment == segment_of(position):
            _clear_behind(disk, segment, offset_of(position))
    disk.sync_folder()


def _clear_behind(disk: Disk, segment: int, offset_bytes: int) -> None:
    handle = disk.open(segment_name(segment))
    try:
        cleared = False
        for start in range(offset_bytes, disk.size(handle), WINDOW_BYTES):
            data = disk.read(handle, start, WINDOW_BYTES)
            if any_set(data):
                disk.write(handle, start, (_ZEROS[: len(data)],))
                cleared = True
        if cleared:
            disk.sync(handle)
    finally:
        disk.close(handle)


def harden(disk: Disk, batch: FoundBatch) -> None:
    """Write the batch again as it is and sync it: the copy in memory may be the only one."""
    start = offset_of(batch.position)
    end = start + batch_bytes(batch.header.payload_bytes)
    handle = disk.open(segment_name(segment_of(batch.position)))
    try:
        for offset_bytes in range(start, end, WINDOW_BYTES):
            data = disk.read(handle, offset_bytes, min(WINDOW_BYTES, end - offset_bytes))
            disk.write(handle, offset_bytes, (data,))
        disk.sync(handle)
    finally:
        disk.close(handle)


def any_set(data: bytes) -> bool:
    """Whether any byte is not zero."""
    return data != _ZEROS[: len(data)]
