"""How a message ends: what a handler may raise, what the library raises at a handler, and what is then decided."""

from dataclasses import dataclass


class Retry(Exception):
    """Raised by a handler: roll back and deliver again. It counts as an attempt."""

    def __init__(self, reason: str = "", *, after_s: float | None = None) -> None:
        super().__init__(reason or "the handler asked for a retry")
        self.after_s = after_s
        """None: as the consumer's backoff says."""


class Reject(Exception):
    """Raised by a handler: roll back and dead-letter at once, with this reason."""


class Skip(Exception):
    """Raised by a handler: roll back its effects, keep the inbox row, acknowledge."""


class WorkerError(Exception):
    """What the library has to say to whoever uses it."""


class Misuse(WorkerError):
    """A handler did what would break the promise: it is dead-lettered, not tried again."""


class TransactionNotYours(Misuse):
    """A handler tried to commit, roll back or close the transaction that it was given."""


class OutsideTransaction(Misuse):
    """A publish in a handler that is not in the handler's transaction."""


class TransactionLost(WorkerError):
    """Before COMMIT the transaction was not healthy, or not the one that the handler was given."""


class TimeLimitExceeded(WorkerError):
    """The handler ran longer than it may."""


class MisdeclaredConsumer(WorkerError):
    """A consumer's function, types or options do not fit together."""


@dataclass(frozen=True, slots=True)
class Done:
    """Committed: acknowledge."""


@dataclass(frozen=True, slots=True)
class Known:
    """The inbox has it: acknowledge unrun. `state` is that of its row."""

    state: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The handler has nothing to do for it: the inbox row stays, acknowledge."""


@dataclass(frozen=True, slots=True)
class Again:
    """Deliver it again after a delay. An attempt is counted."""

    after_s: float
    error: BaseException


@dataclass(frozen=True, slots=True)
class Dead:
    """Dead-letter it."""

    reason: str
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Return it; nothing was its fault and no attempt is counted."""

    reason: str
    after_s: float = 0.0


Decision = Done | Known | Skipped | Again | Dead | GiveBack
