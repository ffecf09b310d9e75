"""What the core answers. The machine gives (address, output) pairs; the engine holds each back until what it rests
on is durable, and fills in the contents of received messages, which are named here by their position.
"""

import msgspec

from oncemq.core.commands import Lease
from oncemq.core.model import Content
from oncemq.core.refusals import Refusal
from oncemq.core.settings import Settings


class Output(msgspec.Struct):
    """Base of all outputs. A Refusal of a whole command is answered as it is."""


class Done(Output):
    """It is done, and there is nothing to say."""


class QueueInfo(Output):
    """A queue as it stands. Times are in milliseconds since 1970."""

    name: str
    number: int
    settings: Settings
    tags: dict[str, str]
    created_ms: int
    changed_ms: int
    ready: int
    leased: int
    delayed: int


class QueueNames(Output):
    """Names in order; `more` says that others follow the last."""

    names: list[str]
    more: bool


class SentMessage(msgspec.Struct, gc=False):
    """`message` is the number that MessageId and SequenceNumber are made of; of a duplicate, the first one's."""

    message: int
    fifo: bool


class Sent(Output):
    results: list[SentMessage | Refusal]


class ReceivedMessage(msgspec.Struct, gc=False):
    """A leased message. The engine sets `content` from `position` and `length_bytes` before the output leaves."""

    lease: Lease
    message: int
    position: int
    length_bytes: int
    sent_ms: int
    deliveries: int
    first_delivery_ms: int
    fifo: bool
    source: str | None
    """The name of the queue that this message was dead-lettered from, within the same virtual host."""
    content: Content | None = None


class Received(Output):
    """Empty when nothing came in time. `host` is where the leases go back if this cannot be written."""

    host: str
    messages: list[ReceivedMessage]
    returned_if_unwritten: bool = True
    """False for an attempt: its leases wait to be asked for again, and another answer to it may have been written."""


class Results(Output):
    """One for each lease of the command: None where it was done."""

    results: list[Refusal | None]


class MoveTaskInfo(Output):
    """`status` is RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED."""

    task: int
    source: str
    destination: str | None
    rate_per_second: int | None
    status: str
    moved: int
    to_move: int
    failure: str | None
    started_ms: int


class MoveTasks(Output):
    tasks: list[MoveTaskInfo]
