"""PostgreSQL: messages in transactions side by side, each on a connection of its own.

Every connection has a short `lock_timeout`, since the second of two copies waits on the first one's uncommitted inbox
row, and `idle_in_transaction_session_timeout`, so that a zombie does not hold that row for ever. The relay's lock is
an advisory one on a connection of its own.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from oncemq.worker.databases.database import Database, Health, Holds, Trouble, UnsafeDatabase, Wait, is_disconnect
from oncemq.worker.steps import ConnectionLost

DRIVER: Final = "postgresql+psycopg"
LOCK_TIMEOUT_MS: Final = 2_000
"""More than the server's deadlock_timeout (1 s), or deadlocks would not be known for what they are."""
MIGRATION_LOCK_TIMEOUT_MS: Final = 60_000
IDLE_MS: Final = 10_000
"""Where no handler runs."""
IDLE_GRACE_MS: Final = 3_000
"""Beyond the handler's time limit: the limit is the first to end a handler, and counts the attempt."""
RELAY_IDLE_MS: Final = 10_000
"""A relay that is silent for so long, stopped or cut off, has lost its lock."""
RELAY_PROBE_S: Final = 1.0
CONNECT_S: Final = 5
KEEPALIVES: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}

_CONFLICT: Final = ("40001", "40P01")
"""serialization_failure, deadlock_detected"""
_BUSY: Final = "55P03"
"""lock_not_available"""
_AWAY: Final = ("08", "53", "57P", "58", "25006", "25P03")
"""The beginnings of SQLSTATEs: connection, resources, shutdown, system; a standby, an idle transaction ended."""


class Postgres(Database):
    """A database on a server."""

    group_max: ClassVar[int] = 1
    gather_ms: ClassVar[int] = 0
    savepoints: ClassVar[bool] = False
    writers_max: ClassVar[int] = 0

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername=DRIVER)
        self._asking: Connection | None = None
        """The connection by which this process asks for the relay's lock, while another has it."""

    def engine(self, size: int) -> Engine:
        engine = sa.create_engine(self._url, pool_size=size + 2, connect_args=self._connect_arguments())
        _listen(engine)
        return engine

    def async_engine(self, size: int) -> AsyncEngine:
        engine = create_async_engine(self._url, pool_size=size + 2, connect_args=self._connect_arguments())
        _listen(engine.sync_engine)
        return engine

    def trouble(self, error: BaseException) -> Trouble:
        """A handler's own error that was raised `from` the database's is the database's."""
        if is_disconnect(error) or isinstance(error, ConnectionLost):
            return Trouble.AWAY
        if not isinstance(error, sa.exc.DBAPIError):
            return Trouble.HANDLER if error.__cause__ is None else self.trouble(error.__cause__)
        state = getattr(error.orig, "sqlstate", None)
        if state in _CONFLICT:
            return Trouble.CONFLICT
        if state == _BUSY:
            return Trouble.BUSY
        if state is None:
            return Trouble.AWAY if isinstance(error, sa.exc.OperationalError) else Trouble.HANDLER
        return Trouble.AWAY if state.startswith(_AWAY) else Trouble.HANDLER

    def token(self, connection: Connection, handler_limit_s: float) -> Any:
        """The transaction's id. The time limit is set by the same question, for one way to the server and back."""
        begun = sa.text(
            "SELECT CAST(pg_current_xact_id() AS text),"
            " set_config('idle_in_transaction_session_timeout', :limit_ms, true)"
        )
        limit_ms = round(handler_limit_s * 1_000) + IDLE_GRACE_MS
        return connection.execute(begun, {"limit_ms": str(limit_ms)}).one()[0]

    def health(self, connection: Connection, token: Any) -> Health:
        """ENDED: that transaction was committed. What was rolled back under the handler is ABORTED."""
        driver: Any = connection.connection.driver_connection
        if driver.info.transaction_status == TransactionStatus.INERROR:
            return Health.ABORTED
        if token is None:
            return Health.OURS
        asked = sa.text(
            "SELECT CAST(pg_current_xact_id_if_assigned() AS text) IS NOT DISTINCT FROM :token,"
            " pg_xact_status(CAST(CAST(:token AS text) AS xid8))"
        )
        is_ours, status = connection.execute(asked, {"token": token}).one()
        if is_ours:
            return Health.OURS
        return Health.ENDED if status == "committed" else Health.ABORTED

    @contextmanager
    def writing(self, engine: Engine, wait: Wait) -> Iterator[Connection]:
        with engine.connect() as connection:
            yield connection

    @contextmanager
    def relay_lock(self, app: str) -> Iterator[Holds | None]:
        connection, self._asking = self._asking or self._relay_connection(), None
        try:
            taken = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(f"relay {app}"))))
            self._asking = None if taken else connection
            yield _holds(connection) if taken else None
        finally:
            if self._asking is not connection:
                connection.close()

    def _relay_connection(self) -> Connection:
        engine = sa.create_engine(self._url, poolclass=NullPool, connect_args=self._connect_arguments())
        _listen(engine)
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"SET idle_session_timeout = {RELAY_IDLE_MS}")
        return connection

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {MIGRATION_LOCK_TIMEOUT_MS}")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("schema"))))

    def check(self, connection: Connection) -> None:
        for setting in ("synchronous_commit", "fsync"):
            if connection.exec_driver_sql(f"SHOW {setting}").scalar_one() == "off":
                raise UnsafeDatabase(f"{setting}=off: a crash of the database would take back what was committed")

    def _connect_arguments(self) -> dict[str, Any]:
        wanted = {"connect_timeout": CONNECT_S, "application_name": "oncemq-worker", **KEEPALIVES}
        return {name: value for name, value in wanted.items() if name not in self._url.query}


def _listen(engine: Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS}")
        cursor.close()
        connection.commit()


def _holds(connection: Connection) -> Holds:
    """The lock is its connection's: it is held while the connection answers."""
    return _Probe(lambda: connection.exec_driver_sql("SELECT 1").scalar_one())


class _Probe:
    """Asks at most once in a while."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._asked_at = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._asked_at >= RELAY_PROBE_S:
            try:
                self._ask()
            except sa.exc.DBAPIError:
                return False
            self._asked_at = now
        return True


def _key(name: str) -> int:
    """An advisory lock's, of 64 bits with a sign: the same in every process."""
    return int.from_bytes(hashlib.sha256(f"oncemq {name}".encode()).digest()[:8], signed=True)
