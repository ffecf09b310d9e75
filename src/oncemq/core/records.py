"""What happened, with its results: numbers, tokens, deadlines. Journalled in order, and applied by `apply` alone.

A record never needs a clock, a setting or a lookup by name to be applied: it carries all that the decision found
out. The time of what it tells is that of its batch. How to add or change one: docs/journal.md.
"""

from typing import Any

import msgspec

from oncemq.core.exchanges.bindings import Binding
from oncemq.core.model import Afterlife, Content
from oncemq.core.policies import Policy
from oncemq.core.spans import Span


class Record(msgspec.Struct, array_like=True):
    """Base of all records. Fields are written in their order."""


class HostRecord(Record, array_like=True):
    """A record of one virtual host, by its number."""

    host: int


class IdentitySet(Record, array_like=True):
    """The key that numbers are turned into ids under; once in the life of a journal."""

    identity_key: bytes


class ServerStarted(Record, array_like=True):
    """The server starts for the `starts`th time; what was transient is gone."""

    starts: int


class HostCreated(HostRecord, array_like=True):
    name: str
    description: str = ""
    tags: list[str] = []


class QueueCreated(HostRecord, array_like=True):
    queue: int
    name: str
    settings: dict[str, Any]
    """The fields of Settings that are not the defaults."""
    tags: dict[str, str]


class QueueChanged(HostRecord, array_like=True):
    queue: int
    changes: dict[str, Any]


class QueueTagged(HostRecord, array_like=True):
    queue: int
    tags: dict[str, str]
    """All of them, as they are now."""


class QueuePurged(HostRecord, array_like=True):
    queue: int


class QueueDeleted(HostRecord, array_like=True):
    queue: int


class Published(HostRecord, array_like=True):
    """A run of messages stored and routed. The contents follow the record and are not part of its fields.

    Each message of the run has an entry in each queue: message `first_message + i` is entry `first_entry + i`.
    """

    first_message: int
    queues: list[tuple[int, int, int]]
    """(queue number, first entry, when the entries expire or 0)"""
    due_ms: int
    """When the entries are ready; 0: now."""
    group: str | None
    deduplication: bytes | None
    """16-byte key that is used for the first time, or None; with one, the run is one message."""
    deduplication_window_ms: int
    contents: list[Content]


class Delivered(HostRecord, array_like=True):
    """Ready entries were leased, in this order under tokens first_token, first_token + 1, …"""

    queue: int
    spans: list[Span]
    first_token: int
    due_ms: int
    attempt: bytes | None
    """16-byte key of the ReceiveRequestAttemptId that this answers."""


class Released(HostRecord, array_like=True):
    """Leased or delayed entries are ready again (due_ms 0), or delayed until due_ms."""

    queue: int
    entries: list[int]
    due_ms: int
    delivered: bool
    """False: nobody saw it, the delivery does not count."""
    failed: bool
    """True: counts as a failure."""


class LeaseExtended(HostRecord, array_like=True):
    """The leases hold until due_ms."""

    queue: int
    entries: list[int]
    due_ms: int
    changed: bool
    """True: by its holder's wish, which voids the attempt it was received with."""


class Removed(HostRecord, array_like=True):
    """Entries are gone. `reason` is one of the constants below."""

    queue: int
    spans: list[Span]
    reason: int


DELETED = 0
EXPIRED = 1


class Moved(HostRecord, array_like=True):
    """Entries went from one queue to the other, to places from first_entry on."""

    source: int
    entries: list[int]
    target: int
    first_entry: int
    kept: bool
    """True: dead-lettered; it stays the same message, with its counts and (standard queues) its age.
    False: redriven; messages with new numbers from first_message on, their counts at 0."""
    first_message: int
    task: int
    """The move task that did it, or 0."""
    expires_ms: int
    """When the entries expire where they are now, or 0."""


class DeadLettered(HostRecord, array_like=True):
    """An entry left its queue through an exchange: a new message on the same stored bytes, with what it died of.

    `queues` as in Published. None: nowhere to go.
    """

    source: int
    entry: int
    first_message: int
    queues: list[tuple[int, int, int]]
    afterlife: Afterlife
    due_ms: int
    """When the entries are ready; 0: now."""


class Rewritten(HostRecord, array_like=True):
    """A message went from what is transient to what is durable, or back, and was stored anew for it: by dead-lettering
    or by a move task. That it left its old queue is a Removed. `queues` and the contents (one) as in Published.
    """

    first_message: int
    queues: list[tuple[int, int, int]]
    sent_ms: int
    due_ms: int
    group: str | None
    afterlife: Afterlife | None
    source: str | None
    """The queue that it was dead-lettered from, which SQS shows."""
    deliveries: int
    failures: int
    first_delivery_ms: int
    task: int
    contents: list[Content]


class ExchangeDeclared(HostRecord, array_like=True):
    exchange: int
    name: str
    traits: dict[str, Any]
    """type, durable, auto_delete, internal, arguments"""


class ExchangeDeleted(HostRecord, array_like=True):
    exchange: int


class Bound(HostRecord, array_like=True):
    """A binding from that exchange."""

    exchange: int
    binding: Binding


class Unbound(HostRecord, array_like=True):
    exchange: int
    binding: Binding


class PolicySet(HostRecord, array_like=True):
    """What follows of it for queues and exchanges, the records after it say."""

    policy: Policy


class PolicyCleared(HostRecord, array_like=True):
    name: str
    operator: bool


class ExchangeGoverned(HostRecord, array_like=True):
    """It is under that policy, or none, and has this alternate exchange by it."""

    exchange: int
    policy_name: str | None
    alternate: str | None


class MoveTaskStarted(HostRecord, array_like=True):
    task: int
    source: int
    destination: int
    rate_per_second: int
    rate_given: bool
    to_move: int


class MoveTaskEnded(HostRecord, array_like=True):
    task: int
    status: str
    failure: str | None
