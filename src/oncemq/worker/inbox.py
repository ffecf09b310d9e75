"""The inbox: which message a consumer has begun, done or given up. Functions on a connection, inside its transaction.

`claim` is the first thing in a handler's transaction. Its row is unique, so of two live copies one commits and the
other waits for it, then finds the row.
"""

import time
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from oncemq.worker import switches
from oncemq.worker.schema import DEAD, DONE, FENCE, INBOX, OPEN

ERROR_CHARACTERS_MAX: Final = 2_000

_CLAIM: Final = """
INSERT INTO oncemq_inbox (consumer, message_id, state, attempts, changed_at_ms) VALUES (:consumer, :id, 'done', 0, :now)
ON CONFLICT (consumer, message_id) DO UPDATE SET state = 'done', changed_at_ms = excluded.changed_at_ms
WHERE oncemq_inbox.state = 'open' RETURNING attempts
"""
"""`done` from the start: the row commits with the effects or not at all. No row comes back when it is done or dead."""

_CLAIM_STATEMENT: Final = sa.text(_CLAIM)


@dataclass(frozen=True, slots=True)
class Row:
    """What the inbox knows of a message."""

    state: str
    attempts: int


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def claim(connection: Connection, consumer: str, message_id: str) -> int | None:
    """Take the message for this transaction. Attempts that were counted before, or None: it is done or dead."""
    if switches.broken("inbox"):
        return 0
    given = {"consumer": consumer, "id": message_id, "now": now_ms()}
    row = connection.execute(_CLAIM_STATEMENT, given).first()
    return None if row is None else int(row[0])


def find(connection: Connection, consumer: str, message_id: str) -> Row | None:
    """What is committed about the message."""
    found = sa.select(INBOX.c.state, INBOX.c.attempts).where(
        INBOX.c.consumer == consumer, INBOX.c.message_id == message_id
    )
    row = connection.execute(found).first()
    return None if row is None else Row(row.state, row.attempts)


def count_attempt(connection: Connection, consumer: str, message_id: str, error: str | None) -> int | None:
    """One more attempt of a message that is open. Its number, or None: it is done or dead meanwhile."""
    values = {"consumer": consumer, "message_id": message_id, "changed_at_ms": now_ms(), "error": error}
    insert = _insert(connection, INBOX).values(state=OPEN, attempts=1, **values)
    counted = insert.on_conflict_do_update(
        index_elements=["consumer", "message_id"],
        set_={"attempts": INBOX.c.attempts + 1, "changed_at_ms": now_ms(), "error": insert.excluded.error},
        where=INBOX.c.state == OPEN,
    ).returning(INBOX.c.attempts)
    return connection.execute(counted).scalar()


def uncount_attempt(connection: Connection, consumer: str, message_id: str) -> None:
    """The attempt that was counted did not end by the message's fault."""
    which = (INBOX.c.consumer == consumer) & (INBOX.c.message_id == message_id) & (INBOX.c.state == OPEN)
    connection.execute(sa.update(INBOX).where(which, INBOX.c.attempts > 0).values(attempts=INBOX.c.attempts - 1))


def note_error(connection: Connection, consumer: str, message_id: str, error: str) -> None:
    """The error of an attempt that was counted when it began."""
    which = (INBOX.c.consumer == consumer) & (INBOX.c.message_id == message_id)
    connection.execute(sa.update(INBOX).where(which).values(error=error, changed_at_ms=now_ms()))


def close(
    connection: Connection, consumer: str, message_id: str, state: str, error: str | None = None, *, force: bool = False
) -> bool:
    """Set an open or new message done or dead; with force a done one too. False: it was so already."""
    values = {"consumer": consumer, "message_id": message_id, "changed_at_ms": now_ms(), "error": error}
    insert = _insert(connection, INBOX).values(state=state, attempts=0, **values)
    closed = insert.on_conflict_do_update(
        index_elements=["consumer", "message_id"],
        set_={"state": state, "changed_at_ms": now_ms(), "error": insert.excluded.error},
        where=INBOX.c.state.in_([OPEN, DONE] if force else [OPEN]),
    ).returning(INBOX.c.attempts)
    return connection.execute(closed).first() is not None


def reopen(connection: Connection, consumer: str, message_id: str) -> bool:
    """A dead message may run again, with its attempts counted from nothing. False: it is not dead."""
    which = (INBOX.c.consumer == consumer) & (INBOX.c.message_id == message_id) & (INBOX.c.state == DEAD)
    changed = sa.update(INBOX).where(which).values(state=OPEN, attempts=0, changed_at_ms=now_ms())
    return connection.execute(changed).rowcount == 1


def next_fence(connection: Connection, consumer: str) -> int:
    """A number greater than any that this consumer was given. To be committed before it is used."""
    insert = _insert(connection, FENCE).values(consumer=consumer, number=1)
    step = 0 if switches.broken("fence") else 1
    grown = insert.on_conflict_do_update(index_elements=["consumer"], set_={"number": FENCE.c.number + step})
    return int(connection.execute(grown.returning(FENCE.c.number)).scalar_one())


def _insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
