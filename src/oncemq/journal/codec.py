"""Records as bytes, and back.

A batch's payload is records one after another: tag (1 byte), length of the fields (4 bytes, little-endian), the
fields as a MessagePack array in the order of the record's class. After a record of WITH_CONTENTS follow its contents,
whose lengths are its last field.

A content is as `core.content` says. It is checked whenever it is read.
"""

import struct
from collections.abc import Iterator
from typing import Any

import msgspec
from crc32c import crc32c

from oncemq.core import records, system_records
from oncemq.core.apply import Places
from oncemq.core.content import HEAD, OVERHEAD_BYTES, content_at
from oncemq.core.model import Content
from oncemq.journal.errors import JournalError

FRAME = struct.Struct("<BI")
CRC = struct.Struct("<I")

TAGS: dict[int, type[records.Record]] = {
    1: records.IdentitySet,
    2: records.HostCreated,
    3: records.QueueCreated,
    4: records.QueueChanged,
    5: records.QueueTagged,
    6: records.QueuePurged,
    7: records.QueueDeleted,
    8: records.Published,
    9: records.Delivered,
    10: records.Released,
    11: records.LeaseExtended,
    12: records.Removed,
    13: records.Moved,
    14: records.MoveTaskStarted,
    15: records.MoveTaskEnded,
    16: records.DeadLettered,
    17: records.ExchangeDeclared,
    18: records.ExchangeDeleted,
    19: records.Bound,
    20: records.Unbound,
    21: records.PolicySet,
    22: records.PolicyCleared,
    23: records.ExchangeGoverned,
    24: records.ServerStarted,
    25: records.Rewritten,
    41: system_records.HostDescribed,
    42: system_records.HostDeleted,
    43: system_records.UserSet,
    44: system_records.UserDeleted,
    45: system_records.PermissionSet,
    46: system_records.PermissionCleared,
    47: system_records.TopicPermissionSet,
    48: system_records.TopicPermissionCleared,
}
"""A tag is never given to another record; a record whose fields change gets a new one."""

TAG_OF = {record: tag for tag, record in TAGS.items()}
WITH_CONTENTS = (records.Published, records.Rewritten)
"""Records that end with contents: in their place their lengths are written, and they follow."""


class RecordCorrupt(JournalError):
    """Bytes that passed the batch's checksum are no record: a bug, or a journal of a newer version."""


class ContentCorrupt(JournalError):
    """The stored bytes of a message fail their checksum."""


def _as_written(record: type[records.Record]) -> type[Any]:
    """The record with lengths in place of contents."""
    if record not in WITH_CONTENTS:
        return record
    fields = [(field.name, field.type) for field in msgspec.structs.fields(record) if field.name != "contents"]
    return msgspec.defstruct(record.__name__, [*fields, ("lengths", list[int])], array_like=True)


_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[int, msgspec.msgpack.Decoder[Any]] = {
    tag: msgspec.msgpack.Decoder(_as_written(record)) for tag, record in TAGS.items()
}


def encode_content(content: Content) -> bytes:
    """A message as it is stored."""
    rest = HEAD.pack(len(content.properties), content.kind) + content.properties + content.body
    return CRC.pack(crc32c(rest)) + rest


def encode_contents(contents: list[Content]) -> tuple[list[bytes], list[int]]:
    """Messages as they are stored, in parts that are to be joined, and the length of each.

    Those of a run have the same properties, so what is before a body is summed once; bodies are not copied here.
    """
    parts: list[bytes] = []
    lengths: list[int] = []
    properties, head, sum_of_head = None, b"", 0
    for content in contents:
        if content.properties is not properties:
            properties = content.properties
            head = HEAD.pack(len(properties), content.kind) + properties
            sum_of_head = crc32c(head)
        body = content.body
        parts += (CRC.pack(crc32c(body, sum_of_head)) + head, body)
        lengths.append(CRC.size + len(head) + len(body))
    return parts, lengths


def decode_content(stored: bytes) -> Content:
    """A message from its stored bytes; ContentCorrupt if they are not what was written."""
    if len(stored) < OVERHEAD_BYTES or CRC.unpack_from(stored)[0] != crc32c(stored[CRC.size :]):
        raise ContentCorrupt("the stored bytes of a message fail their checksum")
    return content_at(stored, 0, len(stored))


def encode_record(record: records.Record) -> bytes:
    """Any record without contents."""
    fields = _encode(record)
    return FRAME.pack(TAG_OF[type(record)], len(fields)) + fields


def encode_published(record: records.Published, lengths: list[int]) -> bytes:
    """A Published record, but for its stored contents, which must follow it and have these lengths."""
    fields = _encode(
        (
            record.host,
            record.first_message,
            record.queues,
            record.due_ms,
            record.group,
            record.deduplication,
            record.deduplication_window_ms,
            lengths,
        )
    )
    return FRAME.pack(TAG_OF[records.Published], len(fields)) + fields


def encode_with_contents(record: records.Record, lengths: list[int]) -> bytes:
    """Any record of WITH_CONTENTS, as `encode_published` does the one that is hot."""
    fields = _encode((*msgspec.structs.astuple(record)[:-1], lengths))
    return FRAME.pack(TAG_OF[type(record)], len(fields)) + fields


def decode_payload(payload: memoryview | bytes, position: int) -> Iterator[tuple[records.Record, Places | None]]:
    """The records of a payload that starts at `position`. Those with contents come without, but with their places."""
    at, end = 0, len(payload)
    while at < end:
        if end - at < FRAME.size:
            raise RecordCorrupt(f"a record is cut short at byte {at} of a batch")
        tag, length = FRAME.unpack_from(payload, at)
        at += FRAME.size
        if tag not in _decoders or length > end - at:
            raise RecordCorrupt(f"unknown record {tag} of {length} bytes at byte {at} of a batch")
        try:
            fields = _decoders[tag].decode(payload[at : at + length])
        except msgspec.MsgspecError as error:
            raise RecordCorrupt(f"record {tag} at byte {at} of a batch: {error}") from error
        at += length
        if TAGS[tag] not in WITH_CONTENTS:
            yield fields, None
            continue
        positions = []
        for stored_length in fields.lengths:
            positions.append(position + at)
            at += stored_length
        if at > end:
            raise RecordCorrupt(f"the contents of a record end behind their batch at byte {end}")
        yield TAGS[tag](*msgspec.structs.astuple(fields)[:-1], []), Places(positions, fields.lengths)
