"""Segments: the files of the journal, what they are called, and how the batches in one are found and checked.

A position is `segment number << 40 | offset in bytes`: one number for a place in the journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crc32c import crc32c

from oncemq.journal.batch import BLOCK_BYTES, HEADER_BYTES, MAGIC, BatchHeader, batch_bytes, decode_header
from oncemq.journal.disk import Disk
from oncemq.journal.errors import JournalCorrupt, SegmentGone

# How much is allocated at once. A batch that begins before this may end behind it: the file grows.
SEGMENT_BYTES = 64 * 1024 * 1024

# How much is read from the disk at once when a segment is scanned.
WINDOW_BYTES = 1024 * 1024

_OFFSET_BITS = 40
_OFFSET_MASK = (1 << _OFFSET_BITS) - 1
_NAME = re.compile(r"segment-([0-9a-f]{16})")


def segment_name(number: int) -> str:
    return f"segment-{number:016x}"


def segment_number(name: str) -> int | None:
    """The number in a segment's name; None for the name of anything else."""
    match = _NAME.fullmatch(name)
    return int(match[1], 16) if match else None


def segment_numbers(disk: Disk) -> list[int]:
    """The numbers of all segments on the disk, ascending."""
    found = (segment_number(name) for name in disk.names())
    return sorted(number for number in found if number is not None)


def position_of(segment: int, offset_bytes: int) -> int:
    return segment << _OFFSET_BITS | offset_bytes


def segment_of(position: int) -> int:
    return position >> _OFFSET_BITS


def offset_of(position: int) -> int:
    return position & _OFFSET_MASK


def corrupt_at(position: int, expected_number: int | None, why: str) -> JournalCorrupt:
    return JournalCorrupt(segment_name(segment_of(position)), offset_of(position), expected_number, why)


def position_after(position: int, header: BatchHeader) -> int:
    """Where the batch after the one at `position` begins."""
    if header.is_last_in_segment:
        return position_of(segment_of(position) + 1, 0)
    return position + batch_bytes(header.payload_bytes)


class SegmentReader:
    """Reads one segment, front to back, through a window; memory stays bounded whatever the bytes announce."""

    def __init__(self, disk: Disk, number: int) -> None:
        """Raises SegmentGone when there is no such segment."""
        self.number = number
        self._disk = disk
        try:
            self._handle = disk.open(segment_name(number))
        except FileNotFoundError:
            raise SegmentGone(segment_name(number)) from None
        self.size_bytes = disk.size(self._handle)
        self._window = memoryview(b"")
        self._window_offset = 0

    def close(self) -> None:
        self._disk.close(self._handle)

    def view(self, offset_bytes: int, length_bytes: int) -> memoryview:
        """The bytes there; fewer at the end of the file. Long ones are read for themselves."""
        start = offset_bytes - self._window_offset
        if start < 0 or start + length_bytes > len(self._window):
            if length_bytes > WINDOW_BYTES:
                return memoryview(self._disk.read(self._handle, offset_bytes, length_bytes))
            self._window = memoryview(self._disk.read(self._handle, offset_bytes, WINDOW_BYTES))
            self._window_offset = offset_bytes
            start = 0
        return self._window[start : start + length_bytes]

    def header(self, offset_bytes: int) -> BatchHeader | None:
        """The header there, unchecked; None when there is none."""
        return decode_header(self.view(offset_bytes, HEADER_BYTES))

    def flaw(self, offset_bytes: int, header: BatchHeader) -> str | None:
        """Why the batch with this header is not whole by its own length and checksum; None when it is."""
        end_bytes = offset_bytes + HEADER_BYTES + header.payload_bytes
        if end_bytes > self.size_bytes:
            return f"it announces {header.payload_bytes} bytes, the segment ends after {self.size_bytes}"
        crc = crc32c(self.view(offset_bytes, HEADER_BYTES - 4))
        at_bytes = offset_bytes + HEADER_BYTES
        while at_bytes < end_bytes:
            piece = self.view(at_bytes, min(WINDOW_BYTES, end_bytes - at_bytes))
            if not piece:
                return "the segment became shorter while it was read"
            crc = crc32c(piece, crc)
            at_bytes += len(piece)
        return None if crc == header.crc else "its checksum is wrong"

    def payload(self, offset_bytes: int, header: BatchHeader) -> memoryview:
        """The payload of a batch that was found whole."""
        return self.view(offset_bytes + HEADER_BYTES, header.payload_bytes)

    def headers_from(self, offset_bytes: int) -> Iterator[tuple[int, BatchHeader]]:
        """All that looks like a header on a block boundary at or after the offset: (offset in bytes, header)."""
        for start in range(offset_bytes, self.size_bytes, WINDOW_BYTES):
            window = self._disk.read(self._handle, start, WINDOW_BYTES)
            if MAGIC not in window:  # most of a preallocated segment: no need to look at each block
                continue
            for at_bytes in range(0, len(window), BLOCK_BYTES):
                header = decode_header(window[at_bytes : at_bytes + HEADER_BYTES])
                if header is not None:
                    yield start + at_bytes, header
