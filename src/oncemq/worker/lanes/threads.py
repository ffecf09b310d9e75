"""Sync handlers: threads that each have one transaction at a time."""

import threading
import time

from oncemq.worker.context import CURRENT
from oncemq.worker.handling import Call, Handled, Steps
from oncemq.worker.lanes.lane import Lane
from oncemq.worker.outcomes import WorkerError
from oncemq.worker.work import Work


class HandlerEnded(WorkerError):
    """A handler raised what would end its thread: SystemExit, KeyboardInterrupt."""


class ThreadLane(Lane):
    """One thread."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="oncemq-handlers", daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while self.backlog.is_open:
            group = self.backlog.take()
            if group:
                self._group(group)

    def _group(self, group: list[Work]) -> None:
        is_alone = group[0].delivery.redelivered
        enter, leave = (
            (self.gate.enter_alone, self.gate.leave_alone) if is_alone else (self.gate.enter, self.gate.leave)
        )
        enter()
        try:
            handled = drive(self.process(group))
        except Exception as error:
            self.failed(group, error)
        else:
            self.settle(group, handled)
        finally:
            leave()


def drive(steps: Steps) -> Handled:
    """Run them, and the handlers that they call, on this thread."""
    try:
        call = next(steps)
        while True:
            try:
                _call(call)
            except Exception as error:
                call = steps.throw(error)
            else:
                call = steps.send(None)
    except StopIteration as stop:
        handled: Handled = stop.value
        return handled


def _call(call: Call) -> None:
    consumer = call.consumer
    token = CURRENT.set(call.context)
    try:
        consumer.function(call.body, **consumer.arguments(call.session, call.context))
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        raise HandlerEnded(repr(error)) from error
    finally:
        CURRENT.reset(token)


def join_all(lanes: list[Lane], timeout_s: float) -> bool:
    """Wait for all. False: some still run."""
    until = time.monotonic() + timeout_s
    joined = [lane.join(max(0.0, until - time.monotonic())) for lane in lanes]
    return all(joined)
