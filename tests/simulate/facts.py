"""What clients know, and nothing else: one Fact for each message they sent, one QueueFact for each queue.

`asked_ms` and the like are lower bounds: the server decided at that time or later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oncemq.core.commands import Lease
from oncemq.core.model import CONTENT_SQS, Content
from oncemq.core.outputs import ReceivedMessage


class Broken(AssertionError):
    """The server broke a promise."""


@dataclass(slots=True, eq=False)
class Hold:
    """A lease that was answered. `sure`: nothing was asked that may have ended it or changed its time."""

    queue: str
    lease: Lease
    until_ms: int
    sure: bool = True
    busy: bool = False
    """Something was asked about it that is not answered yet."""


@dataclass(slots=True, eq=False)
class Fact:
    """A message, by the id that its body begins with. `known`: its send was answered, or it was seen since."""

    id: str
    queue: str
    group: str | None
    delay_ms: int
    asked_ms: int
    asked_at: int
    floor: int
    """Message numbers answered before it was asked are not above this."""
    attempts: int = 1
    known: bool = False
    number: int | None = None
    number_promised: bool = True
    """False: a purge may have cleared the window of deduplication; it is not sent again."""
    may_be_gone: bool = False
    gone_at: int | None = None
    """When it was certain that it is gone, in counts of the ledger."""
    seen: int = 0
    """Deliveries as last answered."""
    last_token: int = 0
    hold: Hold | None = None
    companions: list[Fact] = field(default_factory=list, repr=False)
    """Of the same SendMessages, itself among them."""


@dataclass(slots=True, eq=False)
class QueueFact:
    """A queue. `possible` are the (settings, tags) that it may have, None among them: it may not exist."""

    name: str
    possible: list[tuple[dict[str, Any], dict[str, str]] | None]
    dead_letter_queue: str | None = None
    maximum_receives: int = 0
    fifo: bool = False
    busy: bool = False
    """Somebody administers it right now."""

    @property
    def exists(self) -> bool:
        """Certainly."""
        return None not in self.possible


@dataclass(slots=True, eq=False)
class AttemptFact:
    """A ReceiveRequestAttemptId and the messages it was answered with."""

    queue: str
    id: bytes
    asked_ms: int
    messages: list[ReceivedMessage] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    valid: bool = True
    busy: bool = False


def content_of(message_id: str, attempt: int) -> Content:
    """What attempt number `attempt` to send this message carries; its length is told by its id."""
    filler = f"{message_id}.".encode()
    length_bytes = sum(filler) * 7 % (900 if sum(filler) % 4 else 5_000)
    return Content(CONTENT_SQS, b"p" + filler, b"%s|%d|" % (filler, attempt) + filler * (length_bytes // len(filler)))


def id_of(content: Content) -> tuple[str, int]:
    """The id and the attempt in a content. Raises Broken when the content is not what was sent."""
    try:
        head, attempt_text, _ = content.body.split(b"|")
        message_id, attempt = head[:-1].decode(), int(attempt_text)
    except ValueError as error:
        raise Broken(f"a content that nobody sent: {content.body[:40]!r}") from error
    if content != content_of(message_id, attempt):
        raise Broken(f"the content of {message_id} is damaged")
    return message_id, attempt
