"""Messages are kept for the retention time, in flight or not, and no longer."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import compress

import pytest

from oncemq.core import apply, commands
from oncemq.core.decide import ticking
from oncemq.core.host import Host
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn
from tests.core.driver import Driver, message


def test_a_message_expires_after_the_retention_time_and_not_before() -> None:
    driver = Driver()
    driver.create(retention_ms=60_000)
    driver.send()
    driver.advance(59_999)
    assert driver.counts() == (1, 0, 0)
    driver.advance(16)
    assert driver.counts() == (0, 0, 0)
    driver.check()


def test_in_flight_and_delayed_messages_expire_too() -> None:
    driver = Driver()
    driver.create(retention_ms=60_000)
    driver.send_all("q", [message("a"), message("b", delay_ms=900_000)])
    (received,) = driver.receive(visibility_ms=100_000)
    driver.advance(60_016)
    assert driver.counts() == (0, 0, 0)
    assert driver.delete("q", received.lease) == [None]


def test_a_shorter_retention_time_holds_for_what_is_there() -> None:
    driver = Driver()
    driver.create(retention_ms=600_000)
    driver.send()
    driver.advance(100_000)
    driver.change("q", retention_ms=60_000)
    driver.advance(16)
    assert driver.counts() == (0, 0, 0)


def test_a_longer_retention_time_holds_for_what_is_there() -> None:
    driver = Driver()
    driver.create(retention_ms=60_000)
    driver.send()
    driver.change("q", retention_ms=600_000)
    driver.advance(599_000)
    assert driver.counts() == (1, 0, 0)
    driver.advance(1_016)
    assert driver.counts() == (0, 0, 0)


def test_expiry_frees_the_group_behind_it() -> None:
    driver = Driver()
    driver.create("f", kind="fifo", retention_ms=60_000)
    driver.send("f", "1", group="a", deduplication=b"1")
    driver.receive("f", visibility_ms=1_000_000)
    driver.advance(30_000)
    driver.send("f", "2", group="a", deduplication=b"2")
    driver.advance(20_000)
    asker = driver.wait("f", wait_ms=20_000)
    driver.advance(10_016)
    assert driver.waited(asker) == ["2"]


def test_more_than_a_tick_handles_expire_one_tick_after_another() -> None:
    driver = Driver()
    driver.create(retention_ms=60_000)
    for _ in range(3):
        driver.send_all("q", [message() for _ in range(1_000)])
    driver.now_ms += 60_016
    driver.ask(commands.Tick())
    assert driver.counts() == (2_000, 0, 0)
    driver.now_ms += 32
    driver.tick()
    assert driver.counts() == (0, 0, 0)


def test_many_changes_of_the_settings_leave_one_look_at_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    expire = ticking._expire

    def look(turn: Turn, host: Host, queue: Queue) -> None:
        looks.append(1)
        expire(turn, host, queue)

    monkeypatch.setattr(ticking, "_expire", look)
    driver = Driver()
    driver.create(retention_ms=60_000)
    driver.send()
    for number in range(100):
        driver.change("q", retention_ms=60_000 + number * 1_000)
    driver.advance(160_000)
    assert driver.counts() == (0, 0, 0)
    assert len(looks) == 1


def test_a_dead_letter_queue_out_of_order_expires_each_in_its_time() -> None:
    """Dead letters keep their age, so they do not come in the order in which they expire."""
    driver = Driver()
    driver.create("dead", retention_ms=100_000)
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    dice = random.Random(5)
    sent = []
    for number in range(30):
        sent.append(driver.now_ms)
        driver.send("q", str(number))
        driver.advance(1_008)
    driver.receive("q", 10, visibility_ms=0)
    for _ in range(3):
        driver.receive("q", 10, visibility_ms=dice.choice([1_008, 2_000, 3_008]))
    for _ in range(6):
        driver.receive("q", 10, visibility_ms=0)
        driver.advance(1_008)
    assert driver.counts("dead")[0] > 20
    for _ in range(200):
        alive = sum(1 for at in sent if at + 100_000 > driver.now_ms)
        assert driver.counts("dead")[0] <= alive <= driver.counts("dead")[0] + driver.queue("q").live
        driver.advance(992)
    driver.check()


def test_the_oldest_message_is_found_without_a_walk_over_all_dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many dead letters there are, the next costs the same."""
    walked: list[int] = []

    def walk(sent_ms: Iterable[int], states: bytearray) -> Iterable[int]:
        walked.append(1)
        return compress(sent_ms, states)

    monkeypatch.setattr(apply, "compress", walk)
    driver = Driver()
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    for number in range(50):
        driver.send("q")
        driver.advance(1_000)
        driver.send("dead")
        driver.receive("q", visibility_ms=0)
        driver.receive("q")
        assert driver.counts("dead")[0] == 2 * (number + 1)
    assert not driver.queue("dead").blocks[0].in_order
    assert len(walked) <= 1
