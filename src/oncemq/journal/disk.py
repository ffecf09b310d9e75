"""The files of one folder, seen as the journal needs them. The only file of OnceMQ that syncs.

What the callers may rely on after a loss of power, and nothing more:

- what `sync` returned for is there, with the file's size;
- what `sync_folder` returned for (creates, renames, removes) is there;
- of everything else any part may be there or not, in any order, down to single sectors of one write;
- a rename happened or did not: there is no half of it.

`tests/simulate/disk.py` is a disk that keeps exactly these promises.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from oncemq.journal.errors import FolderLocked

Bytes = bytes | memoryview

# The most parts that one pwritev takes. POSIX promises 16; Linux and macOS both say 1,024.
PARTS_PER_WRITE_MAX = os.sysconf("SC_IOV_MAX") if "SC_IOV_MAX" in os.sysconf_names else 16

LOCK_NAME = "lock"


class Disk(Protocol):
    """One folder of files. Handles are small integers. Everything raises OSError when the system refuses."""

    def names(self) -> list[str]:
        """The names of all files, sorted."""

    def create(self, name: str, size_bytes: int) -> int:
        """Create a file that must not exist, with `size_bytes` zeros allocated (0: none). Its handle."""

    def open(self, name: str) -> int:
        """A handle to an existing file, to read and to write. FileNotFoundError when there is none."""

    def size(self, handle: int) -> int:
        """The file's size in bytes."""

    def write(self, handle: int, offset_bytes: int, parts: Sequence[Bytes]) -> None:
        """Write the parts one after another from the offset on, all of them. The file grows as needed."""

    def read(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes:
        """The bytes from the offset on; fewer than asked for only at the end of the file."""

    def read_cached(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes | None:
        """The bytes if they are in memory; None when reading would wait, or the platform cannot tell."""

    def sync(self, handle: int) -> None:
        """Return when everything written to this file, and its size, would survive a loss of power."""

    def sync_folder(self) -> None:
        """Return when all creates, renames and removes would survive a loss of power."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in one step; a file that had the name is gone."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def close(self, handle: int) -> None:
        """Let go of a handle."""

    def free_bytes(self) -> int:
        """How many bytes can still be written."""


class FolderDisk:
    """A `Disk` over a real folder, which is created when it does not exist."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        make_folder(self.path)
        self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._nowait_flag: int | None = getattr(os, "RWF_NOWAIT", None)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.path.iterdir())

    def create(self, name: str, size_bytes: int) -> int:
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._folder)
        try:
            _allocate(handle, size_bytes)
        except OSError:
            # Most likely the disk is full. An empty file of this name would make the next try fail too.
            os.close(handle)
            os.unlink(name, dir_fd=self._folder)
            raise
        return handle

    def open(self, name: str) -> int:
        return os.open(name, os.O_RDWR | os.O_CLOEXEC, dir_fd=self._folder)

    def size(self, handle: int) -> int:
        return os.fstat(handle).st_size

    def write(self, handle: int, offset_bytes: int, parts: Sequence[Bytes]) -> None:
        if len(parts) <= PARTS_PER_WRITE_MAX:
            written_bytes = os.pwritev(handle, parts, offset_bytes)
            if written_bytes == sum(map(len, parts)):
                return
        else:
            written_bytes = 0
        _write_rest(handle, offset_bytes, parts, written_bytes)

    def read(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes:
        data = os.pread(handle, length_bytes, offset_bytes)
        if len(data) == length_bytes:
            return data
        pieces = [data]
        while data:  # a short read is no end of file: only an empty one is
            offset_bytes += len(data)
            length_bytes -= len(data)
            data = os.pread(handle, length_bytes, offset_bytes)
            pieces.append(data)
        return b"".join(pieces)

    def read_cached(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes | None:
        if self._nowait_flag is None:
            return None
        buffer = bytearray(length_bytes)
        try:
            count_bytes = os.preadv(handle, [buffer], offset_bytes, self._nowait_flag)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
            self._nowait_flag = None  # this file system will not say; do not ask it again
            return None
        # Fewer bytes: the rest is not in memory (or not in the file; the blocking read will tell).
        return bytes(buffer) if count_bytes == length_bytes else None

    def sync(self, handle: int) -> None:
        _sync_data(handle)

    def sync_folder(self) -> None:
        _sync_all(self._folder)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def remove(self, name: str) -> None:
        os.unlink(name, dir_fd=self._folder)

    def close(self, handle: int) -> None:
        os.close(handle)

    def free_bytes(self) -> int:
        found = os.fstatvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def close_folder(self) -> None:
        """Let go of the folder itself; the disk is of no use afterwards."""
        os.close(self._folder)


class FolderLock:
    """Holds a folder for this process until `release`, or until the process ends in whatever way."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        # The file stays: removing it would let two processes lock two different files of one name.
        os.close(self._handle)


def lock_folder(path: str | os.PathLike[str]) -> FolderLock:
    """Take the folder for this process, or raise FolderLocked with the process id of the holder."""
    folder = Path(path)
    make_folder(folder)
    handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = holder_of(handle)
        os.close(handle)
        raise FolderLocked(str(folder), holder) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, b"%d\n" % os.getpid(), 0)
    return FolderLock(handle)


def holder_of(lock: int) -> int | None:
    """The process id that a held lock file names; None when that process is not there.

    A server that was killed leaves its id behind, and one that only reads the folder (`oncemq journal`) writes none.
    """
    text = os.pread(lock, 32, 0).strip()
    if not text.isdigit():
        return None
    try:
        os.kill(int(text), 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # it is there, and another user's
    return int(text)


def make_folder(path: Path) -> None:
    """Create the folder and those above it, each entered in its parent durably."""
    if path.is_dir():
        return
    parent = path.absolute().parent
    make_folder(parent)
    path.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync_all(handle)
    finally:
        os.close(handle)


def _write_rest(handle: int, offset_bytes: int, parts: Sequence[Bytes], written_bytes: int) -> None:
    """Go on after a write that took only the first `written_bytes`."""
    rest = [memoryview(part) for part in parts if len(part)]
    first = 0
    while True:
        offset_bytes += written_bytes
        while first < len(rest) and written_bytes >= len(rest[first]):
            written_bytes -= len(rest[first])
            first += 1
        if first == len(rest):
            return
        rest[first] = rest[first][written_bytes:]
        written_bytes = os.pwritev(handle, rest[first : first + PARTS_PER_WRITE_MAX], offset_bytes)


if sys.platform == "darwin":

    def _sync_data(handle: int) -> None:
        # fsync on macOS stops at the drive's cache; there is no fdatasync.
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)

    def _sync_all(handle: int) -> None:
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)

    def _allocate(handle: int, size_bytes: int) -> None:
        os.ftruncate(handle, size_bytes)
else:
    _sync_data = os.fdatasync
    _sync_all = os.fsync

    def _allocate(handle: int, size_bytes: int) -> None:
        if not size_bytes:
            return
        try:
            os.posix_fallocate(handle, 0, size_bytes)
        except OSError as error:
            # Where a file system cannot preallocate, the file grows as it is written: slower, not less safe.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
