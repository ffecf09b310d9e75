"""The relay: publishes outbox rows and takes them away when the broker has confirmed them.

One a database and application, by a lock that ends with its holder; whoever runs one tries again now and then. It reads
rows that are there, never those after the last one it saw, since a row with a lower position may commit later. Rows
of one
ordering key go one confirm after another; a row that is refused stays, is tried again later and again, and holds
only what has its key.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.engine import Engine
from structlog import get_logger

from oncemq.worker import outbox
from oncemq.worker.brokers.link import Confirmed, Published
from oncemq.worker.databases.database import Database
from oncemq.worker.message import Outgoing
from oncemq.worker.outbox import Unsent
from oncemq.worker.steps import reach

BATCH_MAX: Final = 500
IDLE_S: Final = 0.2
"""How soon rows of other processes are seen; those of this one are told."""
LOCK_S: Final = 1.0
AWAY_S: Final = 0.5

Publish = Callable[[Sequence[Outgoing]], list[Published]]


class Relay:
    """A thread."""

    def __init__(self, app: str, database: Database, engine: Engine, publish: Publish) -> None:
        self._app = app
        self._database = database
        self._engine = engine
        self._publish = publish
        self._told = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="oncemq-relay", daemon=True)
        self._log = get_logger("oncemq.worker")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def tell(self) -> None:
        """A transaction with outbox rows was committed, perhaps."""
        self._told.set()

    def close(self, timeout_s: float) -> None:
        """After what it has in hand."""
        self._is_closing = True
        self._told.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._is_closing:
            try:
                with self._database.relay_lock(self._app) as holds:
                    while holds is not None and not self._is_closing and holds():
                        self._turn()
            except Exception as error:  # the lock's database is away
                self._log.warning("relay.away", error=f"{type(error).__name__}: {error}")
            self._wait(LOCK_S)

    def _turn(self) -> None:
        try:
            published = self.publish_once()
        except Exception as error:  # broker or database away: the rows stay
            self._log.warning("relay.away", error=f"{type(error).__name__}: {error}")
            time.sleep(AWAY_S)
            return
        if not published:
            self._wait(IDLE_S)

    def _wait(self, seconds: float) -> None:
        if not self._is_closing:
            self._told.wait(seconds)
        self._told.clear()

    def publish_once(self) -> int:
        """Publish what is there now. How many were confirmed. Raises what broker and database raise."""
        with self._database.reading(self._engine) as connection:
            rows = outbox.unsent(connection, self._app, BATCH_MAX)
        confirmed = 0
        while rows:
            first, rows = _first_of_each_key(rows)
            stuck = self._publish_rows(first)
            confirmed += len(first) - len(stuck)
            rows = [row for row in rows if _key(row) not in stuck]
        return confirmed

    def _publish_rows(self, rows: Sequence[Unsent]) -> set[str]:
        """Keys of those that the broker did not take."""
        reach("before-publish")
        answers = self._publish([row.message for row in rows])
        reach("after-confirm")
        stuck = set()
        with self._database.transaction(self._engine) as connection:
            taken = [row for row, answer in zip(rows, answers, strict=True) if isinstance(answer, Confirmed)]
            outbox.confirmed(connection, taken)
            for row, answer in zip(rows, answers, strict=True):
                if not isinstance(answer, Confirmed):
                    stuck.add(_key(row))
                    outbox.refused(connection, row, answer.reason)
                    self._log.error(
                        "outbox.refused", queue=row.message.queue, id=row.message.message_id, reason=answer.reason
                    )
        reach("after-mark")
        return stuck


def _key(row: Unsent) -> str:
    """Copies of one message are never under way together either: a returned one is known by its message id."""
    return f"key {row.message.ordering_key}" if row.message.ordering_key else f"id {row.message.message_id}"


def _first_of_each_key(rows: Sequence[Unsent]) -> tuple[list[Unsent], list[Unsent]]:
    first: dict[str, Unsent] = {}
    later = [row for row in rows if first.setdefault(_key(row), row) is not row]
    return list(first.values()), later
