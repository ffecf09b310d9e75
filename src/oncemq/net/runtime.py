"""The engine's Runtime over asyncio: one thread writes, one reads contents, one does what nobody waits for."""

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from structlog import get_logger

from oncemq.clock import Clock
from oncemq.engine.runtime import Done

FAIL_STOP_STATUS = 70


class Line:
    """A thread that runs jobs one after another. Leaner than an executor: one call to the loop a job."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, job: Callable[[], Any], done: Done) -> None:
        """Run `job` when those before it have run."""
        self._jobs.put((job, done))

    def end(self) -> None:
        """Run what is waiting, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            result: Any = None
            error: BaseException | None = None
            try:
                result = job()
            except BaseException as raised:
                error = raised
            try:
                self._loop.call_soon_threadsafe(done, result, error)
            except RuntimeError:  # the loop is closed: nobody is left to be told
                return


class AsyncioRuntime:
    """A Runtime for the running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._lines = [Line(loop, name) for name in ("journal-writer", "content-reader", "background")]
        self.write, self.read, self.background = (line.run for line in self._lines)
        self.now_ms = clock.now_ms
        self.call_soon: Callable[[Callable[[], None]], Any] = loop.call_soon

    def call_at(self, due_ms: int, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Run `callback` at a time."""
        return self._loop.call_later(max(0, due_ms - self._clock.now_ms()) / 1000, callback)

    def cancel(self, timer: asyncio.TimerHandle) -> None:
        """Take back a `call_at`."""
        timer.cancel()

    def fail_stop(self, error: BaseException) -> None:
        """End the process without another word to anybody but the log."""
        get_logger().critical("server.fail_stop", error=repr(error), exc_info=error)
        os._exit(FAIL_STOP_STATUS)

    async def end(self) -> None:
        """End the threads, in order."""
        for line in self._lines:
            await asyncio.get_running_loop().run_in_executor(None, partial(line.end))
