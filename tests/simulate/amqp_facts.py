"""What AMQP clients know: the queues that they declared, a Message for each published, a Copy for each of its queues.

A copy is one thing on its way: in the queue that it was routed to, then perhaps in `dead`, then gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from oncemq.core.model import CONTENT_AMQP, Content
from tests.simulate import amqp_wire as wire
from tests.simulate.facts import Broken

DEAD = "dead"
DEDUPLICATION_MS = 60_000
TTL_MS = 2_500


class QueueTraits(NamedTuple):
    """A queue. What leaves it otherwise than by an ack goes to `dead` if it dead-letters."""

    arguments: dict[str, Any]
    dead_letters: bool = False
    priority_max: int = 0
    delivery_limit: int | None = None
    ttl_ms: int | None = None
    length_max: int | None = None
    durable: bool = True
    refuses: bool = False
    """When it is full."""


DEAD_LETTERS = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD}
QUEUES = {
    DEAD: QueueTraits({}),
    "plain": QueueTraits({}),
    "urgent": QueueTraits({"x-max-priority": 3}, priority_max=3),
    "retry": QueueTraits({"x-dead-letter-exchange": "deaths", "x-delivery-limit": 2}, True, delivery_limit=2),
    "short": QueueTraits({**DEAD_LETTERS, "x-message-ttl": TTL_MS}, True, ttl_ms=TTL_MS),
    "brief": QueueTraits({**DEAD_LETTERS, "x-max-length": 4}, True, length_max=4),
    "once": QueueTraits({"x-message-deduplication": True, "x-cache-ttl": DEDUPLICATION_MS}),
    "delayed": QueueTraits({}),
    "fan-0": QueueTraits({}),
    "fan-1": QueueTraits({"x-max-priority": 3}, priority_max=3),
    "full": QueueTraits({"x-max-length": 5, "x-overflow": "reject-publish"}, refuses=True),
    "passing": QueueTraits({"x-dead-letter-exchange": "deaths"}, True, durable=False),
}
EXCHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("fanout", {}),
    "deaths": ("fanout", {}),
    "later": ("x-delayed-message", {"x-delayed-type": "direct"}),
    "topics": ("topic", {}),
}
BINDINGS = [
    ("all", "fan-0", ""),
    ("all", "fan-1", ""),
    ("all", "retry", ""),
    ("all", "passing", ""),
    ("deaths", DEAD, ""),
    ("later", "delayed", "delayed"),
    ("later", "fan-0", "delayed"),
    ("topics", "fan-1", "*.b"),
    ("topics", "urgent", "a.#"),
]


class Route(NamedTuple):
    """How a message is published, and where it must be then."""

    exchange: str
    routing_key: str
    queues: tuple[str, ...]


ROUTES = {
    **{
        name: Route("", name, (name,))
        for name in ("plain", "urgent", "retry", "short", "brief", "once", "full", "passing")
    },
    "all": Route("all", "any", ("fan-0", "fan-1", "retry", "passing")),
    "later": Route("later", "delayed", ("delayed", "fan-0")),
    "topics": Route("topics", "a.b", ("fan-1", "urgent")),
    "nowhere": Route("topics", "b.c", ()),
}

HELD_BACK, ASKED, STORED, NEVER = range(4)
"""In a transaction that is not committed; asked and not answered; certainly stored; certainly not, and never seen."""


@dataclass(slots=True, eq=False)
class Message:
    """A message, named by its body."""

    id: str
    route: str
    priority: int = 0
    expiration_ms: int | None = None
    delay_ms: int = 0
    persistent: bool = True
    attempts: int = 1
    state: int = ASKED
    asked_ms: int = 0
    """When it was published first, at the earliest."""
    place: int = -1
    """What was published before what; -1: it is nowhere."""
    copies: list[Copy] = field(default_factory=list, repr=False)

    @property
    def refusable(self) -> bool:
        """Whether a full queue may refuse it."""
        return any(QUEUES[queue].refuses for queue in ROUTES[self.route].queues)

    @property
    def deduplicated(self) -> bool:
        """Whether it may be published again under its id."""
        return self.route == "once"


@dataclass(slots=True, eq=False)
class Copy:
    """A message in one of its queues. Counts are of that queue, not of `dead`."""

    message: Message = field(repr=False)
    queue: str
    may_be_gone: bool = False
    """It was asked to be settled for good."""
    gone: bool = False
    rejected: bool = False
    must_be_dead: bool = False
    seen: int = 0
    """Deliveries that somebody got."""
    seen_dead: int = 0
    failures_least: int = 0
    failures_most: int = 0
    holder: object = None
    """The channel that has it now."""
    borrowed_until_ms: int = 0
    """An SQS client has it until then, at least."""

    @property
    def name(self) -> str:
        """For what is said of it."""
        return f"{self.message.id} of {self.queue}"

    @property
    def lasting(self) -> bool:
        """Whether it outlives the server where it is. In `dead` it does; so does what is deduplicated."""
        message = self.message
        return QUEUES[self.queue].durable and (message.persistent or message.deduplicated)

    def place(self) -> tuple[int, int]:
        """Its place in its queue: by priority, then by what was published before what."""
        return -min(self.message.priority, QUEUES[self.queue].priority_max), self.message.place

    def may_die_of(self, reason: str, now_ms: int) -> bool:
        """Whether it may be dead-lettered for this reason."""
        traits, message = QUEUES[self.queue], self.message
        if reason == "rejected":
            return self.rejected
        if reason == "delivery_limit":
            return traits.delivery_limit is not None and self.failures_most > traits.delivery_limit
        if reason == "expired":
            times = [ttl for ttl in (traits.ttl_ms, message.expiration_ms) if ttl is not None]
            return bool(times) and now_ms >= message.asked_ms + message.delay_ms + min(times)
        return reason == "maxlen" and traits.length_max is not None


def published(message: Message, attempt: int) -> tuple[bytes, bytes]:
    """The content header and the body of this attempt to publish it."""
    filler = f"{message.id}.".encode()
    length = sum(filler) * 7 % (700 if sum(filler) % 5 else 4_000)
    body = b"%s|%d|" % (message.id.encode(), attempt) + filler * (length // len(filler))
    headers: dict[str, int | str] = {}
    if message.delay_ms:
        headers["x-delay"] = message.delay_ms
    if message.deduplicated:
        headers["x-deduplication-header"] = message.id
    priority = message.priority or None
    return wire.content_header(
        len(body), 2 if message.persistent else 1, priority, message.expiration_ms, headers
    ), body


def attempt_in(body: bytes) -> tuple[str, int]:
    """The id and the attempt that a body names. Raises Broken when nobody wrote it."""
    try:
        name, attempt, _ = body.split(b"|")
        return name.decode(), int(attempt)
    except ValueError as error:
        raise Broken(f"a body that nobody published: {body[:40]!r}") from error


def stored(message: Message, attempt: int) -> Content:
    """As it is to be found in the journal."""
    route, (header, body) = ROUTES[message.route], published(message, attempt)
    return Content(CONTENT_AMQP, wire.short(route.exchange) + wire.short(route.routing_key) + header, body)
