"""A data folder that is only looked at: for `oncemq journal`. Nothing is made; servers are kept out."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from oncemq.journal.disk import LOCK_NAME, Bytes, FolderDisk, holder_of
from oncemq.journal.errors import FolderLocked


class ReadOnlyFolder(FolderDisk):
    """A `Disk` that refuses whatever would change it. As a context it holds the folder against servers.

    Raises FolderLocked when a server holds it, FileNotFoundError or NotADirectoryError when there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.close(folder)
        super().__init__(path)
        self._lock: int | None = None

    def __enter__(self) -> ReadOnlyFolder:
        self._lock = _share(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self.close_folder()

    def open(self, name: str) -> int:
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)

    def create(self, name: str, size_bytes: int) -> int:
        raise _refused(name)

    def write(self, handle: int, offset_bytes: int, parts: Sequence[Bytes]) -> None:
        raise _refused("write")

    def sync(self, handle: int) -> None:
        raise _refused("sync")

    def sync_folder(self) -> None:
        raise _refused("sync")

    def rename(self, old: str, new: str) -> None:
        raise _refused(old)

    def remove(self, name: str) -> None:
        raise _refused(name)


def _share(folder: Path) -> int | None:
    """Hold the lock together with other readers; None when no server was ever here."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = holder_of(handle)
        os.close(handle)
        raise FolderLocked(str(folder), holder) from None
    return handle


def _refused(what: str) -> OSError:
    return OSError(errno.EROFS, os.strerror(errno.EROFS), what)
