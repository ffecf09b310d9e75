"""Time for the core: never falls, not even over a restart, and does not follow steps of the wall clock.

It starts at the later of the wall clock and the journal's last time, and advances by the boot-time clock, which
goes on while the machine sleeps.
"""

import time

from structlog import get_logger

BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
STEP_MS = 1_000
"""A difference to the wall clock that is worth a line in the log."""


class Clock:
    """Milliseconds since 1970."""

    def __init__(self, journal_ms: int = 0) -> None:
        wall_ms = time.time_ns() // 1_000_000
        if journal_ms > wall_ms + STEP_MS:
            get_logger().warning("clock.behind_journal", behind_ms=journal_ms - wall_ms)
        self._offset_ns = max(wall_ms, journal_ms) * 1_000_000 - time.clock_gettime_ns(BOOT_CLOCK)
        self._step_ms = 0

    def now_ms(self) -> int:
        """The present time."""
        return (time.clock_gettime_ns(BOOT_CLOCK) + self._offset_ns) // 1_000_000

    def log_step(self) -> None:
        """Say in the log if the wall clock was stepped since the last call. Called now and then."""
        step_ms = time.time_ns() // 1_000_000 - self.now_ms()
        if abs(step_ms - self._step_ms) > STEP_MS:
            get_logger().warning("clock.stepped", by_ms=step_ms - self._step_ms, followed=False)
            self._step_ms = step_ms
