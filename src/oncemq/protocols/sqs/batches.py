"""What all batch actions have in common: the rules of their entries, and entries that failed."""

import re
from typing import Protocol, TypeVar

from oncemq.protocols.sqs.errors import (
    BATCH_ENTRY_IDS_NOT_DISTINCT,
    EMPTY_BATCH_REQUEST,
    INVALID_BATCH_ENTRY_ID,
    TOO_MANY_ENTRIES,
    Rejected,
    SqsError,
    missing_parameter,
)
from oncemq.protocols.sqs.limits import BATCH_ENTRIES
from oncemq.protocols.sqs.responses import BatchResultErrorEntry

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


class _HasId(Protocol):
    id: str | None


EntryRequest = TypeVar("EntryRequest", bound=_HasId)


def check_batch(entries: list[EntryRequest] | None, member: str) -> list[EntryRequest]:
    """The entries of a batch; rejects the whole batch when their number or ids are wrong.

    `member` is the entries' name in the query protocol, which AWS uses in messages.
    """
    if not entries:
        raise Rejected(EMPTY_BATCH_REQUEST, f"There should be at least one {member} in the request.")
    if len(entries) > BATCH_ENTRIES:
        message = f"Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {len(entries)}."
        raise Rejected(TOO_MANY_ENTRIES, message)
    seen: set[str] = set()
    for position, entry in enumerate(entries, 1):
        if entry.id is None:
            raise missing_parameter(f"{member}.{position}.Id")
        if not _ENTRY_ID.fullmatch(entry.id):
            message = (
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long."
            )
            raise Rejected(INVALID_BATCH_ENTRY_ID, message)
        if entry.id in seen:
            raise Rejected(BATCH_ENTRY_IDS_NOT_DISTINCT, f"Id {entry.id} repeated.")
        seen.add(entry.id)
    return entries


def failed_entry(entry_id: str, error: SqsError) -> BatchResultErrorEntry:
    """An entry that failed, as it is answered."""
    return BatchResultErrorEntry(entry_id, error.kind.sender, error.kind.code, error.message)
