"""Torn or corrupt: a start cuts the one and refuses the other, naming the place."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from crc32c import crc32c

from oncemq.journal.batch import BLOCK_BYTES, HEADER_BYTES, encode_unsummed
from oncemq.journal.errors import JournalCorrupt, JournalVersion
from oncemq.journal.journal import Batch, Journal, Mark
from oncemq.journal.segment import SegmentReader, offset_of, segment_name, segment_of
from tests.journal.journals import IDENTITY, SEGMENT_BYTES, append, numbered_payload, opened, replayed
from tests.simulate.disk import ForgetfulDisk

OTHER_IDENTITY = bytes(range(16, 32))


def written(count: int, length_bytes: int = 9_000) -> tuple[ForgetfulDisk, list[Batch]]:
    """A disk with a journal of that many batches, three or four to a segment."""
    disk = ForgetfulDisk()
    journal = opened(disk)
    return disk, [append(journal, numbered_payload(number, length_bytes)) for number in range(1, count + 1)]


def content_from(disk: ForgetfulDisk, batch: Batch) -> memoryview:
    """The bytes on disk from the start of the batch on."""
    return memoryview(disk.content(segment_name(segment_of(batch.position))))[offset_of(batch.position) :]


def refused(disk: ForgetfulDisk, resume: Mark | None = None) -> JournalCorrupt:
    """The error of a start that has to be refused, after checking that it has changed nothing."""
    before = {name: bytes(disk.content(name)) for name in disk.names()}
    with pytest.raises(JournalCorrupt) as raised:
        opened(disk, resume)
    assert {name: bytes(disk.content(name)) for name in disk.names()} == before
    return raised.value


@pytest.mark.parametrize("offset_bytes", [0, 4, 6, 8, 24, 32, 40, 48, 49, 55, 56, 60, 64, 65, 5_000, 9_063])
@pytest.mark.parametrize("damaged", [0, 1, 5, 10])
def test_a_flipped_bit_in_a_durable_batch_is_corruption_and_the_place_is_named(damaged: int, offset_bytes: int) -> None:
    disk, batches = written(12)
    content_from(disk, batches[damaged])[offset_bytes] ^= 0x10
    error = refused(disk)
    place = batches[damaged].position
    assert (error.segment_name, error.offset_bytes) == (segment_name(segment_of(place)), offset_of(place))
    assert error.expected_number == damaged + 1
    assert error.segment_name in str(error) and str(error.offset_bytes) in str(error)


def test_zeros_in_place_of_a_durable_batch_are_corruption() -> None:
    disk, batches = written(12)
    content_from(disk, batches[6])[: 3 * BLOCK_BYTES] = bytes(3 * BLOCK_BYTES)
    assert refused(disk).expected_number == 7


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_missing_segment_is_corruption(segment: int) -> None:
    disk, _ = written(14)
    disk.remove(segment_name(segment))
    error = refused(disk)
    assert (error.segment_name, error.offset_bytes) == (segment_name(segment), 0)
    assert "missing" in error.why


def test_a_segment_cut_short_is_corruption() -> None:
    disk, batches = written(14)
    short = bytes(disk.content(segment_name(0))[: batches[2].position + 5_000])
    disk.put(segment_name(0), short)
    assert refused(disk).expected_number == 3


def test_a_torn_last_batch_is_cut_and_its_number_given_again() -> None:
    disk, batches = written(6)
    content_from(disk, batches[-1])[8_000] ^= 1
    journal, found = replayed(disk)
    assert list(found) == [1, 2, 3, 4, 5]
    assert not any(content_from(disk, batches[-1]))
    again = append(journal, b"again")
    assert (again.number, again.position) == (6, batches[-1].position)
    assert replayed(disk.crash(random.Random(1)))[1][6] == b"again"


def test_damage_to_the_very_last_batch_cannot_be_told_from_a_torn_one() -> None:
    """Known and documented: nothing vouches for the last batch. Once a checkpoint rests on it, it is refused."""
    disk, batches = written(6)
    content_from(disk, batches[-1])[100] ^= 1
    error = refused(disk, batches[-1].mark)
    assert error.expected_number == 6
    assert list(replayed(disk)[1]) == [1, 2, 3, 4, 5]


def test_an_empty_segment_that_was_made_too_early_is_removed() -> None:
    disk, _ = written(6)
    disk.create(segment_name(2), SEGMENT_BYTES)
    disk.create(segment_name(3), 0)
    journal, found = replayed(disk)
    assert len(found) == 6
    assert [segment.number for segment in journal.segments()] == [0, 1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda header: header._replace(identity=OTHER_IDENTITY), "of journal"),
        (lambda header: header._replace(number=header.number + 1), "number 7"),
        (lambda header: header._replace(previous_crc=header.previous_crc ^ 1), "not chained"),
    ],
)
def test_a_whole_batch_that_belongs_elsewhere_is_never_cut(
    change: Callable[..., object], why: str, resume: Mark | None = None
) -> None:
    disk, batches = written(6)
    rewrite(disk, batches[-1], change)
    assert why in refused(disk).why


def rewrite(disk: ForgetfulDisk, batch: Batch, change: Callable[..., object]) -> None:
    """Change the header of a batch and sum it anew."""
    reader = SegmentReader(disk, segment_of(batch.position))
    header = reader.header(offset_of(batch.position))
    assert header is not None
    head = encode_unsummed(change(header))  # type: ignore[arg-type]
    content = content_from(disk, batch)
    crc = crc32c(content[HEADER_BYTES : HEADER_BYTES + header.payload_bytes], crc32c(head))
    content[:HEADER_BYTES] = head + crc.to_bytes(4, "little")
    reader.close()


@pytest.mark.parametrize("change", [{"version": 2}, {"flags": 0x8000}])
def test_a_batch_of_an_unknown_version_is_refused_as_such(change: dict[str, int]) -> None:
    disk, batches = written(6)
    rewrite(disk, batches[3], lambda header: header._replace(**change))
    with pytest.raises(JournalVersion, match="offset 0"):
        opened(disk)


def test_an_unknown_version_that_is_not_whole_as_we_read_it_is_not_cut_away() -> None:
    disk, batches = written(6)
    content_from(disk, batches[-1])[4] = 9
    with pytest.raises(JournalVersion, match="version 9"):
        opened(disk)


def test_a_mark_behind_the_end_of_the_journal_is_corruption() -> None:
    """An older copy of the journal beside a newer checkpoint, or a checkpoint published before its batch."""
    disk, batches = written(6)
    older = disk.crash(random.Random(1))
    journal = opened(disk)
    marks = [append(journal, numbered_payload(number, 9_000)).mark for number in range(7, 12)]
    for mark in marks:
        assert mark is not None
        error = refused(older, mark)
        assert error.expected_number == mark.number
    assert list(replayed(older, batches[-1].mark)[1]) == []


def test_a_mark_of_another_journal_is_corruption() -> None:
    disk, batches = written(6)
    mark = batches[2].mark
    assert mark is not None
    assert "another batch" in refused(disk, mark._replace(identity=OTHER_IDENTITY)).why
    assert "another batch" in refused(disk, mark._replace(crc=mark.crc ^ 1)).why


def test_a_journal_whose_first_segments_were_deleted_needs_its_checkpoint() -> None:
    disk, batches = written(14)
    mark = batches[9].mark
    assert mark is not None
    opened(disk, mark).delete_segments(mark, lambda _: False)
    assert list(replayed(disk, mark)[1]) == [11, 12, 13, 14]
    assert refused(disk).expected_number == 1


def test_a_mark_before_the_first_batch_replays_everything() -> None:
    disk = ForgetfulDisk()
    mark = opened(disk).mark
    journal = opened(disk, mark)
    append(journal, b"first")
    assert list(replayed(disk, mark, OTHER_IDENTITY)[1]) == [1]


def test_a_copy_of_the_journal_in_a_torn_payload_vouches_for_nothing() -> None:
    disk, batches = written(3)
    copy = bytes(disk.content(segment_name(0)))
    journal = opened(disk)
    batch = append(journal, bytes(BLOCK_BYTES - HEADER_BYTES) + copy)
    content_from(disk, batch)[100] ^= 1
    assert list(replayed(disk)[1]) == [1, 2, 3]
    assert not any(disk.content(segment_name(0))[batches[-1].position + 3 * BLOCK_BYTES :])


def test_a_header_that_announces_more_than_memory_is_torn_and_reads_nothing() -> None:
    disk, batches = written(2)
    content_from(disk, batches[-1])[48:56] = (1 << 63).to_bytes(8, "little")
    assert list(replayed(disk)[1]) == [1]


def test_a_journal_that_was_not_replayed_takes_no_batch() -> None:
    disk, _ = written(2)
    journal = Journal.open(disk, new_identity=IDENTITY, resume=None, segment_bytes=SEGMENT_BYTES)
    with pytest.raises(AssertionError):
        journal.close_batch([b"a"], 1, 1)


def test_a_start_after_a_kill_enters_the_last_segment_in_the_folder_durably() -> None:
    """The batch was synced, the folder was not yet: the file is seen, and its name may still be forgotten."""
    disk, _ = written(3)
    journal = opened(disk)
    disk.fail_sync_after = 1
    with pytest.raises(OSError):
        append(journal, numbered_payload(4, 9_000))
    disk = disk.kill()
    assert list(replayed(disk)[1]) == [1, 2, 3, 4]
    for seed in range(20):
        assert list(replayed(disk.crash(random.Random(seed)))[1]) == [1, 2, 3, 4]
