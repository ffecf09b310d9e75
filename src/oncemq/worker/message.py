"""What comes from a broker and what goes to one: read this first."""

from dataclasses import dataclass, field
from typing import Any, Final

MESSAGE_ID: Final = "x-oncemq-id"
"""The message id's name where a broker has no field of its own for it."""
ORDERING_KEY: Final = "x-group-id"
"""The header of the ordering key: the message group of OnceMQ's queues."""
DEDUPLICATION_ID: Final = "x-deduplication-header"


@dataclass(slots=True, eq=False)
class Delivery:
    """One message as a broker handed it out, with what is needed to settle it."""

    queue: str
    body: bytes
    message_id: str | None
    """The publisher's, never the broker's own."""
    headers: dict[str, Any]
    redelivered: bool
    """It was handed out before; who had it may have died of it."""
    receipt: Any = None
    """The broker's: delivery tag or receipt handle."""
    link: object = None
    """The connection that it came by. Nothing can be settled through another one."""
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published, persistent and mandatory."""

    queue: str
    body: bytes
    message_id: str
    """Stays the same for a retry's or redrive's copy."""
    deduplication_id: str
    """New for every copy, or the broker's own deduplication would swallow it."""
    headers: dict[str, Any] = field(default_factory=dict)
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Done with it."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Return:
    """Ready again after a delay. 0: at once."""

    delivery: Delivery
    after_s: float


Settlement = Acknowledge | Return
