"""The data dictionary: what the core's state is made of. Read this first.

    Partition ─┬─ system: identity key, counters, connections (not durable)
               ├─ User: password hash, tags, permissions by virtual host
               └─ Host ─┬─ Queue ─┬─ Block: 65,536 entries, columns of numbers
                        │         ├─ Order: which ready entry is next (plain, fifo, fair)
                        │         ├─ Deduplication, attempts
                        │         └─ parked receives (not durable)
                        ├─ Messages: number → position of the stored bytes, count of entries
                        └─ move tasks

A message is stored once, however many queues it is routed to; an entry is its place in one queue. An entry number is
`priority << 48 | sequence number`: it never changes and is never used twice.

What a checkpoint writes is a tree of pieces (`Piece`): whatever changes a piece calls `touch` first.
"""

from array import array
from typing import Any

import msgspec

from oncemq.core.limits import BLOCK_ENTRIES

CONTENT_SQS = 0
CONTENT_AMQP = 1


class Content(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message as it came: `kind` says which door wrote `properties` and `body`, and so how to read them.

    Of kind AMQP, properties are the exchange and the routing key that it was published with, each behind a byte with
    its length, and then the content header's payload as it came.
    """

    kind: int
    properties: bytes
    body: bytes


def route_of(content: Content) -> tuple[str, str] | None:
    """Exchange and routing key of an AMQP message; None for one that came through another door."""
    if content.kind != CONTENT_AMQP:
        return None
    properties = content.properties
    exchange_end = 1 + properties[0]
    key_end = exchange_end + 1 + properties[exchange_end]
    return properties[1:exchange_end].decode(), properties[exchange_end + 1 : key_end].decode()


class Death(msgspec.Struct, frozen=True, array_like=True):
    """One line of x-death: how often a message died in a queue for a reason."""

    queue: str
    reason: str
    exchange: str
    routing_keys: list[str]
    count: int
    time_ms: int
    original_expiration: str | None = None


class Afterlife(msgspec.Struct, frozen=True, array_like=True):
    """What a message dead-lettered by an exchange carries beside its stored bytes: `deaths`, the latest first, the
    exchange and routing keys that it goes under now, and its first death. Keys after the first are its carbon copies
    (header CC), which a queue's own dead-letter routing key takes from it for good.
    """

    deaths: list[Death]
    exchange: str
    routing_keys: list[str]
    first_queue: str
    first_reason: str
    first_exchange: str

    @property
    def first_and_last(self) -> dict[str, Any]:
        """The headers that say where it died first and last."""
        last = self.deaths[0]
        return {
            "x-first-death-queue": self.first_queue,
            "x-first-death-reason": self.first_reason,
            "x-first-death-exchange": self.first_exchange,
            "x-last-death-queue": last.queue,
            "x-last-death-reason": last.reason,
            "x-last-death-exchange": last.exchange,
        }


GONE = 0
READY = 1
DELAYED = 2
"""Waits for its due time."""
LEASED = 3
"""Held by a consumer until its due time, or with due time 0 for as long as its channel lives."""

TRANSIENT = 1 << 62
"""In the number of a message or a lease token: it lives no longer than the server. See `transient`."""
TRANSIENT_QUEUE = 1 << 31
"""In the number of a queue, an exchange or a move task, likewise."""

PRIORITY_SHIFT = 48
BLOCK_SHIFT = 16
BLOCK_MASK = BLOCK_ENTRIES - 1


class Piece:
    """A part of the state that a checkpoint writes as a whole, under a key."""

    __slots__ = ("epoch", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.epoch = -1
        """The checkpoint epoch in which it was last changed; -1: never written."""


class Block(Piece):
    """65,536 entries of a queue, as columns. Index in a column: entry number & 0xFFFF."""

    __slots__ = (
        "deliveries",
        "due_ms",
        "expires_ms",
        "failures",
        "first_delivery_ms",
        "first_live",
        "group",
        "in_order",
        "leased_ms",
        "live",
        "message",
        "number",
        "oldest_ms",
        "sent_ms",
        "source",
        "state",
        "token",
        "transient",
    )

    def __init__(self, key: bytes, number: int) -> None:
        super().__init__(key)
        self.number = number
        self.state = bytearray()
        self.message = array("Q")
        self.sent_ms = array("q")
        self.deliveries = array("I")
        self.failures = array("I")
        self.first_delivery_ms = array("q")
        self.leased_ms = array("q")
        """When it was last delivered."""
        self.token = array("Q")
        self.due_ms = array("q")
        self.group: array[int] | None = None
        """Number of the message group, 0 for none; made with the first grouped entry."""
        self.source: array[int] | None = None
        """Number in `Queue.sources`, plus one, of the queue it was dead-lettered from; made when first needed."""
        self.expires_ms: array[int] | None = None
        """When the entry expires (message TTL), 0 for never; made with the first entry that does."""
        self.live = 0
        self.transient = 0
        """How many of the live entries are those of transient messages in a durable queue."""
        self.first_live = 0
        """No entry before this index is live."""
        self.in_order = True
        """sent_ms never falls within the block."""
        self.oldest_ms = 0
        """In a block out of order: no live entry was sent before this. 0: not known. Derived."""


class MessageBlock(Piece):
    """65,536 numbers of the message table, as columns."""

    __slots__ = ("afterlives", "in_order", "length", "live", "position", "references")

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.position = array("Q")
        self.length = array("I")
        self.references = array("I")
        self.afterlives: dict[int, Afterlife] = {}
        """Index → what dead-lettering added to the message."""
        self.live = 0
        self.in_order = True
        """Positions never fall within the block. Derived."""


class Parked(msgspec.Struct):
    """A receive that waits for a message. Not durable: its asker ends with the server."""

    number: int
    address: Any
    queue: int
    maximum: int
    visibility_timeout_ms: int | None
    attempt: bytes | None
    due_ms: int


class MoveTask(msgspec.Struct, array_like=True):
    """`source` and `destination` are queue numbers; destination 0: each message to the queue it came from."""

    number: int
    source: int
    source_name: str
    destination: int
    destination_name: str | None
    rate_per_second: int
    rate_given: bool
    started_ms: int
    to_move: int
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None
