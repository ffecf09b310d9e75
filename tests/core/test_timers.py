"""Things due by time: never early, at most one bucket late, a thousand a tick, and no memory for what is over."""

from __future__ import annotations

import random

import pytest

from oncemq.core import commands, timers
from oncemq.core.limits import DUE_THINGS_PER_TICK, TIMER_BUCKET_MS
from oncemq.core.timers import Timers
from tests.core.counting import wrong_counts
from tests.core.driver import START_MS, Driver, message


@pytest.mark.parametrize("offset_ms", [0, 1, 7, 15])
@pytest.mark.parametrize("delay_ms", [1, 15, 16, 17, 1_000, 900_000])
def test_never_early_and_at_most_a_bucket_late(offset_ms: int, delay_ms: int) -> None:
    driver = Driver()
    driver.create()
    driver.now_ms += offset_ms
    driver.send("q", delay_ms=delay_ms)
    driver.advance(delay_ms - 1)
    assert driver.counts() == (0, 0, 1)
    due_ms = driver.machine.next_due_ms()
    assert due_ms is not None and driver.now_ms < due_ms <= driver.now_ms + TIMER_BUCKET_MS
    driver.advance(TIMER_BUCKET_MS)
    assert driver.counts() == (1, 0, 0)


def test_nothing_is_handed_out_before_its_tick() -> None:
    driver = Driver()
    driver.create()
    driver.send("q", delay_ms=1_000)
    driver.now_ms += 5_000
    assert driver.receive() == []
    driver.tick()
    assert driver.receive_bodies() == ["x"]


def test_a_tick_handles_a_thousand_and_the_next_is_due_at_once() -> None:
    driver = Driver()
    driver.create()
    driver.send_all("q", [message(delay_ms=1_008) for _ in range(2_500)])
    driver.now_ms += 1_008
    for ready in (1_000, 2_000, 2_500):
        assert driver.machine.next_due_ms() == driver.now_ms
        driver.ask(commands.Tick())
        assert driver.counts()[0] == ready
    assert DUE_THINGS_PER_TICK == 1_000


def test_a_tick_with_nothing_due_writes_nothing() -> None:
    driver = Driver()
    driver.create()
    driver.send("q", delay_ms=60_000)
    batches = len(driver.batches)
    driver.ask(commands.Tick())
    assert len(driver.batches) == batches


def test_take_gives_everything_once_and_in_the_order_of_time() -> None:
    dice = random.Random(1)
    waiting = Timers()
    added = []
    for item in range(5_000):
        due_ms = dice.randrange(10_000)
        waiting.add(due_ms, 1, dice.randrange(1, 4), timers.ENTRY, item)
        added.append((due_ms, item))
    taken: dict[int, int] = {}
    for now_ms in range(0, 10_032, 16):
        assert len(taken) + waiting.size == 5_000
        for _, _, _, items in waiting.take(now_ms, 10_000):
            taken.update(dict.fromkeys(items, now_ms))
    assert waiting.next_due_ms() is None
    for due_ms, item in added:
        assert due_ms <= taken[item] < due_ms + TIMER_BUCKET_MS


def test_a_place_of_three_numbers_comes_back_as_it_was() -> None:
    waiting = Timers()
    waiting.add(5, (1 << 24) - 1, (1 << 32) - 1, timers.SERVE, (1 << 64) - 1)
    assert list(waiting.take(16, 5)) == [((1 << 24) - 1, (1 << 32) - 1, timers.SERVE, [(1 << 64) - 1])]


def deleting(driver: Driver, messages: int) -> None:
    """Receive for twelve hours, and delete at once."""
    for _ in range(messages // 10):
        driver.send_all("q", [message() for _ in range(10)])
        driver.delete("q", *[each.lease for each in driver.receive(visibility_ms=43_200_000)])
        driver.now_ms += 1


def test_leases_that_were_deleted_long_ago_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "TIMER_ITEMS_STALE", 1_000)
    driver = Driver()
    driver.create()
    driver.machine.state.timers = Timers()
    deleting(driver, 10_000)
    assert driver.machine.state.timers.size <= 1_010
    assert len(driver.machine.state.timers.buckets) < 10
    assert sorted(driver.machine.state.timers.heap) == sorted(driver.machine.state.timers.buckets)


def test_what_still_waits_outlives_the_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "TIMER_ITEMS_STALE", 1_000)
    driver = Driver()
    driver.machine.state.timers = Timers()
    driver.create("other", retention_ms=120_000)
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=9)
    driver.send_all("other", [message("leased"), message("delayed", delay_ms=30_000)])
    driver.receive("other", maximum=1, visibility_ms=20_000)
    driver.send_all("dead", [message() for _ in range(5)])
    driver.create("empty")
    asker = driver.wait("empty", wait_ms=20_000)
    driver.ask(commands.StartMoveTask("/", "dead", None, "other", 1))
    deleting(driver, 5_000)
    assert driver.machine.state.timers.size <= 1_100
    assert wrong_counts(driver.machine.state) == []
    driver.now_ms = START_MS
    driver.advance(20_000)
    assert driver.waited(asker) == []
    for _ in range(40):
        driver.advance(992)
    assert driver.counts("other")[0] == 7
    driver.advance(120_000)
    assert driver.counts("other")[0] <= 5
    driver.check()


def test_extending_a_lease_again_and_again_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "TIMER_ITEMS_STALE", 1_000)
    driver = Driver()
    driver.create()
    driver.machine.state.timers = Timers()
    driver.send()
    (received,) = driver.receive()
    for number in range(5_000):
        driver.now_ms += 1
        driver.change_visibility("q", received.lease, 30_000 + number)
    assert driver.machine.state.timers.size <= 1_002
    driver.advance(30_000)
    assert driver.counts() == (0, 1, 0)
    driver.advance(5_016)
    assert driver.counts() == (1, 0, 0)


def test_what_waited_before_a_restart_waits_after_it() -> None:
    driver = Driver()
    driver.create(retention_ms=60_000)
    driver.send_all("q", [message("leased"), message("delayed", delay_ms=9_008)])
    driver.receive(visibility_ms=5_008)
    driver.restart()
    driver.advance(5_008)
    assert driver.counts() == (1, 0, 1)
    driver.advance(4_000)
    assert driver.counts() == (2, 0, 0)
    driver.advance(51_008)
    assert driver.counts() == (0, 0, 0)
    driver.check()
