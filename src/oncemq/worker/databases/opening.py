"""A database from its URL."""

from sqlalchemy.engine import make_url

from oncemq.worker.databases.database import Database
from oncemq.worker.databases.sqlite import Sqlite


class UnknownDatabase(Exception):
    """The URL's scheme names none that the library knows."""


def open_database(url: str) -> Database:
    """`sqlite:///orders.db` (relative) or `sqlite:////var/lib/orders.db`."""
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return Sqlite(parsed)
    raise UnknownDatabase(f"{parsed.drivername}: there is sqlite")
