"""What is refused of exchanges, of queues as AMQP declares them, and of consumers."""

from typing import Any

from oncemq.core.refusals import Refusal


class ExchangeDoesNotExist(Refusal, frozen=True):
    exchange: str


class UnknownExchangeType(Refusal, frozen=True):
    type: str


class Inequivalent(Refusal, frozen=True):
    """Declared anew with another value of `field`. `what` is queue or exchange."""

    what: str
    name: str
    field: str
    received: str
    current: str


class QueueLocked(Refusal, frozen=True):
    """An exclusive queue of another connection."""

    queue: str


class QueueInUse(Refusal, frozen=True):
    queue: str


class QueueNotEmpty(Refusal, frozen=True):
    queue: str


class ExchangeInUse(Refusal, frozen=True):
    exchange: str


class ExchangeIsDefault(Refusal, frozen=True):
    """The default exchange is neither declared, deleted nor bound."""


class UnknownHeaderMatch(Refusal, frozen=True):
    """A binding of a headers exchange has another x-match than there are."""

    value: Any


class ExchangeIsInternal(Refusal, frozen=True):
    exchange: str


class ExclusiveConsumer(Refusal, frozen=True):
    """The queue has an exclusive consumer, or has others and one is to be exclusive."""

    queue: str


class PolicyDoesNotExist(Refusal, frozen=True):
    name: str


class UnacceptablePolicy(Refusal, frozen=True):
    name: str
    why: str


class TooManyPolicies(Refusal, frozen=True):
    maximum: int
