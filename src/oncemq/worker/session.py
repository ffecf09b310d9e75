"""The session that a handler is given. It is the library's to end: commit, rollback and close raise."""

from typing import Any, NoReturn

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from oncemq.worker.databases.database import Database
from oncemq.worker.outcomes import TransactionNotYours


def _refuse(what: str) -> NoReturn:
    raise TransactionNotYours(f"a handler may not {what} its session: raise Retry, Reject or Skip, or return")


class HandlerSession(Session):
    """A Session in the transaction of one message."""

    ended_by_handler = False
    """It tried to; the message fails even if the handler swallowed the error."""

    def commit(self) -> NoReturn:
        self._refuse("commit")

    def rollback(self) -> NoReturn:
        self._refuse("roll back")

    def close(self) -> None:
        self._refuse("close")

    def invalidate(self) -> NoReturn:
        self._refuse("invalidate")

    def reset(self) -> NoReturn:
        self._refuse("reset")

    def prepare(self) -> NoReturn:
        self._refuse("prepare")

    def _refuse(self, what: str) -> NoReturn:
        self.ended_by_handler = True
        _refuse(what)


def sync_session(database: Database, connection: Connection) -> HandlerSession:
    """In the connection's transaction; with a savepoint of its own where the database has groups."""
    mode: Any = "create_savepoint" if database.savepoints else "rollback_only"
    return HandlerSession(bind=connection, join_transaction_mode=mode)


def async_session(database: Database, engine: AsyncEngine, connection: Connection) -> AsyncSession:
    """The same, for an async handler. Its `sync_session` is a HandlerSession."""
    mode: Any = "create_savepoint" if database.savepoints else "rollback_only"
    bind = AsyncConnection(engine, connection)
    return AsyncSession(bind=bind, sync_session_class=HandlerSession, join_transaction_mode=mode)
