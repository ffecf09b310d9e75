"""What the core refuses, as values: a protocol maps each class to its wire codes in one table.

A refusal changes nothing. A bug is an assertion, never a refusal.
"""

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """Base of all refusals."""


class QueueDoesNotExist(Refusal, frozen=True):
    queue: str


class QueueExists(Refusal, frozen=True):
    """A queue of that name exists with another value of `field` (a field of Settings)."""

    queue: str
    field: str


class QueueDeletedRecently(Refusal, frozen=True):
    queue: str
    wait_ms: int


class TooManyQueues(Refusal, frozen=True):
    maximum: int


class PurgeInProgress(Refusal, frozen=True):
    queue: str


class AccessDenied(Refusal, frozen=True):
    """The queue's policy does not let `caller` do `action` (an SQS action name)."""

    caller: str
    action: str
    queue: str


class MessageTooLarge(Refusal, frozen=True):
    maximum_bytes: int


class GroupRequired(Refusal, frozen=True):
    """A FIFO queue takes no message without a message group."""


class DeduplicationRequired(Refusal, frozen=True):
    """A FIFO queue without content-based deduplication takes no message without a deduplication id."""


class NotForStandardQueues(Refusal, frozen=True):
    """`field` (`deduplication`, `attempt`, or a settings field) is only for FIFO queues."""

    field: str


class DelayNotForFifo(Refusal, frozen=True):
    """A FIFO queue takes no delay of a single message."""

    delay_ms: int


class QueueFull(Refusal, frozen=True):
    """It refuses what is too much (reject-publish)."""

    queue: str


class DiskNearlyFull(Refusal, frozen=True):
    free_bytes: int


class MemoryShort(Refusal, frozen=True):
    used_bytes: int
    limit_bytes: int


class TooManyLeased(Refusal, frozen=True):
    """Too many messages of a standard queue are in flight."""

    maximum: int


class LeaseExpired(Refusal, frozen=True):
    """The lease ran out, and the queue (FIFO) does not take late words on it."""


class LeaseNotHeld(Refusal, frozen=True):
    """The message is not in flight under this token: gone, or visible, or leased anew."""

    gone: bool


class LeaseOfAnotherQueue(Refusal, frozen=True):
    """The lease is on an entry of another queue, or of one that was deleted."""


class VisibilityBeyondMaximum(Refusal, frozen=True):
    """With this timeout the lease would hold longer than a lease may, counted from its receive."""

    timeout_ms: int
    maximum_ms: int


class MoveDestinationUnknown(Refusal, frozen=True):
    """A move task's destination is no queue of this virtual host."""

    queue: str


class InvalidSetting(Refusal, frozen=True):
    """A value that the state forbids; `why` is a sentence without a full stop."""

    field: str
    why: str


class DeadLetterQueueDoesNotExist(Refusal, frozen=True):
    queue: str


class RedriveNotAllowed(Refusal, frozen=True):
    """The dead-letter queue's redrive-allow policy does not name this source."""

    queue: str


class TooManyTags(Refusal, frozen=True):
    maximum: int


class PermissionExists(Refusal, frozen=True):
    label: str


class PermissionDoesNotExist(Refusal, frozen=True):
    label: str


class InvalidPolicy(Refusal, frozen=True):
    why: str


class PolicyTooLarge(Refusal, frozen=True):
    """More statements (`statements`) or bytes than a policy may have."""

    maximum: int


class NotADeadLetterQueue(Refusal, frozen=True):
    queue: str


class MoveTaskRunning(Refusal, frozen=True):
    queue: str


class MoveTaskDoesNotExist(Refusal, frozen=True):
    task: int


class MoveTaskNotRunning(Refusal, frozen=True):
    task: int
    status: str
