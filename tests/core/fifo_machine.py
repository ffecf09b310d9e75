"""The random walk over a FIFO queue."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from oncemq.core.order.fifo import Fifo
from oncemq.core.outputs import Received
from oncemq.core.refusals import DelayNotForFifo
from tests.core.driver import message
from tests.core.queue_machine import RETENTION_MS, UNIT_MS, VISIBILITY_MS, QueueMachine, delays, maxima, times
from tests.core.reference import ReferenceFifo, ReferenceQueue

WINDOW_MS = 40_000


class FifoMachine(QueueMachine):
    """With few groups and few deduplication ids, so that they meet again."""

    kind = "fifo"
    groups = ["a", "b", "c"]  # noqa: RUF012 - hypothesis makes one machine at a time

    def __init__(self) -> None:
        super().__init__()
        self.group_of: dict[str, str] = {}
        self.turn_before: dict[str, list[str]] = {"q": [], "dead": []}
        self.answered_before = 0
        self.first: dict[tuple[str | None, bytes], tuple[int, int]] = {}
        """(group, deduplication id) → when it was first used, and for which message."""

    def reference(self, name: str) -> ReferenceQueue:
        queue = ReferenceFifo(name, VISIBILITY_MS, RETENTION_MS)
        queue.core_turn = lambda: self.core_turn(name)
        return queue

    def core_turn(self, name: str) -> list[str]:
        """The core's turn as it was before the last command, then whom it served since, then as it is now."""
        if name != "q":
            return self.turn_before["dead"]
        answers = list(self.driver.answers.values())[self.answered_before :]
        received = [each for answer in answers if isinstance(answer, Received) for each in answer.messages]
        served = [self.group_of[self.driver.body(each)] for each in received]
        return [*self.turn_before["q"], *served, *self.available("q")]

    def available(self, name: str) -> list[str]:
        queue = self.driver.queue(name)
        assert isinstance(queue.order, Fifo)
        return [queue.group_names[number] for number in queue.order.available]

    def step(self) -> None:
        super().step()
        self.turn_before = {name: self.available(name) for name in ("q", "dead")}
        self.answered_before = len(self.driver.answers)

    @initialize(
        by_group=st.booleans(),
        with_attempts=st.booleans(),
        maximum_receives=st.sampled_from([0, 1, 3]),
        delay_ms=delays,
    )
    def create(self, maximum_receives: int, delay_ms: int, by_group: bool, with_attempts: bool) -> None:
        self.by_group, self.with_attempts = by_group, with_attempts
        self.settings |= {"deduplicates_by_group": by_group, "deduplication_window_ms": WINDOW_MS}
        self.make_queues(maximum_receives, delay_ms)

    @rule(count=st.integers(1, 3), data=st.data())
    def send(self, count: int, data: st.DataObject) -> None:
        for _ in range(count):
            group = data.draw(st.sampled_from(["a", "b", "c"]))
            identity = data.draw(st.one_of(st.none(), st.sampled_from([b"1", b"2", b"3"])))
            self.send_one(group, identity or b"new" + self.new_body().encode())
            self.settle()

    def send_one(self, group: str, identity: bytes) -> None:
        body, now_ms = self.new_body(), self.driver.now_ms
        number = self.driver.send("q", body, group=group, deduplication=identity)
        key = (group if self.by_group else None, identity)
        used_ms, first = self.first.get(key, (0, 0))
        if now_ms < used_ms + WINDOW_MS:
            assert number == first, "a duplicate within the window"
        elif now_ms >= used_ms + WINDOW_MS * 1.1:
            assert number != first, "the window is over"
        if number != first:
            self.group_of[body] = group
            self.first[key] = (now_ms, number)
            self.model.send(body, now_ms, None, group)
            self.model.settle()

    @rule(maximum=maxima, visibility_ms=times, attempt=st.sampled_from([b"a", b"b", b"c"]))
    def receive_with_attempt(self, maximum: int, visibility_ms: int, attempt: bytes) -> None:
        if not self.with_attempts:
            return
        assert isinstance(self.model, ReferenceFifo)
        expected = self.model.take_attempt(maximum, visibility_ms, self.driver.now_ms, attempt)
        received = self.driver.receive("q", maximum, visibility_ms, attempt)
        again = [(lease, each, handle) for name, given in self.given for lease, each, handle in given if name == "q"]
        handles = {(id(each), handle): lease for lease, each, handle in again}
        for one, (each, handle) in zip(received, expected, strict=True):
            assert handles.get((id(each), handle), one.lease) == one.lease, "the same handle again"
        self.same("q", received, expected)
        self.last_token = max([self.last_token, *(each.lease.token for each in received)])
        self.settle()

    @rule()
    def a_delay_of_its_own_is_refused(self) -> None:
        delayed = message(group="a", deduplication=b"delayed", delay_ms=UNIT_MS)
        assert self.driver.send_all("q", [delayed]) == [DelayNotForFifo(UNIT_MS)]

    def purged(self) -> None:
        self.first.clear()
        assert isinstance(self.model, ReferenceFifo)
        self.model.attempts.clear()
