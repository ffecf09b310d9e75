"""The header of a batch: 64 bytes, little-endian, at the start of a 4 KiB block, the payload right behind it.

    offset  size  field
         0     4  magic "OMQB"
         4     2  version
         6     2  flags: 1 = the next batch begins a new segment
         8    16  identity of the journal
        24     8  number, from 1, one more than the batch before
        32     8  last number known to be durable when this was written
        40     8  now, milliseconds
        48     8  length of the payload in bytes
        56     4  crc of the batch before (0 for the first)
        60     4  crc: CRC32C over the 60 bytes above and the payload

The rest of the last block is zeros. No block is shared by two batches, so that writing one can never tear another.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC = b"OMQB"
VERSION = 1
LAST_IN_SEGMENT = 1
KNOWN_FLAGS = LAST_IN_SEGMENT

HEADER_BYTES = 64
BLOCK_BYTES = 4096
IDENTITY_BYTES = 16

# The header without its last field, which is computed over it.
UNSUMMED_HEADER = struct.Struct("<4sHH16sQQQQI")
CHECKSUM = struct.Struct("<I")
WHOLE_HEADER = struct.Struct("<4sHH16sQQQQII")
assert WHOLE_HEADER.size == HEADER_BYTES


class BatchHeader(NamedTuple):
    """The decoded header. Nothing about it is checked but its magic."""

    version: int
    flags: int
    identity: bytes
    number: int
    last_durable: int
    now_ms: int
    payload_bytes: int
    previous_crc: int
    crc: int

    @property
    def known(self) -> bool:
        """Whether this program understands what the batch says."""
        return self.version == VERSION and not self.flags & ~KNOWN_FLAGS

    @property
    def is_last_in_segment(self) -> bool:
        return bool(self.flags & LAST_IN_SEGMENT)


def encode_unsummed(header: BatchHeader) -> bytes:
    """The first 60 bytes of the header; its own crc is left out."""
    return UNSUMMED_HEADER.pack(MAGIC, *header[:-1])


def decode_header(data: bytes | memoryview) -> BatchHeader | None:
    """The header at the start of `data`, or None when there is none: too few bytes, or another magic."""
    if len(data) < HEADER_BYTES:
        return None
    magic, *fields = WHOLE_HEADER.unpack_from(data)
    return BatchHeader(*fields) if magic == MAGIC else None


def batch_bytes(payload_bytes: int) -> int:
    """What a batch takes on disk: header and payload in whole blocks."""
    return (HEADER_BYTES + payload_bytes + BLOCK_BYTES - 1) & -BLOCK_BYTES
