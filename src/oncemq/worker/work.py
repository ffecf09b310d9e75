"""One delivery on its way through this process."""

from dataclasses import dataclass
from typing import Any

from oncemq.worker.consumer import Consumer
from oncemq.worker.message import Delivery


@dataclass(slots=True, eq=False)
class Work:
    """A delivery for a consumer, and what is known of it so far."""

    consumer: Consumer
    delivery: Delivery
    body: Any = None
    message_id: str = ""
    """Empty until it was found; a message that has none never runs."""
    attempt: int = 1
    is_counted: bool = False
    """Its attempt was committed before it began."""
    is_claimed: bool = False
    """Its inbox row was committed before it began: it runs at most once."""
    fence: int | None = None

    def __str__(self) -> str:
        return f"{self.consumer.name} {self.message_id or '(no id)'}"
