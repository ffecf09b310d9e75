"""The library's tables. Two applications can share a database: their names are part of the keys.

oncemq_inbox   one row a (consumer, message id) that was begun
oncemq_outbox  one row a message that is to be published, until the broker confirmed it
oncemq_fence   the last fencing number of a consumer
oncemq_request one row a request of a web client that had an Idempotency-Key
oncemq_schema  which version of these tables is there

A change of the tables is a new entry of `MIGRATIONS`; `migrate` runs those that the database has not had, in order, in
one transaction.
"""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

METADATA: Final = sa.MetaData()

OPEN: Final = "open"
"""Begun and not done: its attempts are counted here. A delivery of it runs."""
DONE: Final = "done"
DEAD: Final = "dead"

INBOX: Final = sa.Table(
    "oncemq_inbox",
    METADATA,
    sa.Column("consumer", sa.String(200), primary_key=True),
    sa.Column("message_id", sa.String(200), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("changed_at_ms", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
)

OUTBOX: Final = sa.Table(
    "oncemq_outbox",
    METADATA,
    sa.Column(
        "position",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.Identity(),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("app", sa.String(100), nullable=False),
    sa.Column("queue", sa.String(255), nullable=False),
    sa.Column("message_id", sa.String(200), nullable=False),
    sa.Column("ordering_key", sa.String(200)),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before_ms", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
    sa.Index("oncemq_outbox_key", "app", "ordering_key", "position"),
)
"""`position` orders rows; it is never a mark up to which all was read, since rows commit late."""

FENCE: Final = sa.Table(
    "oncemq_fence",
    METADATA,
    sa.Column("consumer", sa.String(200), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

REQUEST: Final = sa.Table(
    "oncemq_request",
    METADATA,
    sa.Column("app", sa.String(100), primary_key=True),
    sa.Column("client", sa.String(200), primary_key=True),
    sa.Column("request_key", sa.String(200), primary_key=True),
    sa.Column("body_sha256", sa.String(64), nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

SCHEMA: Final = sa.Table("oncemq_schema", METADATA, sa.Column("version", sa.Integer, primary_key=True))

MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (
    lambda connection: METADATA.create_all(connection, tables=[INBOX, OUTBOX, FENCE, REQUEST]),
)


class SchemaIsNewer(Exception):
    """The tables were made by a later version of the library."""


def is_current(connection: Connection) -> bool:
    """Whether there is nothing to migrate."""
    if not sa.inspect(connection).has_table(SCHEMA.name):
        return False
    return bool(connection.scalar(sa.select(sa.func.max(SCHEMA.c.version))) == len(MIGRATIONS))


def migrate(connection: Connection) -> None:
    """Bring the tables to this version, in the connection's transaction."""
    SCHEMA.create(connection, checkfirst=True)
    version = connection.scalar(sa.select(sa.func.max(SCHEMA.c.version))) or 0
    if version > len(MIGRATIONS):
        raise SchemaIsNewer(f"the tables are of version {version}, this library knows {len(MIGRATIONS)}")
    for number, change in enumerate(MIGRATIONS[version:], version + 1):
        change(connection)
        connection.execute(sa.insert(SCHEMA).values(version=number))
