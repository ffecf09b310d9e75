"""A checkpoint is taken while the state goes on changing: what is about to change is copied first."""

from __future__ import annotations

import random

import pytest

from oncemq.core import commands
from oncemq.core.pieces import Pieces
from tests.core.driver import Driver, message


def traffic(driver: Driver, seed: int, turns: int) -> None:
    """Something of everything, on three queues."""
    dice = random.Random(seed)
    for _ in range(turns):
        queue = dice.choice(["q", "fair", "f.fifo"])
        group = None if queue == "q" else dice.choice("abc")
        deduplication = dice.randbytes(4) if queue == "f.fifo" else None
        what = dice.randrange(6)
        if what < 2:
            driver.send_all(queue, [message(dice.randbytes(9), group=group, deduplication=deduplication)])
        elif what == 2:
            received = driver.receive(queue, dice.randrange(1, 11), dice.choice([0, 500, 5_000]))
            if dice.random() < 0.5:
                driver.delete(queue, *[each.lease for each in received])
            elif received:
                driver.change_visibility(queue, received[0].lease, dice.choice([0, 9_000]))
        elif what == 3:
            driver.receive("f.fifo", 3, 4_000, attempt=dice.randbytes(1))
        elif what == 4:
            driver.advance(dice.choice([10, 1_000, 40_000]))
        elif dice.random() < 0.1:
            driver.ask(commands.PurgeQueue("/", queue, None))
        elif dice.random() < 0.3:
            driver.ask(commands.DeleteQueue("/", "passing", None))
            driver.create("passing")
            driver.send("passing")


def with_queues() -> Driver:
    driver = Driver()
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=2)
    driver.create("fair")
    driver.create("f.fifo", kind="fifo", deduplication_window_ms=60_000)
    driver.create("passing")
    return driver


def run_with_checkpoints(seed: int) -> None:
    """Checkpoints one after another, each gathered a piece at a time with traffic in between."""
    driver = with_queues()
    for number in range(6):
        traffic(driver, seed * 1000 + number, 20)
        driver.begin_checkpoint()
        for step in range(6):
            traffic(driver, seed * 7000 + number * 10 + step, 3)
            driver.gather(1)
        driver.publish_checkpoint()
        driver.check()
        if number % 2:
            driver.restart()


@pytest.mark.parametrize("seed", range(12))
def test_checkpoints_hold_the_state_as_it_stood_when_they_began(seed: int) -> None:
    run_with_checkpoints(seed)


def test_without_touch_the_checkpoints_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pieces, "touch", lambda self, piece: None)
    with pytest.raises((AssertionError, KeyError)):
        run_with_checkpoints(0)


def test_sends_alone_between_two_checkpoints() -> None:
    """The host's counters change with every send, though nothing else of the host does."""
    driver = Driver()
    driver.create()
    driver.send()
    for _ in range(2):
        driver.begin_checkpoint()
        driver.publish_checkpoint()
        driver.send()
        driver.check()


def test_a_piece_that_was_made_and_dropped_during_a_checkpoint() -> None:
    driver = Driver()
    driver.create("old")
    driver.begin_checkpoint()
    driver.ask(commands.DeleteQueue("/", "old", None))
    driver.create("new")
    driver.send("new")
    driver.publish_checkpoint()
    driver.check()


def test_a_move_task_during_a_checkpoint() -> None:
    driver = Driver()
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    for _ in range(20):
        driver.send("dead")
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    driver.begin_checkpoint()
    driver.ask(commands.StartMoveTask("/", "dead", None, "q", 10))
    driver.publish_checkpoint()
    for _ in range(4):
        driver.advance(100)
        driver.begin_checkpoint()
        driver.advance(100)
        driver.publish_checkpoint()
        driver.check()
