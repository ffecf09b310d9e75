"""`oncemq worker --workers N`: processes that are started again when they end, and killed when silent for a lease.

A process that is silent for so long has lost its messages to another one. If it sleeps in a transaction on SQLite, it
holds the only write lock, and everybody waits for it: SIGKILL frees the lock, and what it had not committed is undone.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from structlog import get_logger

from oncemq.worker.heartbeat import READY, VARIABLE

START_S: Final = 60.0
"""Until its first sign a process is starting, and not silent."""
SILENT_MIN_S: Final = 1.0
"""The broker's thread gives a sign every quarter of a second; a busy machine may hold it up."""
RESTART_FIRST_S: Final = 0.1
RESTART_LIMIT_S: Final = 10.0
STABLE_S: Final = 30.0
"""A process that lived so long is started again at once."""
POLL_S: Final = 0.1
STOP_S: Final = 45.0


@dataclass
class _Child:
    """One place for a process, and who holds it now."""

    number: int
    process: "subprocess.Popen[bytes] | None" = None
    pipe: int = -1
    heard_s: float = 0.0
    started_s: float = 0.0
    is_alive: bool = False
    """It gave a sign."""
    is_ready: bool = False
    start_at_s: float = 0.0
    delay_s: float = field(default=RESTART_FIRST_S)


class Supervisor:
    """Runs `command` so many times, until `stopping` says so."""

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        lease_s: float,
        stopping: Callable[[], bool],
        ready: Callable[[], None],
    ) -> None:
        self._command = list(command)
        self._silent_s = max(SILENT_MIN_S, lease_s)
        self._stopping = stopping
        self._ready = ready
        self._was_ready = False
        self._children = [_Child(number) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        self._log = get_logger("oncemq.supervisor")

    def run(self) -> None:
        """Until `stopping`; then every process is told to end in good order, and waited for."""
        while not self._stopping():
            for child in self._children:
                self._look_after(child)
            self._listen()
        self._stop()

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at_s:
                self._start(child)
            return
        status = child.process.poll()
        if status is not None:
            self._ended(child, status)
        elif now - child.heard_s > (self._silent_s if child.is_alive else START_S):
            self._log.error("worker.silent", process=child.process.pid, for_s=round(now - child.heard_s, 2))
            child.process.kill()
            self._ended(child, child.process.wait())

    def _start(self, child: _Child) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        environment = os.environ | {VARIABLE: str(writing)}
        child.process = subprocess.Popen(self._command, pass_fds=(writing,), env=environment)
        os.close(writing)
        child.pipe = reading
        child.started_s = child.heard_s = time.monotonic()
        child.is_alive = child.is_ready = False
        self._selector.register(reading, selectors.EVENT_READ, child)
        self._log.info("worker.started", process=child.process.pid, number=child.number)

    def _ended(self, child: _Child, status: int) -> None:
        assert child.process is not None
        lived_s = time.monotonic() - child.started_s
        child.delay_s = RESTART_FIRST_S if lived_s >= STABLE_S else min(RESTART_LIMIT_S, child.delay_s * 2)
        child.start_at_s = time.monotonic() + child.delay_s
        self._log.warning(
            "worker.ended",
            process=child.process.pid,
            status=status,
            lived_s=round(lived_s, 1),
            again_in_s=child.delay_s,
        )
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        child.process = None

    def _listen(self) -> None:
        """For the signs of all of them."""
        for key, _ in self._selector.select(POLL_S):
            child: _Child = key.data
            signs = os.read(child.pipe, 4096)
            if signs:
                child.heard_s, child.is_alive = time.monotonic(), True
                child.is_ready = child.is_ready or READY in signs
            elif child.process is not None:  # it closed its end: it is about to be gone
                time.sleep(0.01)
        if not self._was_ready and all(child.is_ready for child in self._children):
            self._was_ready = True
            self._ready()

    def _stop(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_S
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
