"""The time limit of handlers.

An async handler is cancelled at its limit. A sync one cannot be ended from outside: it costs its process, and so
does an
async one that does not let itself be cancelled. `overdue` is asked by the broker's thread, where handlers never run.
"""

import time
from typing import Final

from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.work import Work

GRACE_S: Final = 1.0
"""What an async handler has to be gone after its cancellation."""


class TimeLimit(Middleware):
    """Knows since when each handler of this process runs."""

    def __init__(self) -> None:
        self._ends: dict[Work, float] = {}

    def before(self, work: Work) -> None:
        grace_s = GRACE_S if work.consumer.is_async else 0.0
        self._ends[work] = time.monotonic() + work.consumer.time_limit_s + grace_s

    def after(self, work: Work) -> None:
        self._ends.pop(work, None)

    def overdue(self) -> Work | None:
        """A message whose handler is over its limit. Any thread may ask."""
        now = time.monotonic()
        return next((work for work, end in list(self._ends.items()) if end < now), None)
