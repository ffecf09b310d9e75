"""The disciplines of a queue: which ready entry is handed out next.

An order is derived from the blocks, apart from what its `remembered` says: the queue tells it of every change of an
entry, and asks it with `peek`. It never changes an entry itself.
"""

from typing import Protocol


class Order(Protocol):
    """What a queue asks of its discipline. An entry's state in its block is changed before the order is told."""

    def ready(self, entry: int) -> None:
        """The entry is ready: new, or given back."""

    def ready_run(self, first: int, count: int) -> None:
        """A run of new entries without a group is ready."""

    def held(self, entry: int) -> None:
        """The entry is leased or delayed: new, or no longer ready."""

    def gone(self, entry: int) -> None:
        """The entry has left the queue."""

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        """Up to `maximum` entries to hand out next, in order. May be fewer than are ready; none only if none may go."""
