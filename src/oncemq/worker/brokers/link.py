"""What the library needs of a broker: one connection to it, used on one event loop, where handlers never run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oncemq.worker.message import Delivery, Outgoing, Settlement

Deliver = Callable[[Delivery], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue to be consumed, and where its failures go."""

    queue: str
    dead_queue: str
    prefetch: int
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has it, on disk if it keeps anything there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker refused it or could not route it."""

    reason: str


Published = Confirmed | Refused


class BrokerAway(Exception):
    """The connection is lost, or was not made."""


class Link(ABC):
    """One connection. What is lost with it raises BrokerAway; a new Link is made then."""

    @abstractmethod
    async def connect(self) -> None:
        """Raises BrokerAway."""

    @abstractmethod
    async def lost(self) -> None:
        """Returns when the connection is gone."""

    @abstractmethod
    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """Have the queues, durable. Those that are there stay as they are."""

    @abstractmethod
    async def consume(self, subscriptions: Sequence[Subscription], deliver: Deliver) -> None:
        """Take deliveries until `cancel`."""

    @abstractmethod
    async def cancel(self) -> None:
        """Take no more. What was delivered stays leased."""

    @abstractmethod
    async def extend(self) -> None:
        """Extend the lease of everything that was delivered and is not settled."""

    @abstractmethod
    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Acknowledge and return. What another link delivered is passed over."""

    @abstractmethod
    async def publish(self, messages: Sequence[Outgoing]) -> list[Published]:
        """Persistent and mandatory; one answer each, in order, when all have theirs. Raises BrokerAway: not known."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what is leased, and end."""
