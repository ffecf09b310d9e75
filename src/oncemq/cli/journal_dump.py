"""What `oncemq journal dump` prints: a line of JSON a record, made to be searched with grep or jq."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec

from oncemq.cli.journal_report import iso_time
from oncemq.core.apply import Places
from oncemq.core.model import Content
from oncemq.core.records import IdentitySet, Record
from oncemq.core.system_records import UserSet
from oncemq.journal.codec import decode_content, decode_payload
from oncemq.journal.disk import Disk
from oncemq.journal.inventory import stored_contents
from oncemq.journal.verify import ScannedBatch, scan

_encode = msgspec.json.Encoder().encode


def dump_lines(disk: Disk, with_contents: bool) -> Iterator[bytes]:
    """Every record of every batch, in order. Raises JournalError at the first place that is corrupt."""
    for batch in scan(disk):
        time = iso_time(batch.now_ms)
        for record, places in decode_payload(batch.payload, batch.payload_position):
            line = {"batch": batch.number, "time": time, "record": type(record).__name__, **_fields(record)}
            if places is not None:
                line["contents"] = _contents(batch, places, with_contents)
            yield _encode(line) + b"\n"


def _fields(record: Record) -> dict[str, Any]:
    if isinstance(record, IdentitySet):
        return {"identity_key": f"({len(record.identity_key)} bytes, not shown: receipt handles are made with it)"}
    fields = msgspec.structs.asdict(record)
    if isinstance(record, UserSet) and record.password_hash:
        fields["password_hash"] = "(not shown)"
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def _contents(batch: ScannedBatch, places: Places, with_contents: bool) -> list[dict[str, Any]]:
    shown = []
    for position, length_bytes, stored in stored_contents(batch, places):
        place: dict[str, Any] = {"position": position, "length": length_bytes}
        if with_contents:
            place |= _body(decode_content(stored))
        shown.append(place)
    return shown


def _body(content: Content) -> dict[str, str]:
    try:
        return {"text": content.body.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(content.body).decode()}
