"""The outbox: messages that leave when their transaction is committed. Functions on a connection, inside its
transaction.

A row's id is a UUID made in its transaction, never a serial and never an id of the application's: it becomes the
message id, and a transaction that is run again makes another.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from oncemq.worker.inbox import now_ms
from oncemq.worker.message import Outgoing
from oncemq.worker.schema import OUTBOX

REFUSED_FIRST_MS: Final = 500
REFUSED_LIMIT_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Unsent:
    """A row that the broker has not confirmed."""

    position: int
    refusals: int
    message: Outgoing


def message(
    queue: str,
    body: bytes,
    *,
    message_id: str | None = None,
    headers: dict[str, Any] | None = None,
    ordering_key: str | None = None,
) -> Outgoing:
    """A message with an id of its own, or (for a copy) with that of the original."""
    own_id = str(uuid.uuid4())
    return Outgoing(queue, body, message_id or own_id, own_id, headers or {}, ordering_key)


def add(connection: Connection, app: str, messages: Sequence[Outgoing]) -> None:
    """Rows for these, in the connection's transaction."""
    rows = [
        {
            "id": each.deduplication_id,
            "app": app,
            "queue": each.queue,
            "message_id": each.message_id,
            "ordering_key": each.ordering_key,
            "headers": msgspec.json.encode(each.headers).decode(),
            "body": each.body,
        }
        for each in messages
    ]
    if rows:
        connection.execute(sa.insert(OUTBOX), rows)


def unsent(connection: Connection, app: str, maximum: int) -> list[Unsent]:
    """Rows to be published, oldest first. Behind a row that waits after a refusal its ordering key waits, and
    nothing else."""
    now = now_ms()
    earlier = OUTBOX.alias("earlier")
    held = (
        sa.exists()
        .where(earlier.c.app == app, earlier.c.ordering_key == OUTBOX.c.ordering_key)
        .where(earlier.c.position < OUTBOX.c.position, earlier.c.not_before_ms > now)
    )
    wanted = (
        sa.select(OUTBOX)
        .where(OUTBOX.c.app == app, OUTBOX.c.not_before_ms <= now, OUTBOX.c.ordering_key.is_(None) | ~held)
        .order_by(OUTBOX.c.position)
        .limit(maximum)
    )
    return [_unsent(row) for row in connection.execute(wanted)]


def _unsent(row: Any) -> Unsent:
    outgoing = Outgoing(
        row.queue, bytes(row.body), row.message_id, row.id, msgspec.json.decode(row.headers), row.ordering_key
    )
    return Unsent(row.position, row.refusals, outgoing)


def confirmed(connection: Connection, rows: Sequence[Unsent]) -> None:
    """The broker has them: they go."""
    connection.execute(sa.delete(OUTBOX).where(OUTBOX.c.position.in_([each.position for each in rows])))


def refused(connection: Connection, row: Unsent, error: str) -> None:
    """The broker refused or could not route it: it stays, and waits longer each time."""
    wait_ms = min(REFUSED_LIMIT_MS, REFUSED_FIRST_MS * 2 ** min(row.refusals, 20))
    connection.execute(
        sa.update(OUTBOX)
        .where(OUTBOX.c.position == row.position)
        .values(refusals=row.refusals + 1, not_before_ms=now_ms() + wait_ms, error=error)
    )
