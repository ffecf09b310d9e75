"""A disk in memory that keeps the promises of `oncemq.journal.disk` and not one more.

At a crash every write that was not synced, down to each 512-byte sector, every growth of a file and every folder
entry that was not synced is kept or forgotten by the dice. The same seed gives the same disk. Faults and crashes can
be placed on any operation, and promises can be broken on purpose, to test the tests.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Sequence

Bytes = bytes | memoryview

SECTOR_BYTES = 512


class Crashed(BaseException):
    """The machine stopped here. No Exception: nothing in the code under test may catch it."""


class _File:
    """`content` is what the process sees, `durable` what a crash leaves at least, `pending` what is in between.

    `pending` holds (offset, bytes) for a write and (size, None) for a growth.
    """

    def __init__(self) -> None:
        self.content = bytearray()
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []

    def grow(self, size_bytes: int) -> None:
        if size_bytes > len(self.content):
            self.content.extend(bytes(size_bytes - len(self.content)))
            self.pending.append((size_bytes, None))

    def write(self, offset_bytes: int, data: bytes) -> None:
        self.grow(offset_bytes + len(data))
        self.content[offset_bytes : offset_bytes + len(data)] = data
        self.pending.append((offset_bytes, data))

    def sync(self) -> None:
        for offset_bytes, data in self.pending:
            if data is None:
                self.durable.extend(bytes(max(0, offset_bytes - len(self.durable))))
            else:
                self.durable[offset_bytes : offset_bytes + len(data)] = data
        self.pending.clear()

    def after_crash(self, dice: random.Random) -> _File:
        """The file as the next start finds it."""
        found = bytearray(self.durable)
        size_bytes = dice.choice([len(found), *(size for size, data in self.pending if data is None)])
        found.extend(bytes(max(0, len(self.content) - len(found))))
        for offset_bytes, data in self.pending:
            if data is not None:
                _write_some_sectors(found, offset_bytes, data, dice)
        del found[size_bytes:]
        return _settled(found)


def _settled(content: bytearray) -> _File:
    file = _File()
    file.content = content
    file.durable = bytearray(content)
    return file


def _write_some_sectors(target: bytearray, offset_bytes: int, data: bytes, dice: random.Random) -> None:
    share = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    at_bytes = offset_bytes
    while at_bytes < offset_bytes + len(data):
        end_bytes = min(at_bytes - at_bytes % SECTOR_BYTES + SECTOR_BYTES, offset_bytes + len(data))
        if dice.random() < share:
            target[at_bytes:end_bytes] = data[at_bytes - offset_bytes : end_bytes - offset_bytes]
        at_bytes = end_bytes


class ForgetfulDisk:
    """A `Disk` in memory. Settings may be changed at any time:

    - `ignore_sync`: syncs do nothing (a planted bug);
    - `stop_after`: this many more operations work, then every one raises Crashed; None for no such limit;
    - `fail_write_after`, `fail_sync_after`: after this many more, one write or sync raises OSError; a sync that fails
      drops what it should have written, and the process goes on seeing it, as on Linux;
    - `reported_free_bytes`: what free_bytes says;
    - `cached`: whether read_cached finds anything;
    - `ignored_syncs`: syncs of files whose names begin so do nothing; "folder" stands for the folder (planted bugs);
    - `watch`: called before each operation with its name and the file's; it may raise Crashed.
    """

    def __init__(self) -> None:
        self.ignore_sync = False
        self.stop_after: int | None = None
        self.fail_write_after: int | None = None
        self.fail_sync_after: int | None = None
        self.reported_free_bytes = 1 << 40
        self.cached = True
        self.ignored_syncs: tuple[str, ...] = ()
        self.watch: Callable[[str, str], None] | None = None
        self.operations = 0
        self._folder: dict[str, _File] = {}
        self._durable_folder: dict[str, _File] = {}
        self._folder_changes: list[Callable[[dict[str, _File]], None]] = []
        self._handles: dict[int, _File] = {}
        self._names: dict[int, str] = {}
        self._next_handle = 3

    # The disk as the journal sees it.

    def names(self) -> list[str]:
        self._step("names", "")
        return sorted(self._folder)

    def create(self, name: str, size_bytes: int) -> int:
        self._step("create", name)
        if name in self._folder:
            raise FileExistsError(errno.EEXIST, "exists", name)
        file = _File()

        def change(folder: dict[str, _File]) -> None:
            folder[name] = file

        self._change_folder(change)
        file.grow(size_bytes)
        return self._handle_of(file, name)

    def open(self, name: str) -> int:
        self._step("open", name)
        if name not in self._folder:
            raise FileNotFoundError(errno.ENOENT, "not found", name)
        return self._handle_of(self._folder[name], name)

    def size(self, handle: int) -> int:
        self._step("size", self._names[handle])
        return len(self._handles[handle].content)

    def write(self, handle: int, offset_bytes: int, parts: Sequence[Bytes]) -> None:
        self._step("write", self._names[handle])
        if self._fails("fail_write_after"):
            raise OSError(errno.EIO, "the write fails")
        self._handles[handle].write(offset_bytes, b"".join(parts))

    def read(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes:
        self._step("read", self._names[handle])
        return bytes(self._handles[handle].content[offset_bytes : offset_bytes + length_bytes])

    def read_cached(self, handle: int, offset_bytes: int, length_bytes: int) -> bytes | None:
        data = self.read(handle, offset_bytes, length_bytes)
        return data if self.cached and len(data) == length_bytes else None

    def sync(self, handle: int) -> None:
        self._step("sync", self._names[handle])
        file = self._handles[handle]
        if self._fails("fail_sync_after"):
            file.pending = [change for change in file.pending if change[1] is None]
            raise OSError(errno.EIO, "the sync fails")
        if not self._ignores(self._names[handle]):
            file.sync()

    def sync_folder(self) -> None:
        self._step("sync_folder", "folder")
        if self._fails("fail_sync_after"):
            raise OSError(errno.EIO, "the sync fails")
        if not self._ignores("folder"):
            self._durable_folder = dict(self._folder)
            self._folder_changes.clear()

    def rename(self, old: str, new: str) -> None:
        self._step("rename", old)
        file = self._folder[old]

        def change(folder: dict[str, _File]) -> None:
            folder.pop(old, None)
            folder[new] = file

        self._change_folder(change)

    def remove(self, name: str) -> None:
        self._step("remove", name)
        if name not in self._folder:
            raise FileNotFoundError(errno.ENOENT, "not found", name)

        def change(folder: dict[str, _File]) -> None:
            folder.pop(name, None)

        self._change_folder(change)

    def close(self, handle: int) -> None:
        del self._handles[handle], self._names[handle]

    def free_bytes(self) -> int:
        return self.reported_free_bytes

    # The disk as a test sees it.

    def crash(self, dice: random.Random) -> ForgetfulDisk:
        """The disk as found after a loss of power."""
        folder = dict(self._durable_folder)
        share = dice.choice((0.0, 0.5, 1.0))
        for change in self._folder_changes:
            if dice.random() < share:
                change(folder)
        found = ForgetfulDisk()
        for name in sorted(folder):
            found._folder[name] = folder[name].after_crash(dice)
        found._durable_folder = dict(found._folder)
        return found

    def kill(self) -> ForgetfulDisk:
        """The same disk after the process alone has died: the system still shows, and may still forget, everything."""
        found = ForgetfulDisk()
        found._folder, found._durable_folder = self._folder, self._durable_folder
        found._folder_changes = self._folder_changes
        return found

    def content(self, name: str) -> bytearray:
        """The bytes of a file as the next reader sees them, to look at or to damage. A crash forgets the damage."""
        return self._folder[name].content

    def put(self, name: str, content: bytes) -> None:
        """Lay a file there, durably, as another program might."""
        self._folder[name] = self._durable_folder[name] = _settled(bytearray(content))

    def open_handles(self) -> int:
        return len(self._handles)

    def _ignores(self, name: str) -> bool:
        return self.ignore_sync or (self.ignored_syncs != () and name.startswith(self.ignored_syncs))

    def _step(self, operation: str, name: str) -> None:
        if self.watch is not None:
            self.watch(operation, name)
        if self.stop_after is not None:
            if self.stop_after <= 0:
                raise Crashed
            self.stop_after -= 1
        self.operations += 1

    def _fails(self, counter: str) -> bool:
        left = getattr(self, counter)
        if left is None:
            return False
        setattr(self, counter, left - 1 if left else None)
        return bool(left == 0)

    def _handle_of(self, file: _File, name: str) -> int:
        self._next_handle += 1
        self._names[self._next_handle] = name
        self._handles[self._next_handle] = file
        return self._next_handle

    def _change_folder(self, change: Callable[[dict[str, _File]], None]) -> None:
        change(self._folder)
        self._folder_changes.append(change)
