"""The same commands at the same times give the same bytes, in any process; and no command costs more for a backlog."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from oncemq.core import commands
from tests.core.driver import Driver, message, pieces_of
from tests.core.test_checkpoints import traffic, with_queues


def fingerprint() -> str:
    """Of the journal and the pieces after much traffic."""
    driver = with_queues()
    traffic(driver, 4, 400)
    whole = sha256()
    for batch in driver.batches:
        whole.update(batch.payload)
    for key, data in pieces_of(driver.machine.state).items():
        whole.update(key + data)
    return whole.hexdigest()


def test_the_same_commands_give_the_same_bytes() -> None:
    assert fingerprint() == fingerprint()


def test_the_seed_of_hashes_makes_no_difference() -> None:
    """A loop over a set of strings would."""
    code = "from tests.core.test_determinism import fingerprint; print(fingerprint())"
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert prints == {fingerprint() + "\n"}


def test_a_restart_in_the_middle_makes_no_difference_to_what_is_stored() -> None:
    """All that decides what happens next is in the pieces (timers are made anew, in the order of places)."""
    through, restarted = with_queues(), with_queues()
    for driver in (through, restarted):
        traffic(driver, 8, 200)
        driver.advance(1_000_000)
    restarted.begin_checkpoint()
    restarted.publish_checkpoint()
    restarted.restart()
    through.ask(commands.StartServer(b"it has its key"))  # the batch that counts the start, and nothing else
    for driver in (through, restarted):
        for _ in range(5):
            driver.send_all("fair", [message(str(n), group="ab"[n % 2]) for n in range(40)])
            for queue in ("q", "fair", "f.fifo"):
                driver.delete(queue, *[each.lease for each in driver.receive(queue)])
    assert pieces_of(through.machine.state) == pieces_of(restarted.machine.state)


def fastest_ms(run: Callable[[], object], times: int = 30) -> float:
    """The fastest of several runs: what the machine does beside only makes them slower."""
    taken = []
    gc.disable()
    try:
        for _ in range(times):
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
    finally:
        gc.enable()
    return min(taken) * 1000


def grown_by(driver: Driver, queue: str, group: Callable[[int], str | None], count: int) -> None:
    for start in range(0, count, 5_000):
        numbers = range(start, start + 5_000)
        messages = [message(b"", group=group(n), deduplication=b"%d" % n if queue == "f" else None) for n in numbers]
        driver.send_all(queue, messages)


def costs(driver: Driver, queue: str, group: Callable[[int], str | None]) -> dict[str, float]:
    counter = iter(range(10**9, 2 * 10**9))

    def send() -> None:
        number = next(counter)
        deduplication = b"%d" % number if queue == "f" else None
        driver.send(queue, group=group(number), deduplication=deduplication)

    answers = []

    def receive() -> None:
        answers.append(driver.receive(queue))

    def delete() -> None:
        driver.delete(queue, *[each.lease for each in answers.pop()])

    for _ in range(400):
        send()
    return {"send": fastest_ms(send), "receive": fastest_ms(receive), "delete": fastest_ms(delete)}


def same_cost(queue: str, kind: str, group: Callable[[int], str | None]) -> None:
    empty, full = Driver(), Driver()
    for driver in (empty, full):
        driver.create(queue, kind=kind)
    grown_by(full, queue, group, 150_000)
    at_none, at_many = costs(empty, queue, group), costs(full, queue, group)
    for what in at_none:
        assert at_many[what] < at_none[what] * 4 + 0.05, (what, at_none, at_many)


def test_a_backlog_of_a_standard_queue_costs_nothing() -> None:
    same_cost("q", "standard", lambda number: None)


def test_a_backlog_of_many_groups_in_a_fifo_queue_costs_nothing() -> None:
    same_cost("f", "fifo", lambda number: str(number % 20_000))


def test_a_backlog_of_many_groups_in_a_fair_queue_costs_nothing() -> None:
    same_cost("q", "standard", lambda number: str(number % 20_000))


def test_a_purge_of_a_hundred_thousand_is_quick() -> None:
    driver = Driver()
    driver.create()
    grown_by(driver, "q", lambda number: None, 100_000)
    began = time.perf_counter()
    driver.ask(commands.PurgeQueue("/", "q", None))
    assert time.perf_counter() - began < 0.5
    assert driver.host().messages.live == 0
