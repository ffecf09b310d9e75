"""Checkpoints: pieces are kept or rewritten, published in one step, checked when read, and what is old goes."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from crc32c import crc32c

from oncemq.journal.checkpoint import DATA_FILES_MAX, Checkpoint, CheckpointStore
from oncemq.journal.errors import CheckpointCorrupt, JournalFailed, JournalVersion
from oncemq.journal.manifest import data_name, manifest_name, temporary_name
from oncemq.journal.mark import Mark
from tests.journal.journals import IDENTITY
from tests.simulate.disk import Crashed, ForgetfulDisk

MARK = Mark(number=7, position=8192, crc=123, identity=IDENTITY, batch_position=4096)


def loaded(disk: ForgetfulDisk) -> tuple[CheckpointStore, Checkpoint | None]:
    store = CheckpointStore(disk)
    return store, store.load()


def publish(store: CheckpointStore, put: dict[bytes, bytes], keep: tuple[bytes, ...] = (), mark: Mark = MARK) -> None:
    writer = store.begin()
    for key, data in put.items():
        writer.put(key, data)
    for key in keep:
        writer.keep(key)
    writer.publish(mark, 99)


def pieces(checkpoint: Checkpoint | None) -> dict[bytes, bytes]:
    assert checkpoint is not None
    return {key: checkpoint.read(key) for key in checkpoint.keys()}  # noqa: SIM118 - a Checkpoint is no mapping


def test_there_is_none_at_first() -> None:
    assert loaded(ForgetfulDisk())[1] is None


def test_a_published_checkpoint_survives_a_loss_of_power() -> None:
    disk = ForgetfulDisk()
    publish(loaded(disk)[0], {b"a": b"one", b"": b"empty key", b"b": b"", b"c" * 65_535: b"long key"})
    _, found = loaded(disk.crash(random.Random(1)))
    assert pieces(found) == {b"a": b"one", b"": b"empty key", b"b": b"", b"c" * 65_535: b"long key"}
    assert found is not None
    assert (found.number, found.now_ms, found.mark) == (1, 99, MARK)


def test_a_kept_piece_stays_where_it_is_and_what_is_neither_put_nor_kept_is_gone() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {b"a": b"a" * 100, b"b": b"b" * 40, b"c": b"c" * 10})
    publish(store, {b"b": b"B"}, keep=(b"a",))
    assert disk.names() == [data_name(1), data_name(2), manifest_name(2)]
    assert len(disk.content(data_name(2))) == 1
    assert pieces(loaded(disk.crash(random.Random(1)))[1]) == {b"a": b"a" * 100, b"b": b"B"}


def test_a_data_file_less_than_half_live_is_emptied() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {b"a": b"a" * 49, b"b": b"b" * 51})
    publish(store, {b"b": b"B"}, keep=(b"a",))
    assert disk.names() == [data_name(2), manifest_name(2)]
    assert pieces(store.current) == {b"a": b"a" * 49, b"b": b"B"}


def test_disk_use_stays_under_twice_the_state_and_files_few() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    dice = random.Random(5)
    keys = [b"%d" % number for number in range(200)]
    state = {key: dice.randbytes(100) for key in keys}
    publish(store, state)
    for _ in range(150):
        changed = {key: dice.randbytes(100) for key in dice.sample(keys, dice.choice((0, 1, 5, 40)))}
        publish(store, changed, keep=tuple(key for key in keys if key not in changed))
        state.update(changed)
        data_files = [name for name in disk.names() if name.endswith(".data")]
        assert len(data_files) <= DATA_FILES_MAX
        assert sum(len(disk.content(name)) for name in data_files) <= 2 * 200 * 100
    assert pieces(loaded(disk.crash(dice))[1]) == state
    assert disk.open_handles() <= DATA_FILES_MAX


def test_a_checkpoint_without_pieces_has_no_data_file() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {})
    assert disk.names() == [manifest_name(1)]
    assert pieces(loaded(disk)[1]) == {}


def test_an_abandoned_checkpoint_leaves_nothing() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {b"a": b"1"})
    writer = store.begin()
    writer.put(b"a", b"2")
    writer.abandon()
    assert disk.names() == [data_name(1), manifest_name(1)]
    publish(store, {b"a": b"3"})
    assert pieces(loaded(disk)[1]) == {b"a": b"3"}


def test_what_earlier_runs_left_behind_is_removed_and_other_files_are_not() -> None:
    disk = ForgetfulDisk()
    publish(loaded(disk)[0], {b"a": b"1"})
    for name in (temporary_name(2), data_name(2), manifest_name(0), data_name(0), "segment-0000000000000000", "notes"):
        disk.put(name, b"left behind")
    assert pieces(loaded(disk)[1]) == {b"a": b"1"}
    assert disk.names() == [data_name(1), manifest_name(1), "notes", "segment-0000000000000000"]


def test_every_damaged_byte_of_a_manifest_is_found() -> None:
    disk = ForgetfulDisk()
    publish(loaded(disk)[0], {b"a": b"1", b"b": b"2"})
    content = disk.content(manifest_name(1))
    for offset_bytes in range(len(content)):
        content[offset_bytes] ^= 0x40
        with pytest.raises(CheckpointCorrupt, match=r"checkpoint-0000000000000001\.manifest"):
            loaded(disk)
        content[offset_bytes] ^= 0x40
    for length_bytes in range(len(content)):
        shortened = ForgetfulDisk()
        shortened.put(manifest_name(1), bytes(content[:length_bytes]))
        with pytest.raises(CheckpointCorrupt):
            loaded(shortened)


def test_a_damaged_piece_is_found_when_it_is_read() -> None:
    disk = ForgetfulDisk()
    publish(loaded(disk)[0], {b"a": b"1" * 50, b"b": b"2" * 50})
    disk.content(data_name(1))[60] ^= 1
    _, found = loaded(disk)
    assert found is not None
    assert found.read(b"a") == b"1" * 50
    with pytest.raises(CheckpointCorrupt) as raised:
        found.read(b"b")
    assert (raised.value.file_name, raised.value.offset_bytes) == (data_name(1), 50)


def test_a_data_file_that_is_missing_or_short_is_found_at_once() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {b"a": b"1" * 50})
    store.close()
    disk.put(data_name(1), b"1" * 49)
    with pytest.raises(CheckpointCorrupt, match="ends before"):
        loaded(disk)
    disk.remove(data_name(1))
    with pytest.raises(CheckpointCorrupt, match="missing"):
        loaded(disk)
    assert disk.open_handles() == 0


def test_a_manifest_of_a_later_version_is_refused_as_such() -> None:
    disk = ForgetfulDisk()
    publish(loaded(disk)[0], {b"a": b"1"})
    content = disk.content(manifest_name(1))
    content[4] = 2
    content[80:84] = crc32c(bytes(content[84:]), crc32c(bytes(content[:80]))).to_bytes(4, "little")
    with pytest.raises(JournalVersion, match="version 2"):
        loaded(disk)


def test_a_sync_that_fails_is_final() -> None:
    disk = ForgetfulDisk()
    store, _ = loaded(disk)
    publish(store, {b"a": b"1"})
    writer = store.begin()
    writer.put(b"a", b"2")
    disk.fail_sync_after = 0
    with pytest.raises(OSError):
        writer.publish(MARK, 1)
    writer.abandon()
    with pytest.raises(JournalFailed):
        store.begin()


def test_keeping_an_unknown_piece_is_an_error() -> None:
    store, _ = loaded(ForgetfulDisk())
    with pytest.raises(KeyError):
        store.begin().keep(b"a")


def test_a_crash_at_any_operation_leaves_the_old_checkpoint_or_the_new_one() -> None:
    for operation in range(60):
        for seed in range(4):
            disk = ForgetfulDisk()
            store, _ = loaded(disk)
            publish(store, {b"a": b"1" * 600, b"b": b"1" * 600})
            found = crashed_while_publishing(disk, store, operation, seed)
            assert found in (
                {b"a": b"1" * 600, b"b": b"1" * 600},
                {b"a": b"1" * 600, b"b": b"2" * 600},
            )


def crashed_while_publishing(
    disk: ForgetfulDisk, store: CheckpointStore, operation: int, seed: int
) -> dict[bytes, bytes]:
    disk.stop_after = operation
    try:
        publish(store, {b"b": b"2" * 600}, keep=(b"a",))
    except Crashed:
        disk.stop_after = None
    return pieces(loaded(disk.crash(random.Random(seed)))[1])


def test_a_start_makes_the_newest_checkpoint_durable_before_it_removes_older_ones() -> None:
    """The process was killed between the rename and the sync of the folder, the power goes during the next start."""
    for operation in range(20):
        for seed in range(8):
            disk = ForgetfulDisk()
            store, _ = loaded(disk)
            publish(store, {b"a": b"1"})
            disk.fail_sync_after = 3
            with pytest.raises(OSError):
                publish(store, {b"a": b"2"})
            disk = disk.kill()
            disk.stop_after = operation
            with suppress(Crashed):
                loaded(disk)
            disk.stop_after = None
            assert pieces(loaded(disk.crash(random.Random(seed)))[1]) in ({b"a": b"1"}, {b"a": b"2"})
