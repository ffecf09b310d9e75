"""What the journal's tests share: opening, appending and reading back, with segments small enough to count by hand."""

from __future__ import annotations

from oncemq.journal.disk import Disk
from oncemq.journal.journal import Batch, Journal
from oncemq.journal.mark import Mark

IDENTITY = bytes(range(16))
SEGMENT_BYTES = 32 * 1024


def opened(disk: Disk, resume: Mark | None = None, identity: bytes = IDENTITY) -> Journal:
    """A journal that has been replayed and takes batches."""
    journal, _ = replayed(disk, resume, identity)
    return journal


def replayed(disk: Disk, resume: Mark | None = None, identity: bytes = IDENTITY) -> tuple[Journal, dict[int, bytes]]:
    """The same, with what was replayed: number -> payload."""
    journal = Journal.open(disk, new_identity=identity, resume=resume, segment_bytes=SEGMENT_BYTES)
    return journal, {batch.number: bytes(batch.payload) for batch in journal.replay()}


def append(journal: Journal, payload: bytes, now_ms: int = 1_000) -> Batch:
    batch = journal.close_batch([payload], len(payload), now_ms)
    journal.write(batch)
    return batch


def numbered_payload(number: int, length_bytes: int = 100) -> bytes:
    """A payload that says whose it is on every eight bytes."""
    return number.to_bytes(8, "big") * (length_bytes // 8)
