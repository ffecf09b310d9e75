"""Asks the core and a reference queue the same things, at random, and compares every answer.

Times are chosen so that no two kinds of things fall due together, where the facts do not say which is first: leases
and delays end at multiples of 64 ms, waits 16 ms after such, retention 32 ms after.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oncemq.core import commands
from oncemq.core.commands import Lease
from oncemq.core.outputs import Received, ReceivedMessage
from oncemq.core.refusals import PurgeInProgress, QueueDoesNotExist, Refusal
from tests.core.driver import Driver, message
from tests.core.reference import Message, ReferenceQueue, Waiting

UNIT_MS = 64
RETENTION_MS = 200_000 // UNIT_MS * UNIT_MS + 32
VISIBILITY_MS = 30_016
times = st.sampled_from([0, UNIT_MS, 10 * UNIT_MS, 1_000 * UNIT_MS])
maxima = st.integers(1, 10)
delays = st.sampled_from([0, 0, 10 * UNIT_MS])
picks = st.integers(0, 1_000)
GROUPS: list[str | None] = [None]

Given = tuple[Lease, Message, int]
"""A handle as it was given: the core's, and the reference's message and handle."""


def name_of(refusal: Refusal | None) -> str | None:
    return None if refusal is None else type(refusal).__name__


class QueueMachine(RuleBasedStateMachine):
    """What all kinds of queues have in common. The queue is `q`, its dead-letter queue `dead`."""

    kind = "standard"
    groups: list[str | None] = GROUPS

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver()
        self.dead = self.reference("dead")
        self.model = self.reference("q")
        self.given: list[tuple[str, list[Given]]] = []
        """Every answer with messages: the queue, and the handles."""
        self.askers: list[int] = []
        self.purged_ms: int | None = None
        self.with_attempts = False
        """Answers to attempt ids are never taken back: Received.returned_if_unwritten."""
        self.sent = 0
        self.last_token = 0
        self.settings: dict[str, Any] = {
            "kind": self.kind,
            "visibility_timeout_ms": VISIBILITY_MS,
            "retention_ms": RETENTION_MS,
        }

    def reference(self, name: str) -> ReferenceQueue:
        return ReferenceQueue(name, VISIBILITY_MS, RETENTION_MS)

    @initialize(maximum_receives=st.sampled_from([0, 1, 3]), delay_ms=delays)
    def create(self, maximum_receives: int, delay_ms: int) -> None:
        self.make_queues(maximum_receives, delay_ms)

    def make_queues(self, maximum_receives: int, delay_ms: int) -> None:
        self.driver.create("dead", **self.settings)
        self.settings["delay_ms"] = self.model.delay_ms = delay_ms
        if maximum_receives:
            self.settings |= {"dead_letter_queue": "dead", "maximum_receives": maximum_receives}
            self.model.dead, self.model.maximum_receives = self.dead, maximum_receives
        self.driver.create("q", **self.settings)

    # Asking -----------------------------------------------------------------------------------------------------

    def of(self, name: str) -> ReferenceQueue:
        return self.model if name == "q" else self.dead

    def settle(self) -> None:
        """Who waits is served, and what is due at once happens."""
        self.model.serve(self.driver.now_ms)
        self.step()

    def step(self) -> None:
        """It is the time that it is, for both; answers to those who waited are compared."""
        self.driver.tick()
        self.model.due(self.driver.now_ms)
        self.dead.due(self.driver.now_ms)
        for asker in list(self.askers):
            answer, expected = self.driver.answers.get(asker), self.model.answered.get(asker)
            assert (answer is None) == (expected is None)
            if expected is not None:
                assert isinstance(answer, Received)
                self.same("q", answer.messages, expected)
                self.askers.remove(asker)

    def same(self, name: str, received: list[ReceivedMessage], expected: list[tuple[Message, int]]) -> None:
        """The core's answer is that of the reference."""
        seen = [(self.driver.body(r), r.deliveries, r.sent_ms, r.first_delivery_ms, r.source) for r in received]
        assert seen == [each.seen() for each, _ in expected]
        given = [(r.lease, each, handle) for r, (each, handle) in zip(received, expected, strict=True)]
        if given:
            self.given.append((name, given))

    def new_body(self) -> str:
        self.sent += 1
        return str(self.sent)

    @rule(count=st.integers(1, 4), delay_ms=st.one_of(st.none(), times), data=st.data())
    def send(self, count: int, delay_ms: int | None, data: st.DataObject) -> None:
        sends = [(self.new_body(), data.draw(st.sampled_from(self.groups))) for _ in range(count)]
        results = self.driver.send_all("q", [message(body, delay_ms=delay_ms, group=group) for body, group in sends])
        assert not any(isinstance(result, Refusal) for result in results)
        for body, group in sends:
            self.model.send(body, self.driver.now_ms, delay_ms, group)
        self.settle()

    @rule(name=st.sampled_from(["q", "q", "q", "dead"]), maximum=maxima, visibility_ms=st.one_of(st.none(), times))
    def receive(self, name: str, maximum: int, visibility_ms: int | None) -> None:
        timeout_ms = VISIBILITY_MS if visibility_ms is None else visibility_ms
        expected = self.of(name).take(maximum, timeout_ms, self.driver.now_ms)
        received = self.driver.receive(name, maximum, visibility_ms)
        tokens = [each.lease.token for each in received]
        assert tokens == sorted(tokens) and all(token > self.last_token for token in tokens)
        self.last_token = max(tokens, default=self.last_token)
        self.same(name, received, expected)
        self.settle()

    @rule(maximum=maxima, wait=st.integers(0, 200))
    def wait(self, maximum: int, wait: int) -> None:
        wait_ms = wait * UNIT_MS + 16
        self.askers.append(self.driver.wait("q", wait_ms, maximum))
        waiting = Waiting(self.askers[-1], maximum, VISIBILITY_MS, self.driver.now_ms + wait_ms)
        self.model.waiting.append(waiting)
        self.settle()

    @rule(pick=picks)
    def stop_waiting(self, pick: int) -> None:
        if self.model.waiting:
            gone = self.model.waiting.pop(pick % len(self.model.waiting))
            self.askers.remove(gone.asker)
            self.driver.ask(commands.CancelWaiting("/", gone.asker))

    def pick_given(self, pick: int, which: int) -> tuple[str, Given] | None:
        """A handle, rather one of the latest."""
        if not self.given:
            return None
        name, answer = self.given[-1 - min(pick % 7, len(self.given) - 1)]
        return name, answer[which % len(answer)]

    @rule(pick=picks, count=st.integers(1, 3))
    def delete(self, pick: int, count: int) -> None:
        picked = [each for each in (self.pick_given(pick + n // 2, n) for n in range(count)) if each is not None]
        if picked:
            name = picked[0][0]
            leases = [given for queue, given in picked if queue == name]
            results = self.driver.delete(name, *[lease for lease, _, _ in leases])
            expected = [
                self.refused(name, lease) or self.of(name).delete(each, handle) for lease, each, handle in leases
            ]
            assert [name_of(result) for result in results] == expected
            self.settle()

    def refused(self, name: str, lease: Lease) -> str | None:
        """A handle of a queue that was deleted and made anew."""
        return "LeaseOfAnotherQueue" if lease.queue != self.driver.queue(name).number else None

    @rule(pick=picks, which=picks, timeout_ms=st.one_of(times, st.sampled_from([43_199_936, 43_200_000])))
    def change_visibility(self, pick: int, which: int, timeout_ms: int) -> None:
        picked = self.pick_given(pick, which)
        if picked is not None:
            name, (lease, each, handle) = picked
            result = self.driver.change_visibility(name, lease, timeout_ms)
            change = self.of(name).change
            expected = self.refused(name, lease) or change(each, handle, timeout_ms, self.driver.now_ms)
            assert name_of(result) == expected
            self.settle()

    @rule(pick=picks)
    def answer_is_not_delivered(self, pick: int) -> None:
        if self.given and not self.with_attempts:
            name, answer = self.given[-1 - pick % min(3, len(self.given))]
            self.driver.ask(commands.ReturnUndelivered("/", [lease for lease, _, _ in answer]))
            if self.refused(name, answer[0][0]) is None:
                self.of(name).undelivered([(each, handle) for _, each, handle in answer])
            self.settle()

    @rule(units=st.sampled_from([1, 10, 100, 500, 1_000, 4_000]))
    def time_passes(self, units: int) -> None:
        end_ms = self.driver.now_ms + units * UNIT_MS
        while self.driver.now_ms < end_ms:
            due_ms = self.driver.machine.next_due_ms()
            self.driver.now_ms = end_ms if due_ms is None else min(max(due_ms, self.driver.now_ms), end_ms)
            self.step()

    @rule(often=st.integers(0, 4))
    def purge(self, often: int) -> None:
        if often == 0:
            answer = self.driver.ask(commands.PurgeQueue("/", "q", None))
            if self.purged_ms is not None and self.driver.now_ms < self.purged_ms + 60_000:
                assert isinstance(answer, PurgeInProgress)
            else:
                self.purged_ms = self.driver.now_ms
                self.model.purge()
                self.purged()
            self.settle()

    def purged(self) -> None:
        """The queue is empty, and knows nothing of what was in it."""

    @rule(often=st.integers(0, 9))
    def delete_queue_and_make_it_anew(self, often: int) -> None:
        if often == 0:
            self.driver.ask(commands.DeleteQueue("/", "q", None))
            for asker in self.askers:
                assert isinstance(self.driver.answers[asker], QueueDoesNotExist)
            self.askers, self.purged_ms = [], None
            self.purged()
            self.driver.create("q", **self.settings)
            before, self.model = self.model, self.reference("q")
            self.model.delay_ms, self.model.receives = before.delay_ms, before.receives
            self.model.dead, self.model.maximum_receives = before.dead, before.maximum_receives

    # Checkpoints and restarts -----------------------------------------------------------------------------------

    @rule()
    def checkpoint_goes_on(self) -> None:
        if not self.driver.checkpoint_under_way:
            self.driver.begin_checkpoint()
        elif not self.driver.machine.state.pieces.complete:
            self.driver.gather(1)
        else:
            self.driver.publish_checkpoint()

    @rule(often=st.integers(0, 3))
    def restart(self, often: int) -> None:
        """A crash: those who wait are gone, nothing else is."""
        if often == 0:
            self.driver.restart()
            self.model.waiting, self.askers = [], []
            self.settle()

    @invariant()
    def counts_agree(self) -> None:
        for name in ("q", "dead"):
            if name in self.driver.host().queues:
                assert self.driver.counts(name) == self.of(name).counts()

    def teardown(self) -> None:
        self.driver.check()
