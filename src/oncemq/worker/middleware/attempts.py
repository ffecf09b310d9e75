"""Attempts and backoff: a failed message comes again after a delay with jitter, until its attempts are used up."""

import random

from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import Again, Dead, Decision, Misuse, Reject, Retry
from oncemq.worker.work import Work


class Attempts(Middleware):
    """The last word on every failure."""

    def __init__(self, jitter: float = 0.2) -> None:
        self._jitter = jitter
        """A delay is changed by up to this share of it, either way, so that what failed together does not return
        together."""

    def failed(self, work: Work, error: BaseException) -> Decision | None:
        if isinstance(error, Reject):
            return Dead(str(error) or "rejected", error)
        if isinstance(error, Misuse):
            return Dead(str(error), error)
        if work.attempt >= work.consumer.retry.attempts:
            return Dead(f"failed {work.attempt} times", error)
        if isinstance(error, Retry) and error.after_s is not None:
            return Again(error.after_s, error)
        delay_s = work.consumer.retry.delay_s(work.attempt)
        return Again(delay_s * random.uniform(1 - self._jitter, 1 + self._jitter), error)
