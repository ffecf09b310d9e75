"""What the library needs of a database, beyond SQL.

All SQL of the library is written once, for SQLAlchemy's sync Connection. Async handlers have an async driver under
the same
code: it runs in SQLAlchemy's greenlet there, and `wait` is how it waits for something that is not the database.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from oncemq.worker.schema import is_current, migrate

READ_ONLY: Final = "oncemq_read_only"
"""An execution option: the transaction needs no lock to write."""

Holds = Callable[[], bool]
"""Whether the relay's lock is still held. It may wait for the database's answer."""

Wait = Callable[[Callable[[], None]], None]
"""Runs something that blocks: directly on a thread, on another thread under an event loop."""


class Trouble(enum.Enum):
    """Whose fault an error is, as far as attempts are concerned."""

    AWAY = "the database is away"
    """Pause and give back. No attempt."""
    BUSY = "another copy of the message is being processed"
    """Give back. No attempt."""
    CONFLICT = "a serialization failure or deadlock"
    """Run it again at once. No attempt."""
    HANDLER = "the handler's"
    """An attempt."""


class Health(enum.Enum):
    """What a COMMIT would do now."""

    OURS = "commit what the handler did in the transaction that it was given"
    ABORTED = "roll back, and say nothing"
    ENDED = "something else: the transaction is over, or is another one"


class UnsafeDatabase(Exception):
    """It is set so that a commit may be lost."""


class Database(ABC):
    """One database, for one process."""

    group_max: ClassVar[int]
    """Messages in one transaction."""
    gather_ms: ClassVar[int]
    """How long a transaction waits for more of them."""
    savepoints: ClassVar[bool]
    """Each message has a savepoint in the group's transaction. Without them a group is one message."""
    writers_max: ClassVar[int]
    """Transactions at a time in a process. 0: as many as the worker's concurrency."""

    @abstractmethod
    def engine(self, size: int) -> Engine:
        """For sync handlers, with so many connections."""

    @abstractmethod
    def async_engine(self, size: int) -> AsyncEngine:
        """For async handlers."""

    @abstractmethod
    def trouble(self, error: BaseException) -> Trouble:
        """What kind of error this is."""

    @abstractmethod
    def token(self, connection: Connection, handler_limit_s: float) -> Any:
        """What tells this transaction from any other, once it has written. A handler of this time limit is about to
        run in it."""

    @abstractmethod
    def health(self, connection: Connection, token: Any) -> Health:
        """Of the transaction that the token is of; None: of any."""

    @abstractmethod
    @contextmanager
    def writing(self, engine: Engine, wait: Wait) -> Iterator[Connection]:
        """A connection that may write; its transaction has not begun."""

    @abstractmethod
    @contextmanager
    def relay_lock(self, app: str) -> Iterator[Holds | None]:
        """Not None: this process is the one that publishes this application's outbox, until the end of the block or
        of the process, and while it is told so. Raises what a database raises that is away."""

    @abstractmethod
    def check(self, connection: Connection) -> None:
        """Raise UnsafeDatabase if a commit may be lost."""

    def lock_schema(self, connection: Connection) -> None:  # noqa: B027
        """Keep others from migrating until the end of the transaction, if `writing` does not."""

    def prepare(self, engine: Engine) -> None:
        """Check it and bring the tables to this version. What is so already waits for no writer."""
        with self.reading(engine) as connection:
            self.check(connection)
            if is_current(connection):
                return
        with self.writing(engine, run_here) as connection, connection.begin():
            self.lock_schema(connection)
            migrate(connection)

    @contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A connection that only reads."""
        with engine.connect() as connection:
            yield connection.execution_options(**{READ_ONLY: True})

    @contextmanager
    def transaction(self, engine: Engine) -> Iterator[Connection]:
        """A short transaction of the library's own, on a thread."""
        with self.writing(engine, run_here) as connection, connection.begin():
            yield connection


def run_here(blocking: Callable[[], None]) -> None:
    """The `Wait` of a thread."""
    blocking()


def is_disconnect(error: BaseException) -> bool:
    """The connection is gone, as SQLAlchemy tells it."""
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
