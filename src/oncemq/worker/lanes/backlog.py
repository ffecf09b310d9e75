"""Deliveries that wait in this process for a lane."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from oncemq.worker.work import Work


class Backlog:
    """In order of arrival. Its length is bounded by the consumers' prefetch."""

    def __init__(self, group_max: int) -> None:
        self._group_max = group_max
        self._waiting: deque[Work] = deque()
        self._changed = threading.Condition()
        self._is_open = True
        self.on_offer: Callable[[], None] = lambda: None
        """Called after each offer, on the thread that offers."""

    def offer(self, work: Work) -> bool:
        """False: nothing is taken any more."""
        with self._changed:
            if not self._is_open:
                return False
            self._waiting.append(work)
            self._changed.notify()
        self.on_offer()
        return True

    def put_back(self, works: Sequence[Work]) -> bool:
        """First in line again. False: nothing is taken any more."""
        with self._changed:
            if self._is_open:
                self._waiting.extendleft(reversed(works))
                self._changed.notify()
            return self._is_open

    def take(self) -> list[Work]:
        """The next group, when there is one. Empty: it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            return self._group()

    def take_now(self) -> list[Work]:
        """The next group, or nothing."""
        with self._changed:
            return self._group()

    def empty(self, link: object | None = None) -> list[Work]:
        """Take out everything, or what came by one connection."""
        with self._changed:
            out = [work for work in self._waiting if link is None or work.delivery.link is link]
            kept = [work for work in self._waiting if not (link is None or work.delivery.link is link)]
            self._waiting = deque(kept)
            return out

    def close(self) -> list[Work]:
        """Take no more. What was waiting."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        return self.empty()

    @property
    def is_open(self) -> bool:
        """Whether it takes more."""
        return self._is_open

    def _group(self) -> list[Work]:
        """A suspect is a group of its own; messages for a batch handler are one, of that handler alone."""
        group: list[Work] = []
        while self._waiting and self._joins(group, self._waiting[0]):
            group.append(self._waiting.popleft())
        return group

    def _joins(self, group: list[Work], work: Work) -> bool:
        if not group:
            return True
        first = group[0]
        if first.delivery.redelivered or work.delivery.redelivered:
            return False
        if first.consumer.is_batch or work.consumer.is_batch:
            return work.consumer is first.consumer and len(group) < first.consumer.batch_max
        return len(group) < self._group_max
