"""A database from its URL."""

from sqlalchemy.engine import make_url

from oncemq.worker.databases.database import Database
from oncemq.worker.databases.sqlite import Sqlite


class UnknownDatabase(Exception):
    """The URL's scheme names none that the library knows."""


def open_database(url: str) -> Database:
    """`sqlite:///orders.db` (relative), `sqlite:////var/lib/orders.db`, `postgresql://user:password@host:5432/name`.

    A driver is imported when its database is asked for: it is an extra of its own.
    """
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return Sqlite(parsed)
    if kind == "postgresql":
        from oncemq.worker.databases.postgres import Postgres

        return Postgres(parsed)
    raise UnknownDatabase(f"{parsed.drivername}: there are sqlite, postgresql")
