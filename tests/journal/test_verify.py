"""`verify` and `scan` see everything that is on the disk and change nothing."""

from __future__ import annotations

import pytest

from oncemq.journal.checkpoint import CheckpointStore
from oncemq.journal.errors import CheckpointCorrupt, JournalCorrupt
from oncemq.journal.journal import Journal, Mark
from oncemq.journal.manifest import data_name, manifest_name
from oncemq.journal.segment import segment_name
from oncemq.journal.verify import Place, VerifyReport, scan, verify
from tests.journal.journals import IDENTITY, append, numbered_payload, opened
from tests.simulate.disk import ForgetfulDisk


def built(batches: int = 20, checkpoint_after: int = 0, delete: bool = False) -> tuple[ForgetfulDisk, Journal]:
    """A journal of so many batches, four to a segment, with a checkpoint and without segments 0, 2, 3 if asked for."""
    disk = ForgetfulDisk()
    journal = opened(disk)
    store = CheckpointStore(disk)
    store.load()
    marks: list[Mark] = []
    for number in range(1, batches + 1):
        append(journal, numbered_payload(number, 7_000), now_ms=number)
        marks.append(journal.mark)
    if checkpoint_after:
        writer = store.begin()
        writer.put(b"key", b"a piece")
        writer.publish(marks[checkpoint_after - 1], checkpoint_after)
        if delete:
            assert journal.delete_segments(marks[checkpoint_after - 1], lambda segment: segment == 1) == [0, 2, 3]
    return disk, journal


def verified(disk: ForgetfulDisk) -> VerifyReport:
    before = {name: bytes(disk.content(name)) for name in disk.names()}
    handles = disk.open_handles()
    report = verify(disk)
    assert {name: bytes(disk.content(name)) for name in disk.names()} == before
    assert disk.open_handles() == handles
    return report


def test_an_empty_folder_is_sound() -> None:
    assert verified(ForgetfulDisk()) == VerifyReport()
    assert list(scan(ForgetfulDisk())) == []


def test_the_report_counts_what_is_there() -> None:
    disk, _ = built(checkpoint_after=18)
    report = verified(disk)
    assert report.is_sound
    assert (report.segments, report.batches, report.payload_bytes) == (5, 20, 20 * 7_000)
    assert (report.first_number, report.last_number, report.identity) == (1, 20, IDENTITY)
    assert [(found.batch_number, found.pieces, found.piece_bytes) for found in report.checkpoints] == [(18, 1, 7)]
    assert report.torn is None


def test_deleted_segments_before_the_mark_are_no_damage() -> None:
    disk, _ = built(checkpoint_after=18, delete=True)
    report = verified(disk)
    assert report.is_sound, report
    assert report.batches == 8
    assert [batch.number for batch in scan(disk)] == [5, 6, 7, 8, 17, 18, 19, 20]


def test_a_gap_behind_the_mark_is_corruption() -> None:
    disk, _ = built(checkpoint_after=6)
    disk.remove(segment_name(3))
    report = verified(disk)
    assert isinstance(report.corruption, JournalCorrupt)
    assert (report.corruption.segment_name, report.corruption.expected_number) == (segment_name(3), 13)
    with pytest.raises(JournalCorrupt):
        list(scan(disk))


def test_damage_before_the_mark_is_corruption_though_a_start_would_not_read_it() -> None:
    disk, _ = built(checkpoint_after=18, delete=True)
    disk.content(segment_name(1))[8_192 + 500] ^= 1
    report = verified(disk)
    assert isinstance(report.corruption, JournalCorrupt)
    assert (report.corruption.segment_name, report.corruption.offset_bytes) == (segment_name(1), 8_192)


def test_a_torn_end_is_named() -> None:
    disk, _ = built(6)
    disk.content(segment_name(1))[8_192 + 500] ^= 1
    report = verified(disk)
    assert report.is_sound
    assert report.torn == Place(segment_name(1), 8_192)
    assert [batch.number for batch in scan(disk)] == [1, 2, 3, 4, 5]


def test_missing_first_segments_without_a_checkpoint_are_corruption() -> None:
    disk, _ = built()
    disk.remove(segment_name(0))
    report = verified(disk)
    assert isinstance(report.corruption, JournalCorrupt)
    assert report.corruption.expected_number == 1


def test_a_damaged_piece_and_a_damaged_manifest_are_reported() -> None:
    disk, _ = built(checkpoint_after=18, delete=True)
    disk.content(data_name(1))[0] ^= 1
    report = verified(disk)
    assert report.corruption is None and not report.is_sound
    assert isinstance(report.checkpoint_corruption, CheckpointCorrupt)
    disk.content(manifest_name(1))[20] ^= 1
    report = verified(disk)
    assert report.corruption is None and report.batches == 8
    assert [batch.number for batch in scan(disk)] == [5, 6, 7, 8, 17, 18, 19, 20]


def test_scan_shows_what_the_headers_say() -> None:
    disk, journal = built(3)
    batch = list(scan(disk))[2]
    assert (batch.segment_name, batch.offset_bytes) == (segment_name(0), 16_384)
    assert (batch.number, batch.last_durable, batch.now_ms) == (3, 2, 3)
    assert (batch.identity, batch.crc) == (IDENTITY, journal.mark.crc)
    assert batch.payload == numbered_payload(3, 7_000)
    assert journal.read(batch.payload_position, 7_000) == batch.payload
