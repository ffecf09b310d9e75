"""Random walks: the core against the reference queues; and planted bugs, which the walks must find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from oncemq.core.commands import Lease
from oncemq.core.consumer import Channel
from oncemq.core.decide import lasting, leasing, settling
from oncemq.core.deduplication import Deduplication
from oncemq.core.model import GONE, PRIORITY_SHIFT
from oncemq.core.order import fair
from oncemq.core.order.fair import Fair
from oncemq.core.order.fifo import Fifo
from oncemq.core.order.plain import Plain
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn
from oncemq.core.user import User
from tests.core.amqp_machine import AmqpMachine
from tests.core.fair_machine import MINIMUM, PERCENT, FairMachine
from tests.core.fifo_machine import FifoMachine
from tests.core.queue_machine import QueueMachine
from tests.core.tenancy_machine import TenancyMachine

WALK = settings(max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
PLANTED = settings(
    WALK,
    max_examples=3_000,
    stateful_step_count=50,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


@pytest.fixture
def few_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair, "FAIR_NOISY_LEASED_MINIMUM", MINIMUM)
    monkeypatch.setattr(fair, "FAIR_NOISY_SHARE_PERCENT", PERCENT)


def walk(machine: type[RuleBasedStateMachine], how: settings = WALK) -> None:
    run_state_machine_as_test(machine, settings=how)


def test_standard_queue() -> None:
    walk(QueueMachine)


def test_fifo_queue() -> None:
    walk(FifoMachine)


def test_fair_queue(few_in_flight: None) -> None:
    walk(FairMachine)


def test_amqp_queue() -> None:
    walk(AmqpMachine)


def test_tenancy() -> None:
    walk(TenancyMachine)


# Planted bugs: what the walks are for ----------------------------------------------------------------------------


def no_token_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def deletable(queue: Queue, lease: Lease, going: dict[int, None]) -> None:
        if lease.queue == queue.number and queue.state_of(lease.entry) != GONE:
            going[lease.entry] = None

    monkeypatch.setattr(leasing, "_deletable", deletable)


def no_barrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leased messages hold nothing back."""
    monkeypatch.setattr(Fifo, "held", lambda self, entry: self._refresh(*self._group(entry)))


def no_deduplication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deduplication, "first", lambda self, key, now_ms: None)


def no_turn_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group that is available again is first again."""
    refresh = Fifo._refresh

    def first_again(self: Fifo, number: int, group: Any) -> None:
        refresh(self, number, group)
        if number in self.available:
            self.available.move_to_end(number, last=False)

    monkeypatch.setattr(Fifo, "_refresh", first_again)


def nobody_is_noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fair, "_is_loud", lambda self, group: False)


def returned_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back does not move the head back."""
    monkeypatch.setattr(Plain, "ready", lambda self, entry: self.ready_run(entry, 1))


def undelivered_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Queue.release
    monkeypatch.setattr(
        Queue, "release", lambda self, entries, due_ms, delivered, failed: release(self, entries, due_ms, True, failed)
    )


def requeued_behind_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back goes to the place that the head has come to, not to its own."""

    def ready(self: Plain, entry: int) -> None:
        self.heads[entry >> PRIORITY_SHIFT] = max(entry, self.heads.get(entry >> PRIORITY_SHIFT, 0))

    monkeypatch.setattr(Plain, "ready", ready)


def no_room_on_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "room", property(lambda self: self.limit))


def expired_are_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "expire", lambda *_: None)


def permissions_outlive_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "forget_host", lambda self, host: None)


def a_user_changes_behind_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "touch", lambda self: None)


def transient_are_journalled_as_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of entries is not split: the journal is told of places that it does not know."""

    def emit(turn: Turn, queue: Queue, record: lasting.OfEntries) -> None:
        turn.emit(record)

    monkeypatch.setattr(settling, "emit_of_entries", emit)


def places_are_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after transient messages takes their places when the journal is replayed."""
    monkeypatch.setattr(
        Queue, "_skip_to", lambda self, entry: self.next_entry.setdefault(entry >> PRIORITY_SHIFT, entry)
    )


@pytest.mark.parametrize(
    ("machine", "plant"),
    [
        (QueueMachine, no_token_check),
        (QueueMachine, returned_to_the_end),
        (QueueMachine, undelivered_counts),
        (FifoMachine, no_token_check),
        (FifoMachine, no_barrier),
        (FifoMachine, no_turn_of_groups),
        (FifoMachine, no_deduplication),
        (FairMachine, nobody_is_noisy),
        (AmqpMachine, requeued_behind_the_others),
        (AmqpMachine, returned_to_the_end),
        (AmqpMachine, no_room_on_the_channel),
        (AmqpMachine, expired_are_delivered_again),
        (TenancyMachine, permissions_outlive_their_host),
        (TenancyMachine, a_user_changes_behind_the_checkpoint),
        (AmqpMachine, transient_are_journalled_as_removed),
        (AmqpMachine, places_are_given_twice),
    ],
)
def test_a_planted_bug_is_found(
    machine: type[RuleBasedStateMachine],
    plant: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
    few_in_flight: None,
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ValueError, KeyError, IndexError, OverflowError)):
        walk(machine, PLANTED)
