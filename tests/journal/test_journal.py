"""The journal's promises, one by one, over a disk that keeps only what was synced."""

from __future__ import annotations

import random

import pytest

from oncemq.journal.errors import JournalFailed, ReadBeyondEnd, SegmentGone
from oncemq.journal.journal import Journal
from oncemq.journal.segment import position_of
from tests.journal.journals import IDENTITY, SEGMENT_BYTES, append, numbered_payload, opened, replayed
from tests.simulate.disk import ForgetfulDisk


def test_an_empty_disk_takes_the_new_identity_and_replays_nothing() -> None:
    journal, batches = replayed(ForgetfulDisk())
    assert batches == {}
    assert journal.identity == IDENTITY
    assert journal.last_number == journal.durable_number == 0


def test_what_was_written_is_there_after_power_is_lost() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    for number in range(1, 30):
        append(journal, numbered_payload(number, 3_000), now_ms=number)
    found, batches = replayed(disk.crash(random.Random(1)), identity=bytes(16))
    assert batches == {number: numbered_payload(number, 3_000) for number in range(1, 30)}
    assert found.identity == IDENTITY
    assert (found.last_number, found.last_now_ms) == (29, 29)


def test_a_closed_batch_knows_its_place_before_it_is_written() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    for length_bytes in (0, 1, 4_032, 4_033, 40_000, 100, 70_000, 8):
        place = journal.next_payload_position
        batch = journal.close_batch([b"a" * length_bytes], length_bytes, 5)
        assert batch.payload_position == place
        journal.write(batch)
        assert journal.read(place, length_bytes) == b"a" * length_bytes
        assert journal.read_cached(place, length_bytes) == b"a" * length_bytes


def test_several_batches_may_be_closed_before_the_first_is_written() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    batches = [journal.close_batch([numbered_payload(number)], 96, number) for number in range(1, 20)]
    assert journal.last_number == 19
    for batch in batches:
        assert batch.mark is None
        journal.write(batch)
        assert batch.mark == journal.mark
        assert batch.mark is not None and batch.mark.number == journal.durable_number == batch.number
    assert len(replayed(disk.crash(random.Random(1)))[1]) == 19


def test_replay_gives_the_position_of_each_payload() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    places = [append(journal, numbered_payload(number, 9_000)).payload_position for number in range(1, 12)]
    again = Journal.open(disk, new_identity=IDENTITY, resume=None, segment_bytes=SEGMENT_BYTES)
    assert [batch.payload_position for batch in again.replay()] == places
    assert again.read(places[5], 9_000) == numbered_payload(6, 9_000)


def test_a_batch_may_run_over_the_end_of_its_segment_and_the_next_one_starts_a_new_one() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    append(journal, b"a" * 20_000)
    append(journal, b"b" * 100_000)
    assert append(journal, b"c").position == position_of(1, 0)
    assert [segment.size_bytes > SEGMENT_BYTES for segment in journal.segments()] == [True, False]
    _, batches = replayed(disk.crash(random.Random(1)))
    assert [len(payload) for payload in batches.values()] == [20_000, 100_000, 1]


def test_segments_of_another_size_are_read_all_the_same() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    for number in range(1, 20):
        append(journal, numbered_payload(number, 9_000))
    again = Journal.open(disk, new_identity=IDENTITY, resume=None, segment_bytes=1024 * 1024)
    assert [batch.number for batch in again.replay()] == list(range(1, 20))


def test_a_mark_skips_what_came_before_it() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    marks = [append(journal, numbered_payload(number, 9_000)).mark for number in range(1, 12)]
    for mark in marks:
        assert mark is not None
        found, batches = replayed(disk, mark)
        assert list(batches) == list(range(mark.number + 1, 12))
        assert found.mark == journal.mark
        assert found.next_payload_position == journal.next_payload_position


def test_segments_before_a_mark_go_when_dead_and_unread() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    first = append(journal, b"a" * SEGMENT_BYTES)
    append(journal, b"b" * SEGMENT_BYTES)
    append(journal, b"c" * SEGMENT_BYTES)
    mark = append(journal, b"d" * 100).mark
    append(journal, b"e" * SEGMENT_BYTES)
    assert mark is not None
    assert journal.delete_segments(mark, lambda segment: segment == 1) == [0, 2]
    assert [segment.number for segment in journal.segments()] == [1, 3]
    with pytest.raises(SegmentGone, match="segment-0000000000000000"):
        journal.read(first.payload_position, 10)
    _, batches = replayed(disk.crash(random.Random(1)), mark)
    assert list(batches) == [5]


def test_a_segment_that_is_being_read_stays() -> None:
    journal = opened(ForgetfulDisk())
    append(journal, b"a" * SEGMENT_BYTES)
    mark = append(journal, b"b").mark
    assert mark is not None
    journal._handles.borrow(0)
    assert journal.delete_segments(mark, lambda _: False) == []
    journal._handles.give_back(0)
    assert journal.delete_segments(mark, lambda _: False) == [0]


def test_the_segment_of_the_batch_that_a_mark_rests_on_stays() -> None:
    journal = opened(ForgetfulDisk())
    mark = append(journal, b"a" * SEGMENT_BYTES).mark
    assert mark is not None and mark.position == position_of(1, 0)
    assert journal.delete_segments(mark, lambda _: False) == []


@pytest.mark.parametrize("fault", ["fail_write_after", "fail_sync_after"])
def test_after_a_failed_write_or_sync_nothing_more_is_taken(fault: str) -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    append(journal, b"first")
    setattr(disk, fault, 0)
    with pytest.raises(OSError):
        append(journal, b"second")
    with pytest.raises(JournalFailed):
        append(journal, b"third")
    assert journal.durable_number == 1


def test_what_a_failed_sync_left_in_memory_is_made_durable_by_the_next_start() -> None:
    """The system shows the batch and will never write it: without writing it again it is lost under what follows."""
    disk = ForgetfulDisk()
    journal = opened(disk)
    append(journal, b"first")
    disk.fail_sync_after = 0
    with pytest.raises(OSError):
        append(journal, b"second")
    disk = disk.kill()
    journal, batches = replayed(disk)
    assert list(batches.values()) == [b"first", b"second"]
    append(journal, b"third")
    _, batches = replayed(disk.crash(random.Random(1)))
    assert list(batches.values()) == [b"first", b"second", b"third"]


def test_reads_behind_the_end_and_of_unknown_segments_are_refused() -> None:
    journal = opened(ForgetfulDisk())
    append(journal, b"a")
    with pytest.raises(ReadBeyondEnd):
        journal.read(position_of(0, SEGMENT_BYTES - 1), 10)
    with pytest.raises(SegmentGone):
        journal.read(position_of(7, 0), 10)


def test_all_handles_are_given_back() -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    for number in range(1, 100):
        place = append(journal, numbered_payload(number, SEGMENT_BYTES)).payload_position
        journal.read(place, 10)
    assert disk.open_handles() <= 66
    journal.close()
    assert disk.open_handles() == 0
