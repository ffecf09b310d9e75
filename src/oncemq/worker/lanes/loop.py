"""Async handlers: tasks on an event loop that has a thread of its own.

The library's SQL runs there in SQLAlchemy's greenlet: `greenlet_spawn` around each step of `Handling.run`, and
between the steps the handler is awaited as it is.
"""

import asyncio
import threading
from collections.abc import Callable

from sqlalchemy.util import await_only, greenlet_spawn

from oncemq.worker.context import CURRENT
from oncemq.worker.handling import Call, Handled, Steps
from oncemq.worker.lanes.lane import Lane
from oncemq.worker.outcomes import TimeLimitExceeded
from oncemq.worker.work import Work


class HandlerLoop:
    """An event loop on a thread, for all async lanes of a process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="oncemq-handler-loop", daemon=True)

    def start(self) -> None:
        """Run it."""
        self._thread.start()

    def stop(self) -> None:
        """End it, with what still runs there."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)


class LoopLane(Lane):
    """As many tasks as the lane was given."""

    def __init__(self, loop: HandlerLoop, tasks: int, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._loop = loop.loop
        self._tasks = tasks
        self._ready = asyncio.Event()
        self._over = threading.Event()

    def start(self) -> None:
        self.backlog.on_offer = self._wake
        asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    def join(self, timeout_s: float) -> bool:
        self._wake()
        return self._over.wait(timeout_s)

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._ready.set)

    async def _run(self) -> None:
        await asyncio.gather(*[self._take() for _ in range(self._tasks)])
        self._over.set()

    async def _take(self) -> None:
        while self.backlog.is_open:
            group = self.backlog.take_now()
            if group:
                await self._group(group)
            else:
                self._ready.clear()
                await self._ready.wait()

    async def _group(self, group: list[Work]) -> None:
        is_alone = group[0].delivery.redelivered
        if is_alone:
            await asyncio.to_thread(self.gate.enter_alone)
        elif not self.gate.try_enter():
            await asyncio.to_thread(self.gate.enter)
        try:
            handled = await drive(self.process(group))
        except Exception as error:
            self.failed(group, error)
        else:
            self.settle(group, handled)
        finally:
            (self.gate.leave_alone if is_alone else self.gate.leave)()


def wait_elsewhere(blocking: Callable[[], None]) -> None:
    """The `Wait` of an event loop: something that blocks, on another thread."""
    await_only(asyncio.to_thread(blocking))


async def drive(steps: Steps) -> Handled:
    """Run them, and await the handlers that they call."""
    call = await greenlet_spawn(_advance, steps, None)
    while isinstance(call, Call):
        try:
            await _call(call)
        except Exception as error:
            call = await greenlet_spawn(_advance, steps, error)
        else:
            call = await greenlet_spawn(_advance, steps, None)
    return call


def _advance(steps: Steps, error: Exception | None) -> Call | Handled:
    try:
        return next(steps) if error is None else steps.throw(error)
    except StopIteration as stop:
        handled: Handled = stop.value
        return handled


async def _call(call: Call) -> None:
    consumer = call.consumer
    token = CURRENT.set(call.context)
    try:
        async with asyncio.timeout(consumer.time_limit_s) as limit:
            await consumer.function(call.body, **consumer.arguments(call.session, call.context))
    except TimeoutError as error:
        if limit.expired():
            raise TimeLimitExceeded(f"the handler ran longer than {consumer.time_limit_s} s") from error
        raise
    finally:
        CURRENT.reset(token)
