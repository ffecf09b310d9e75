"""Contents of transient messages: in memory up to a limit of bytes, the rest in files that end with the process.

The files lose their name as soon as they are made, so that nothing is left of them, whatever ends the process. They
are written through the page cache and never synced. A file is closed, and its room free, when nobody holds a message in
it any more. A spilled content is read on the loop, in the decision that hands it out: it was written a short while ago,
and so is mostly in the page cache.
"""

from structlog import get_logger

from oncemq.core.content import OVERHEAD_BYTES as CONTENT_BYTES
from oncemq.core.model import Content
from oncemq.journal.codec import decode_content, encode_content
from oncemq.journal.disk import Disk

MEMORY_BYTES = 32 * 1024 * 1024
FILE_BYTES = 64 * 1024 * 1024
"""A new file is begun when one has come to hold so much."""
OVERHEAD_BYTES = 200
"""What a small content takes in memory beside its bytes."""

SPILLED = 1 << 61
FILE_SHIFT = 36
FILE_NAME = "transient"

log = get_logger()


class _File:
    __slots__ = ("handle", "length_bytes", "live")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.length_bytes = 0
        self.live = 0


class TransientContents:
    """The core's `transient.Contents`. Positions of what is spilled: `SPILLED`, the file's number, the offset."""

    __slots__ = ("_by_position", "_file", "_next", "bytes", "disk", "files", "maximum_bytes")

    def __init__(self, disk: Disk, maximum_bytes: int = MEMORY_BYTES) -> None:
        self.disk = disk
        self.maximum_bytes = maximum_bytes
        self.bytes = 0
        """In memory."""
        self.files: dict[int, _File] = {}
        """By number: those that hold something."""
        self._by_position: dict[int, Content] = {}
        self._next = 1
        self._file = 0
        """Number of the file that is written."""

    def keep(self, content: Content) -> tuple[int, int]:
        """Position and length in bytes."""
        length_bytes = len(content.properties) + len(content.body) + CONTENT_BYTES
        if self.bytes + length_bytes + OVERHEAD_BYTES > self.maximum_bytes:
            try:
                return self._spill(encode_content(content)), length_bytes
            except OSError as error:  # a full disk: it is in memory anyway
                log.warning("transient.spill_failed", reason=str(error))
        self.bytes += length_bytes + OVERHEAD_BYTES
        position = self._next
        self._next += 1
        self._by_position[position] = content
        return position, length_bytes

    def _spill(self, stored: bytes) -> int:
        file = self.files.get(self._file)
        if file is None or file.length_bytes >= FILE_BYTES:
            file = self._new_file()
        offset = file.length_bytes
        self.disk.write(file.handle, offset, [stored])
        file.length_bytes += len(stored)
        file.live += 1
        return SPILLED | self._file << FILE_SHIFT | offset

    def _new_file(self) -> _File:
        if FILE_NAME in self.disk.names():  # the last process ended between the two steps below
            self.disk.remove(FILE_NAME)
        handle = self.disk.create(FILE_NAME, 0)
        self.disk.remove(FILE_NAME)
        self._file += 1
        file = self.files[self._file] = _File(handle)
        return file

    def content(self, position: int, length_bytes: int) -> Content:
        """What was kept there."""
        if not position & SPILLED:
            return self._by_position[position]
        file, offset = self._place(position)
        return decode_content(self.disk.read(self.files[file].handle, offset, length_bytes))

    def drop(self, position: int) -> None:
        """Nobody holds it any more."""
        if not position & SPILLED:
            content = self._by_position.pop(position)
            self.bytes -= len(content.properties) + len(content.body) + CONTENT_BYTES + OVERHEAD_BYTES
            return
        number, _ = self._place(position)
        file = self.files[number]
        file.live -= 1
        if not file.live:
            self.disk.close(file.handle)
            del self.files[number]

    def _place(self, position: int) -> tuple[int, int]:
        return (position & ~SPILLED) >> FILE_SHIFT, position & (1 << FILE_SHIFT) - 1
