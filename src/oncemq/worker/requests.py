"""For web endpoints: a request that comes twice (a double click, a client's retry) has its effects once.

`begin` is the first thing in the endpoint's transaction. Its row is unique on (application, client,
Idempotency-Key), so of
two at the same time the second waits for the first, and then has its answer. The answer is stored in the same
transaction as the order and its outbox row.
"""

import hashlib

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from oncemq.worker.inbox import now_ms
from oncemq.worker.outcomes import WorkerError
from oncemq.worker.schema import REQUEST


class OtherBody(WorkerError):
    """The client used this Idempotency-Key for another request: HTTP status 422."""


def begin(session: Session, app: str, client: str, key: str, body: bytes) -> bytes | None:
    """None: it is new, go on and `answer` it. Else the answer that was given. Raises OtherBody."""
    digest = hashlib.sha256(body).hexdigest()
    row = {"app": app, "client": client, "request_key": key, "body_sha256": digest, "answer": b"", "at_ms": now_ms()}
    is_sqlite = session.connection().dialect.name == "sqlite"
    insert = sqlite.insert(REQUEST) if is_sqlite else postgresql.insert(REQUEST)
    new = insert.values(row).on_conflict_do_nothing().returning(REQUEST.c.app)
    if session.execute(new).first() is not None:
        return None
    found = session.execute(sa.select(REQUEST.c.body_sha256, REQUEST.c.answer).where(*_is(app, client, key))).one()
    if found.body_sha256 != digest:
        raise OtherBody(f"the Idempotency-Key {key} was used for another body")
    return bytes(found.answer)


def answer(session: Session, app: str, client: str, key: str, given: bytes) -> None:
    """What a repetition will be answered."""
    session.execute(sa.update(REQUEST).where(*_is(app, client, key)).values(answer=given))


def _is(app: str, client: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return REQUEST.c.app == app, REQUEST.c.client == client, REQUEST.c.request_key == key
