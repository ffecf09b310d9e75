"""The manifest of a checkpoint: which piece lies where, and at which mark of the journal the whole was taken.

Little-endian:

    offset  size  field
         0     4  magic "OMQC"
         4     2  version
         6     2  flags, 0
         8    16  identity of the journal
        24     8  number of the checkpoint
        32     8  now, milliseconds
        40     8  mark: number of its batch
        48     8  mark: position of the next batch
        56     8  mark: position of its batch
        64     4  mark: crc of its batch
        68     4  count of pieces
        72     8  length of the rest in bytes
        80     4  crc: CRC32C over the 80 bytes above and the rest

then for each piece: length of the key (2), number of the data file (8), offset (8), length (8), CRC32C of the
piece (4), the key. Every later version keeps the magic, the version and the checksum at their places.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from crc32c import crc32c

from oncemq.journal.errors import CheckpointCorrupt, JournalVersion
from oncemq.journal.mark import Mark

MAGIC = b"OMQC"
VERSION = 1
KEY_BYTES_MAX = 65_535

_HEAD = struct.Struct("<4sHH16sQQQQQIIQ")
_CHECKSUM = struct.Struct("<I")
_ENTRY = struct.Struct("<HQQQI")
_HEAD_BYTES = _HEAD.size + _CHECKSUM.size

_NAME = re.compile(r"checkpoint-([0-9a-f]{16})\.(data|manifest|temporary)")


class Piece(NamedTuple):
    """Where a piece lies: in which data file, and its CRC32C."""

    file_number: int
    offset_bytes: int
    length_bytes: int
    crc: int


class Manifest(NamedTuple):
    number: int
    now_ms: int
    mark: Mark
    pieces: dict[bytes, Piece]


def data_name(number: int) -> str:
    return f"checkpoint-{number:016x}.data"


def manifest_name(number: int) -> str:
    return f"checkpoint-{number:016x}.manifest"


def temporary_name(number: int) -> str:
    """What a manifest is called until it is synced."""
    return f"checkpoint-{number:016x}.temporary"


def parse_name(name: str) -> tuple[int, str] | None:
    """The number and the kind ("data", "manifest", "temporary") of a checkpoint's file; None for any other."""
    match = _NAME.fullmatch(name)
    return (int(match[1], 16), match[2]) if match else None


def encode_manifest(manifest: Manifest) -> bytes:
    mark, pieces = manifest.mark, manifest.pieces
    rest = b"".join(_ENTRY.pack(len(key), *piece) + key for key, piece in pieces.items())
    head = _HEAD.pack(
        MAGIC,
        VERSION,
        0,
        mark.identity,
        manifest.number,
        manifest.now_ms,
        mark.number,
        mark.position,
        mark.batch_position,
        mark.crc,
        len(pieces),
        len(rest),
    )
    return head + _CHECKSUM.pack(crc32c(rest, crc32c(head))) + rest


def decode_manifest(name: str, data: bytes) -> Manifest:
    """The manifest in the file of that name. Raises CheckpointCorrupt and JournalVersion."""
    if len(data) < _HEAD_BYTES:
        raise CheckpointCorrupt(name, 0, f"a manifest has at least {_HEAD_BYTES} bytes, this one {len(data)}")
    magic, version, flags, identity, *numbers = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise CheckpointCorrupt(name, 0, "it does not begin as a manifest does")
    (crc,) = _CHECKSUM.unpack_from(data, _HEAD.size)
    rest = memoryview(data)[_HEAD_BYTES:]
    is_whole = crc32c(rest, crc32c(data[: _HEAD.size])) == crc
    if not is_whole:
        raise CheckpointCorrupt(name, 0, f"its checksum is wrong (it says that its version is {version})")
    if version != VERSION or flags:
        raise JournalVersion(name, 0, version, flags)
    number, now_ms, mark_number, position, batch_position, mark_crc, count, rest_bytes = numbers
    if rest_bytes != len(rest) or _is_of_another(name, number):
        raise CheckpointCorrupt(name, 0, "its length or its number is not what it says")
    mark = Mark(mark_number, position, mark_crc, identity, batch_position)
    return Manifest(number, now_ms, mark, _decode_pieces(name, rest, count))


def _is_of_another(name: str, number: int) -> bool:
    parsed = parse_name(name)
    return parsed is not None and parsed[0] != number


def _decode_pieces(name: str, rest: memoryview, count: int) -> dict[bytes, Piece]:
    pieces: dict[bytes, Piece] = {}
    at_bytes = 0
    while at_bytes < len(rest):
        if at_bytes + _ENTRY.size > len(rest):
            break
        key_bytes, *place = _ENTRY.unpack_from(rest, at_bytes)
        at_bytes += _ENTRY.size + key_bytes
        pieces[bytes(rest[at_bytes - key_bytes : at_bytes])] = Piece(*place)
    if at_bytes != len(rest) or len(pieces) != count:
        raise CheckpointCorrupt(name, _HEAD_BYTES, "its list of pieces is not what it says")
    return pieces
