"""Checkpoints: the whole state but the bodies, as after one batch, in pieces that are written only when they change.

A checkpoint is a manifest and the data files that it names. Each checkpoint writes what has changed into a data file
of its own and refers to the pieces that have not changed in the data files of earlier ones. It becomes valid in one
step: everything is synced under names that no start looks at, then the manifest is renamed into place, and the
folder is synced. A manifest under its final name is therefore whole, and one that is damaged has been damaged since:
CheckpointCorrupt, never a silent fall back to an older one whose data may be gone.

The order of syncs in `publish` is what the crash tests hold: data, manifest, folder (or the rename might survive and
the data file's name not), rename, folder (or what it replaces might be deleted and the rename forgotten).

How much disk it takes: a data file of which less than half is still referred to is emptied, its pieces rewritten into
the new one; and so are the smallest when there are too many files. So it is about twice the state at most, plus, while
a checkpoint is written, what has changed.

The pieces and the mark are the caller's. IT MUST NOT PUBLISH A MARK BEFORE ITS BATCH IS DURABLE: a start would refuse.
"""

from __future__ import annotations

from collections import Counter

from crc32c import crc32c

from oncemq.journal.disk import Disk
from oncemq.journal.errors import CheckpointCorrupt, JournalFailed
from oncemq.journal.manifest import (
    KEY_BYTES_MAX,
    Manifest,
    Piece,
    data_name,
    decode_manifest,
    encode_manifest,
    manifest_name,
    parse_name,
    temporary_name,
)
from oncemq.journal.mark import Mark

__all__ = ["Checkpoint", "CheckpointStore", "CheckpointWriter"]

DATA_FILES_MAX = 32


class Checkpoint:
    """A published checkpoint: `number` (its own), `now_ms` and `mark` as published, and its pieces."""

    def __init__(self, disk: Disk, manifest: Manifest) -> None:
        """Opens the data files. Raises CheckpointCorrupt when one is missing or too short."""
        self.manifest = manifest
        self.file_sizes: dict[int, int] = {}
        self._disk = disk
        self._handles: dict[int, int] = {}
        try:
            for number in sorted({piece.file_number for piece in manifest.pieces.values()}):
                self._open(number)
            for piece in manifest.pieces.values():
                if piece.offset_bytes + piece.length_bytes > self.file_sizes[piece.file_number]:
                    name = data_name(piece.file_number)
                    raise CheckpointCorrupt(name, piece.offset_bytes, "the file ends before the piece does")
        except CheckpointCorrupt:
            self.close()
            raise

    @property
    def number(self) -> int:
        return self.manifest.number

    @property
    def now_ms(self) -> int:
        return self.manifest.now_ms

    @property
    def mark(self) -> Mark:
        return self.manifest.mark

    def keys(self) -> list[bytes]:
        """The keys of all pieces, in the order in which they were put or kept."""
        return list(self.manifest.pieces)

    def read(self, key: bytes) -> bytes:
        """The piece. Raises CheckpointCorrupt when it is damaged, KeyError when there is none."""
        piece = self.manifest.pieces[key]
        data = self._disk.read(self._handles[piece.file_number], piece.offset_bytes, piece.length_bytes)
        if len(data) != piece.length_bytes or crc32c(data) != piece.crc:
            name = data_name(piece.file_number)
            raise CheckpointCorrupt(name, piece.offset_bytes, f"the checksum of piece {key!r} is wrong")
        return data

    def close(self) -> None:
        """Let go of the data files; nothing can be read afterwards."""
        for handle in self._handles.values():
            self._disk.close(handle)
        self._handles.clear()

    def _open(self, number: int) -> None:
        try:
            handle = self._disk.open(data_name(number))
        except FileNotFoundError:
            raise CheckpointCorrupt(data_name(number), 0, "the file is missing") from None
        self._handles[number] = handle
        self.file_sizes[number] = self._disk.size(handle)


def newest_checkpoint(disk: Disk) -> Checkpoint | None:
    """The checkpoint published last, None when there is none; changes nothing. Raises as `CheckpointStore.load`."""
    parsed = (parse_name(name) for name in disk.names())
    numbers = [found[0] for found in parsed if found is not None and found[1] == "manifest"]
    if not numbers:
        return None
    name = manifest_name(max(numbers))
    handle = disk.open(name)
    try:
        data = disk.read(handle, 0, disk.size(handle))
    finally:
        disk.close(handle)
    return Checkpoint(disk, decode_manifest(name, data))


class CheckpointStore:
    """The checkpoints on one disk: `load` once, then `begin` one writer after another. One thread at a time."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._loaded = False
        self._failed = False
        self._writer: CheckpointWriter | None = None
        self.current: Checkpoint | None = None

    def load(self) -> Checkpoint | None:
        """The checkpoint published last, or None; and what earlier runs left behind is removed.

        It stays readable until the next one is published. Raises CheckpointCorrupt and JournalVersion, with nothing
        changed on the disk.
        """
        assert not self._loaded, "a store is loaded once"
        self.current = newest_checkpoint(self._disk)
        self._loaded = True
        # The rename that published it may be in memory only, if the process was killed: nothing that it replaces
        # may go before it is durable, no older checkpoint and no segment.
        self._disk.sync_folder()
        self._remove_unused()
        return self.current

    def begin(self) -> CheckpointWriter:
        """Start the next checkpoint. There is one at a time: publish it or abandon it."""
        assert self._loaded, "load first"
        assert self._writer is None, "the checkpoint before is neither published nor abandoned"
        if self._failed:
            raise JournalFailed("a checkpoint could not be published: the process has to end")
        number = self.current.number + 1 if self.current else 1
        self._writer = CheckpointWriter(self, self._disk, number, self.current)
        return self._writer

    def close(self) -> None:
        if self.current is not None:
            self.current.close()

    def _published(self, checkpoint: Checkpoint) -> None:
        """Make the new checkpoint the current one and delete what only the one before needed."""
        if self.current is not None:
            self.current.close()
        self.current = checkpoint
        self._writer = None
        self._remove_unused()

    def _remove_unused(self) -> None:
        used = set()
        if self.current is not None:
            used = {data_name(number) for number in self.current.file_sizes}
            used.add(manifest_name(self.current.number))
        unused = [name for name in self._disk.names() if parse_name(name) is not None and name not in used]
        for name in unused:
            self._disk.remove(name)
        if unused:
            self._disk.sync_folder()


class CheckpointWriter:
    """A checkpoint in the making. Blocking: for a background thread. OSError out of `put` leaves `abandon` to do."""

    def __init__(self, store: CheckpointStore, disk: Disk, number: int, previous: Checkpoint | None) -> None:
        self.number = number
        self._store = store
        self._disk = disk
        self._previous = previous
        self._pieces: dict[bytes, Piece] = {}
        self._handle: int | None = None
        self._end_bytes = 0

    def put(self, key: bytes, data: bytes) -> None:
        """Write a piece that is new or has changed. Each key is put or kept once."""
        assert key not in self._pieces, key
        assert len(key) <= KEY_BYTES_MAX
        self._append(key, data)

    def keep(self, key: bytes) -> None:
        """Take a piece over from the checkpoint before, unchanged. KeyError when it has none of that key."""
        assert key not in self._pieces, key
        if self._previous is None:
            raise KeyError(key)
        self._pieces[key] = self._previous.manifest.pieces[key]

    def publish(self, mark: Mark, now_ms: int) -> Checkpoint:
        """Make this the checkpoint to start from; `mark` is that of the batch after which the pieces were taken.

        The batch has to be durable. Pieces neither put nor kept are gone. An OSError is final, as one in
        `Journal.write` is: the process has to end. Raises CheckpointCorrupt when an old piece that had to be
        rewritten is damaged.
        """
        try:
            self._rewrite_sparse_files()
            manifest = Manifest(self.number, now_ms, mark, self._pieces)
            if self._handle is not None:
                self._disk.sync(self._handle)
                self._close_data()
            self._publish_manifest(manifest)
            checkpoint = Checkpoint(self._disk, manifest)
            self._store._published(checkpoint)
        except BaseException:
            self._store._failed = True
            raise
        return checkpoint

    def abandon(self) -> None:
        """Remove what was written; the checkpoint before stays the current one."""
        if self._handle is not None:
            self._close_data()
            self._disk.remove(data_name(self.number))
            self._disk.sync_folder()
        self._store._writer = None

    def _append(self, key: bytes, data: bytes) -> None:
        if self._handle is None:
            self._handle = self._disk.create(data_name(self.number), 0)
        self._disk.write(self._handle, self._end_bytes, (data,))
        self._pieces[key] = Piece(self.number, self._end_bytes, len(data), crc32c(data))
        self._end_bytes += len(data)

    def _close_data(self) -> None:
        assert self._handle is not None
        self._disk.close(self._handle)
        self._handle = None

    def _publish_manifest(self, manifest: Manifest) -> None:
        temporary = temporary_name(self.number)
        handle = self._disk.create(temporary, 0)
        try:
            self._disk.write(handle, 0, (encode_manifest(manifest),))
            self._disk.sync(handle)
        finally:
            self._disk.close(handle)
        self._disk.sync_folder()
        self._disk.rename(temporary, manifest_name(self.number))
        self._disk.sync_folder()

    def _rewrite_sparse_files(self) -> None:
        """Move the pieces of files that hold little else into the new file, so that those files can go."""
        previous = self._previous
        if previous is None:
            return
        emptied = self._files_to_empty(previous.file_sizes)
        for key, piece in list(self._pieces.items()):
            if piece.file_number in emptied:
                self._append(key, previous.read(key))

    def _files_to_empty(self, file_sizes: dict[int, int]) -> set[int]:
        live_bytes: Counter[int] = Counter()
        for piece in self._pieces.values():
            live_bytes[piece.file_number] += piece.length_bytes
        del live_bytes[self.number]
        emptied = {number for number in live_bytes if live_bytes[number] * 2 < file_sizes[number]}
        left = sorted(live_bytes.keys() - emptied, key=lambda number: (live_bytes[number], number))
        if len(left) >= DATA_FILES_MAX:
            # Half of them at once, so that the larger half is not read again soon.
            emptied.update(left[: DATA_FILES_MAX // 2])
        return emptied
