"""The real disk: files in a folder, and the lock on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from oncemq.journal.checkpoint import CheckpointStore
from oncemq.journal.disk import FolderDisk, lock_folder
from oncemq.journal.errors import FolderLocked
from oncemq.journal.verify import verify
from tests.journal.journals import append, numbered_payload, opened, replayed


def test_a_file_is_created_written_read_renamed_and_removed(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path / "new" / "data")
    handle = disk.create("a", 10_000)
    assert disk.size(handle) == 10_000
    disk.write(handle, 9_998, [b"one", memoryview(b"two"), b""])
    disk.sync(handle)
    disk.rename("a", "b")
    disk.sync_folder()
    assert disk.names() == ["b"]
    again = disk.open("b")
    assert disk.read(again, 9_990, 100) == bytes(8) + b"onetwo"
    assert disk.size(again) == 10_004
    with pytest.raises(FileExistsError):
        disk.create("b", 0)
    disk.remove("b")
    with pytest.raises(FileNotFoundError):
        disk.open("b")
    assert disk.free_bytes() > 0
    disk.close(handle)
    disk.close(again)
    disk.close_folder()


def test_more_parts_than_one_write_takes(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    handle = disk.create("a", 0)
    parts = [b"%d," % number for number in range(5_000)]
    disk.write(handle, 3, parts)
    assert disk.read(handle, 3, 100_000) == b"".join(parts)
    disk.write(handle, 0, [])
    disk.close(handle)


def test_a_write_that_takes_only_some_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev

    def short(handle: int, parts: list[bytes], offset_bytes: int) -> int:
        return real(handle, [b"".join(parts)[:7]], offset_bytes)

    monkeypatch.setattr(os, "pwritev", short)
    disk = FolderDisk(tmp_path)
    handle = disk.create("a", 0)
    disk.write(handle, 0, [b"abc", b"", b"defghij", b"k" * 30, memoryview(b"end")])
    assert disk.read(handle, 0, 100) == b"abcdefghij" + b"k" * 30 + b"end"
    disk.close(handle)


def test_a_cached_read_gives_the_bytes_or_nothing(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    handle = disk.create("a", 0)
    disk.write(handle, 0, [b"abcdef"])
    assert disk.read_cached(handle, 2, 3) in (b"cde", None)
    assert disk.read_cached(handle, 4, 10) is None
    disk._nowait_flag = None  # a platform without it
    assert disk.read_cached(handle, 2, 3) is None
    disk.close(handle)


def test_a_journal_and_a_checkpoint_in_a_folder(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    lock = lock_folder(tmp_path)
    store = CheckpointStore(disk)
    assert store.load() is None
    journal = opened(disk)
    for number in range(1, 30):
        append(journal, numbered_payload(number, 9_000))
    writer = store.begin()
    writer.put(b"key", b"piece")
    checkpoint = writer.publish(journal.mark, 7)
    append(journal, b"last")
    assert journal.delete_segments(checkpoint.mark, lambda _: False) == list(range(9))
    journal.close()
    store.close()
    lock.release()

    again = CheckpointStore(disk).load()
    assert again is not None and again.read(b"key") == b"piece"
    found, batches = replayed(disk, again.mark)
    assert batches == {30: b"last"}
    assert found.read(found.mark.batch_position + 64, 4) == b"last"
    assert verify(disk).is_sound
    found.close()


def test_a_folder_that_is_served_is_refused_with_the_process_id(tmp_path: Path) -> None:
    program = (
        "import sys; from oncemq.journal.disk import lock_folder; "
        "lock = lock_folder(sys.argv[1]); print('locked', flush=True); sys.stdin.read()"
    )
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(FolderLocked, match=f"in use by process {holder.pid}") as raised:
            lock_folder(folder)
        assert raised.value.process_id == holder.pid
        holder.stdin.close()
    lock = lock_folder(folder)  # the lock goes with its process, the file does not matter
    assert (folder / "lock").read_text() == f"{os.getpid()}\n"
    with pytest.raises(FolderLocked):
        lock_folder(folder)
    lock.release()
    lock_folder(folder).release()
