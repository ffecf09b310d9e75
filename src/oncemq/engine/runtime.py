"""What the engine needs of the world around it: time, threads and the end of the process.

The server gives it asyncio's (`net/runtime.py`), the simulation a seeded one (`tests/simulate/runtime.py`).
"""

from collections.abc import Callable
from typing import Any, Protocol

Done = Callable[[Any, BaseException | None], None]
"""Called on the loop with a job's result, or with what it raised."""


class Runtime(Protocol):
    """Jobs of one line run one after another, off the loop; callbacks run on the loop."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 that never fall and do not follow steps of the wall clock."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run `callback` after what the loop is doing now."""

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> Any:
        """Run `callback` at a time; returns what `cancel` takes."""

    def cancel(self, timer: Any) -> None:
        """Take back a `call_at`."""

    def write(self, job: Callable[[], Any], done: Done) -> None:
        """Run a job of the journal's writer."""

    def read(self, job: Callable[[], Any], done: Done) -> None:
        """Run a job that reads stored contents."""

    def background(self, job: Callable[[], Any], done: Done) -> None:
        """Run a job that nobody waits for: checkpoints, deleting segments."""

    def fail_stop(self, error: BaseException) -> None:
        """End the process now: what is in memory may not be what is on disk."""
