"""What a handler is told about its message, and how it publishes."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from oncemq.worker.bodies import encode
from oncemq.worker.message import Outgoing
from oncemq.worker.outbox import message
from oncemq.worker.outcomes import Misuse, OutsideTransaction

CURRENT: Final[ContextVar["Context | None"]] = ContextVar("oncemq_context", default=None)
"""The context of the handler that runs here."""


class Context:
    """One run of a handler on one message."""

    def __init__(
        self,
        message_id: str,
        attempt: int,
        queue: str,
        consumer: str,
        headers: dict[str, Any],
        *,
        redelivered: bool = False,
        fence: int | None = None,
        publish_at_once: Callable[[Outgoing], None] | None = None,
    ) -> None:
        self.message_id = message_id
        self.attempt = attempt
        """From 1: how often a handler has begun on it."""
        self.queue = queue
        self.consumer = consumer
        self.headers = headers
        self.redelivered = redelivered
        self.published: list[Outgoing] = []
        self.batch: tuple[Context, ...] = ()
        """In a batch handler: what is known of each message, in their order. The other fields are the first one's."""
        self._fence = fence
        self._publish_at_once = publish_at_once
        self._is_over = False

    @property
    def idempotency_key(self) -> str:
        """For calls outside the database, which are at-least-once: it is the same in every run on this message."""
        return f"{self.consumer}:{self.message_id}"

    @property
    def fence(self) -> int:
        """A number greater than that of any earlier run of this consumer, committed before this run began.

        An outside system that keeps the greatest it has seen, and refuses smaller ones, is safe from a zombie.
        """
        if self._fence is None:
            raise Misuse("a fencing number is for consumers declared with fenced=True")
        return self._fence

    def publish(
        self, queue: str, body: Any, *, headers: dict[str, Any] | None = None, ordering_key: str | None = None
    ) -> str:
        """Send a message when this transaction commits. Its id."""
        if self._is_over:
            raise OutsideTransaction("the handler has returned: its context publishes nothing any more")
        outgoing = message(queue, encode(body), headers=headers, ordering_key=ordering_key)
        if self._publish_at_once is not None:
            self._publish_at_once(outgoing)
        else:
            self.published.append(outgoing)
        return outgoing.message_id

    def end(self) -> None:
        """The handler has returned or raised."""
        self._is_over = True
