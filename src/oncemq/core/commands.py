"""What may be asked of the core. A command is data; who asks is an address beside it, which the core never opens.

`host` is the name of a virtual host: `/`, or `<account>/<region>` for any other account and region. `caller` is the
account that asks, or None where no policy is to be enforced; `action` names the SQS action for policies. Every
command answers exactly one output to its address, except those marked "answers nothing" and a receive that waits,
which answers later.
"""

from typing import Any

import msgspec

from oncemq.core.model import Content


class Command(msgspec.Struct):
    """Base of all commands."""


class QueueCommand(Command):
    """A command on one queue, named within its virtual host."""

    host: str
    queue: str
    caller: str | None


# Queues ---------------------------------------------------------------------------------------------------------


class CreateQueue(QueueCommand):
    """Answers QueueInfo. `settings` are the fields that the client gave; an equal queue is answered as it is. A
    virtual host is made with its first queue.
    """

    settings: dict[str, Any]
    tags: dict[str, str]


class DeleteQueue(QueueCommand):
    """Answers Done."""


class DescribeQueue(QueueCommand):
    """Answers QueueInfo. `action` is GetQueueUrl, GetQueueAttributes, ListQueueTags or ListDeadLetterSourceQueues."""

    action: str


class ListQueues(Command):
    """Answers QueueNames, in order of name, those after `after` with `prefix`, at most `maximum`."""

    host: str
    prefix: str
    after: str
    maximum: int


class ListDeadLetterSources(QueueCommand):
    """Answers QueueNames: the queues that name this one as their dead-letter queue."""

    after: str
    maximum: int


class ChangeQueue(QueueCommand):
    """Answers Done. All of `changes` (fields of Settings) or nothing."""

    changes: dict[str, Any]


class PurgeQueue(QueueCommand):
    """Answers Done. Once in 60 s."""


class TagQueue(QueueCommand):
    """Answers Done."""

    tags: dict[str, str]


class UntagQueue(QueueCommand):
    """Answers Done."""

    keys: list[str]


class AddPermission(QueueCommand):
    """Answers Done. Adds a statement with `label` to the queue's policy."""

    label: str
    accounts: list[str]
    actions: list[str]
    resource: str
    """The queue's ARN, as the statement names it."""


class RemovePermission(QueueCommand):
    """Answers Done."""

    label: str


# Messages -------------------------------------------------------------------------------------------------------


class NewMessage(msgspec.Struct, gc=False):
    """A message to send. `size_bytes` is what the limit counts (body and attributes)."""

    content: Content
    size_bytes: int
    delay_ms: int | None = None
    """None: the queue's."""
    group: str | None = None
    deduplication: bytes | None = None
    """The client's deduplication id in UTF-8. None: by content where the queue says so, else not at all."""


class SendMessages(QueueCommand):
    """Answers Sent, a result for each message: those refused change nothing, the others are sent."""

    messages: list[NewMessage]


class SendTogether(Command):
    """Sends that came one after another, each with its address, which is answered as if it had come alone."""

    sends: list[tuple[SendMessages, Any]]


class ReceiveMessages(QueueCommand):
    """Answers Received; waits up to `wait_ms` (None: the queue's) for a first message."""

    maximum: int
    visibility_timeout_ms: int | None
    wait_ms: int | None
    attempt: bytes | None = None
    """ReceiveRequestAttemptId in UTF-8; FIFO only."""


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a receipt handle says: an entry of a queue, by its numbers, leased under a token."""

    queue: int
    entry: int
    token: int


class DeleteMessages(QueueCommand):
    """Answers Results, one for each lease: None or a Refusal."""

    leases: list[Lease]


class ChangeVisibility(QueueCommand):
    """Answers Results, one for each lease: None or a Refusal. 0 gives the message back at once."""

    leases: list[Lease]
    timeouts_ms: list[int]


class ReturnUndelivered(Command):
    """Answers nothing. An answer could not be written: its leases go back, their receives not counted."""

    host: str
    leases: list[Lease]


class CancelWaiting(Command):
    """Answers nothing. The asker at `address` has gone: its waiting receive ends."""

    host: str
    address: Any


# Move tasks -----------------------------------------------------------------------------------------------------


class StartMoveTask(QueueCommand):
    """Answers MoveTaskInfo. `queue` is the dead-letter queue; `destination` None: each to the queue it came from."""

    destination: str | None
    rate_per_second: int | None


class CancelMoveTask(Command):
    """Answers MoveTaskInfo, with what had been moved."""

    host: str
    task: int
    caller: str | None


class ListMoveTasks(QueueCommand):
    """Answers MoveTasks, the newest first."""

    maximum: int


# The server itself ----------------------------------------------------------------------------------------------


class StartServer(Command):
    """Answers nothing. First command after recovery. `identity_key` (32 random bytes) is used if there is none yet."""

    identity_key: bytes
    name_reuse_wait_ms: int = 0
    """How long the name of a deleted queue stays taken (60,000 on Amazon SQS)."""


class EndWaiting(Command):
    """Answers nothing itself. The server is about to end: all who wait are answered empty."""


class Tick(Command):
    """Answers nothing itself; lets happen what is due at `now`."""


class ReportMemory(Command):
    """Answers nothing. While `short`, sends are refused."""

    short: bool
    used_bytes: int
    limit_bytes: int


class ReportDiskSpace(Command):
    """Answers nothing. While `nearly_full`, sends are refused."""

    nearly_full: bool
    free_bytes: int
