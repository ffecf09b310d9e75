"""The random walk over a fair queue, with limits small enough to reach: noisy from 3 in flight and more than 30 %."""

from __future__ import annotations

from tests.core.queue_machine import RETENTION_MS, VISIBILITY_MS, QueueMachine
from tests.core.reference import ReferenceFair, ReferenceQueue

MINIMUM = 3
PERCENT = 30


class FairMachine(QueueMachine):
    """A standard queue with groups, and messages of none."""

    groups = ["a", "a", "b", "c", None]  # noqa: RUF012 - hypothesis makes one machine at a time

    def reference(self, name: str) -> ReferenceQueue:
        return ReferenceFair(name, VISIBILITY_MS, RETENTION_MS, minimum=MINIMUM, percent=PERCENT)
