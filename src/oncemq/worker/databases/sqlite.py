"""SQLite: one writer connection a process, an flock before BEGIN IMMEDIATE, groups of messages in savepoints, WAL,
synchronous=FULL.

The flock, on a file beside the database, queues processes in the kernel. Without it they would meet in busy_timeout,
which sleeps longer and longer: with 16 writers waits of seconds were measured.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from oncemq.worker.databases.database import (
    READ_ONLY,
    Database,
    Health,
    Holds,
    Trouble,
    UnsafeDatabase,
    Wait,
    is_disconnect,
)
from oncemq.worker.steps import ConnectionLost

BUSY_TIMEOUT_MS: Final = 10_000
"""For writers that do not know of the flock: the application's own sessions. `?timeout=` (seconds) in the URL is
another."""
_AWAY: Final = (
    "locked",
    "unable to open",
    "disk i/o",
    "disk is full",
    "busy",
    "closed database",
    "readonly",
    "no active connection",
)


class Sqlite(Database):
    """A database file."""

    group_max: ClassVar[int] = 16
    gather_ms: ClassVar[int] = 5
    savepoints: ClassVar[bool] = True
    writers_max: ClassVar[int] = 1

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise UnsafeDatabase("a database in memory does not outlive a worker")
        self._url = url
        self._path = Path(url.database)
        self._busy_timeout = "" if "timeout" in url.query else f"busy_timeout={BUSY_TIMEOUT_MS}"

    def engine(self, size: int) -> Engine:
        engine = sa.create_engine(self._url.set(drivername="sqlite"), pool_size=size + 2)
        _listen(engine, self._busy_timeout)
        return engine

    def async_engine(self, size: int) -> AsyncEngine:
        engine = create_async_engine(self._url.set(drivername="sqlite+aiosqlite"), pool_size=size + 2)
        _listen(engine.sync_engine, self._busy_timeout)
        return engine

    def trouble(self, error: BaseException) -> Trouble:
        if is_disconnect(error) or isinstance(error, ConnectionLost):
            return Trouble.AWAY
        if isinstance(error, sa.exc.OperationalError) and any(word in str(error.orig).lower() for word in _AWAY):
            return Trouble.AWAY
        return Trouble.HANDLER

    def token(self, connection: Connection, handler_limit_s: float) -> Any:
        """None: the message's savepoint is the token, since it cannot be released in another transaction."""
        return None

    def health(self, connection: Connection, token: Any) -> Health:
        driver: Any = connection.connection.driver_connection
        return Health.OURS if driver.in_transaction else Health.ENDED

    @contextmanager
    def writing(self, engine: Engine, wait: Wait) -> Iterator[Connection]:
        lock = _Lock(self._beside("writer"))
        try:
            wait(lock.take)
            with engine.connect() as connection:
                yield connection
        finally:
            lock.close()

    @contextmanager
    def relay_lock(self, app: str) -> Iterator[Holds | None]:
        lock = _Lock(self._beside(f"relay-{app}"))
        try:
            yield (lambda: True) if lock.try_take() else None
        finally:
            lock.close()

    def check(self, connection: Connection) -> None:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        if mode != "wal" or synchronous != 2:
            raise UnsafeDatabase(f"journal_mode={mode}, synchronous={synchronous}; wal and 2 (FULL) are needed")

    def _beside(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}.oncemq-{name}")


class _Lock:
    """An flock on a file, gone with its process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)

    def take(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._descriptor)


def _listen(engine: Engine, busy_timeout: str) -> None:
    pragmas = list(filter(None, ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", busy_timeout]))

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver would begin by itself, late, and not before a SAVEPOINT
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
