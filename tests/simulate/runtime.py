"""The engine's Runtime on a seeded clock: what runs next, and between which operations of the disk, is for the dice.

Callbacks of the loop run in their order; finished jobs and timers come in between at any moment. A job of one line may
run between two operations of a job of another line, so that a crash can find several half done.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from oncemq.engine.runtime import Done
from tests.simulate.disk import Crashed

BETWEEN_OPERATIONS = frozenset({"write", "sync", "sync_folder", "rename", "remove", "create"})
"""Operations before which another line may get its turn (no lock of the journal is held there)."""
NESTED_SHARE = 0.15


class FailStop(BaseException):
    """The process has ended itself. No Exception: nothing in the code under test may catch it."""


class Line:
    """Jobs that run one after another, as a thread would run them."""

    def __init__(self, name: str, weight: int) -> None:
        self.name = name
        self.weight = weight
        """How fast it is, against the others."""
        self.jobs: deque[tuple[Callable[[], Any], Done]] = deque()
        self.finished: deque[tuple[Done, Any, BaseException | None]] = deque()
        self.busy = False

    def run(self, job: Callable[[], Any], done: Done) -> None:
        self.jobs.append((job, done))

    def do_next(self) -> None:
        """Run the job that has waited longest; its `done` is called later."""
        job, done = self.jobs.popleft()
        result, error = None, None
        self.busy = True
        try:
            result = job()
        except Exception as raised:
            error = raised
        self.busy = False
        self.finished.append((done, result, error))

    def tell_next(self) -> None:
        """Call the `done` of the job that finished first."""
        done, result, error = self.finished.popleft()
        done(result, error)


class SeededRuntime:
    """A Runtime. `step` does one thing of those that can happen now."""

    def __init__(self, dice: random.Random, now_ms: int) -> None:
        self.dice = dice
        self.clock_ms = now_ms
        self.lines = {name: Line(name, dice.choice((1, 2, 6))) for name in ("write", "read", "background")}
        self.write, self.read = self._write, self.lines["read"].run
        self.background = self.lines["background"].run
        self.running: list[str] = []
        """Lines whose jobs are between two operations now, the innermost last."""
        self._gathering_since_ms: int | None = None
        self._soon: deque[Callable[[], None]] = deque()
        self._timers: dict[int, tuple[int, Callable[[], None]]] = {}
        self._timers_made = 0

    # As the engine sees it.

    def now_ms(self) -> int:
        return self.clock_ms

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> int:
        self._timers_made += 1
        self._timers[self._timers_made] = (due_ms, callback)
        return self._timers_made

    def cancel(self, timer: int) -> None:
        self._timers.pop(timer, None)

    def fail_stop(self, error: BaseException) -> None:
        raise error if isinstance(error, Crashed) else FailStop from error

    def _write(self, job: Callable[[], Any], done: Done) -> None:
        self._gathering_since_ms = self.clock_ms
        self.lines["write"].run(job, done)

    # As the test sees it.

    @property
    def decided_since_ms(self) -> int:
        """What is submitted now is decided at this time or later: a batch gathers from when the one before closed."""
        line = self.lines["write"]
        writing = line.jobs or line.busy or line.finished
        return self._gathering_since_ms if writing and self._gathering_since_ms is not None else self.clock_ms

    @property
    def idle(self) -> bool:
        """Nothing but time would change anything."""
        return not (self._soon or any(line.jobs or line.finished or line.busy for line in self.lines.values()))

    def step(self) -> bool:
        """One callback, job or timer; False: there is none before the clock moves."""
        possible: list[Callable[[], None]] = []
        if self._soon:
            possible += [self._run_soon] * 4
        for line in self.lines.values():
            if line.jobs and not line.busy:
                possible += [lambda line=line: self._run_job(line)] * line.weight  # type: ignore[misc]
            if line.finished:
                possible += [line.tell_next] * 2
        if not possible or self.dice.random() < 0.1:
            possible += [lambda number=number: self._run_timer(number) for number in self._due()]  # type: ignore[misc]
        if not possible:
            return False
        self.dice.choice(possible)()
        return True

    def advance(self, by_ms: int) -> None:
        """Let time pass; not while the loop is busy."""
        if not self._soon:
            self.clock_ms += by_ms

    def next_timer_ms(self) -> int | None:
        """When the next timer is due."""
        return min((due_ms for due_ms, _ in self._timers.values()), default=None)

    def between_operations(self, operation: str) -> None:
        """Before an operation of the disk: now and then the job of another line runs here."""
        if self.running and operation in BETWEEN_OPERATIONS and self.dice.random() < NESTED_SHARE:
            waiting = [line for line in self.lines.values() if line.jobs and not line.busy]
            if waiting:
                self._run_job(self.dice.choice(waiting))

    def _run_job(self, line: Line) -> None:
        self.running.append(line.name)
        line.do_next()
        self.running.pop()

    def _run_soon(self) -> None:
        self._soon.popleft()()

    def _due(self) -> list[int]:
        return [number for number, (due_ms, _) in self._timers.items() if due_ms <= self.clock_ms]

    def _run_timer(self, number: int) -> None:
        _, callback = self._timers.pop(number)
        callback()
