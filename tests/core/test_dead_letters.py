"""Dead letters: moved by the receive that would exceed maxReceiveCount, in the batch of that receive."""

from __future__ import annotations

import pytest

from oncemq.core import commands
from oncemq.core.decide import receiving
from oncemq.core.refusals import InvalidSetting
from tests.core.driver import Driver, message


def with_dead_letter_queue(maximum_receives: int = 2, **settings: object) -> Driver:
    driver = Driver()
    driver.create("dead", **settings)
    driver.create("q", dead_letter_queue="dead", maximum_receives=maximum_receives, **settings)
    return driver


def test_the_receive_that_would_exceed_the_maximum_moves_the_message() -> None:
    driver = with_dead_letter_queue(maximum_receives=2)
    number = driver.send("q", "poison")
    for _ in range(2):
        assert driver.receive_bodies("q", visibility_ms=0) == ["poison"]
    assert driver.counts("dead") == (0, 0, 0)
    assert driver.receive("q") == []
    (dead,) = driver.receive("dead")
    assert (dead.message, dead.source, dead.deliveries) == (number, "q", 3)
    driver.check()


def test_a_receive_answers_with_what_comes_after_the_dead_letters() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    driver.send("q", "poison")
    driver.receive("q", visibility_ms=0)
    driver.send("q", "good")
    assert driver.receive_bodies("q", maximum=1) == ["good"]
    assert driver.counts("dead") == (1, 0, 0)


def test_it_keeps_its_age_in_a_standard_queue() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    sent_ms = driver.now_ms
    driver.send("q")
    driver.receive("q", visibility_ms=1_000)
    driver.advance(50_000)
    driver.receive("q")
    (dead,) = driver.receive("dead")
    assert (dead.sent_ms, dead.first_delivery_ms) == (sent_ms, sent_ms)


def test_its_age_starts_anew_in_a_fifo_queue() -> None:
    driver = with_dead_letter_queue(maximum_receives=1, kind="fifo")
    driver.send("q", group="a", deduplication=b"1")
    driver.receive("q", visibility_ms=1_000)
    driver.advance(50_000)
    driver.receive("q")
    assert driver.receive("dead")[0].sent_ms == driver.now_ms


def test_a_message_that_is_too_old_for_the_dead_letter_queue_expires_there_at_once() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    driver.change("dead", retention_ms=60_000)
    driver.send("q")
    driver.advance(70_000)
    driver.receive("q", visibility_ms=0)
    driver.receive("q")
    assert driver.counts("dead") == (1, 0, 0)
    driver.advance(16)
    assert driver.counts("dead") == (0, 0, 0)
    driver.check()


def test_who_waits_on_the_dead_letter_queue_gets_it_at_once() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    asker = driver.wait("dead")
    driver.send("q", "poison")
    driver.receive("q", visibility_ms=0)
    driver.receive("q")
    assert driver.waited(asker) == ["poison"]


def test_handles_are_right_when_a_dead_letter_was_handed_out_on_the_way() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    asker = driver.wait("dead")
    driver.send("q", "poison", group="a")
    driver.receive("q", visibility_ms=0)
    driver.send_all("q", [message("good", group="b"), message("better", group="c")])
    received = driver.receive("q")
    assert driver.waited(asker) == ["poison"]
    driver.delete("q", *[each.lease for each in received])
    assert driver.counts("q") == (0, 0, 0)


def test_without_the_dead_letter_queue_messages_stay() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    driver.ask(commands.DeleteQueue("/", "dead", None))
    driver.send("q", "poison")
    for _ in range(3):
        assert driver.receive_bodies("q", visibility_ms=0) == ["poison"]


def test_a_queue_is_not_its_own_dead_letter_queue() -> None:
    driver = with_dead_letter_queue()
    answer = driver.change("q", dead_letter_queue="q", maximum_receives=1)
    assert isinstance(answer, InvalidSetting) and answer.field == "dead_letter_queue"


def test_two_queues_that_dead_letter_into_each_other_with_waiting_receives_come_to_rest() -> None:
    driver = with_dead_letter_queue(maximum_receives=1)
    driver.change("dead", dead_letter_queue="q", maximum_receives=1)
    for number in range(20):
        driver.send("q", str(number))
    driver.receive("q", maximum=10, visibility_ms=0)
    waiting = driver.wait("dead"), driver.wait("q", maximum=10), driver.wait("q", maximum=10)
    driver.advance(30_000)
    assert all(driver.waited(asker) is not None for asker in waiting)
    assert sum(driver.counts("q")) + sum(driver.counts("dead")) == 20
    driver.check()


def test_a_long_chain_of_dead_letter_queues_with_a_waiting_receive_each() -> None:
    driver = Driver()
    driver.create("q0")
    for number in range(1, 500):
        driver.create(f"q{number}", dead_letter_queue=f"q{number - 1}", maximum_receives=1)
    driver.send("q499", "poison")
    driver.receive("q499", visibility_ms=0)
    for number in range(500):
        driver.wait(f"q{number}")
    driver.advance(1_000)
    assert sum(driver.queue(f"q{number}").live for number in range(500)) == 1
    driver.check()


def test_a_waiting_receive_gets_past_more_dead_letters_than_one_command_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "DEAD_LETTERS_PER_RECEIVE", 20)
    driver = with_dead_letter_queue(maximum_receives=1)
    driver.send_all("q", [message("poison") for _ in range(110)])
    for _ in range(11):
        driver.receive("q", visibility_ms=1_000)
    driver.send("q", "good")
    driver.advance(2_000)
    asker = driver.wait("q")
    assert driver.waited(asker) is None
    for _ in range(8):
        driver.advance(16)
    assert driver.waited(asker) == ["good"]
    assert driver.counts("dead")[0] == 110
    driver.check()


def test_fifo_order_holds_past_a_dead_letter() -> None:
    driver = with_dead_letter_queue(maximum_receives=1, kind="fifo")
    for body in "123":
        driver.send("q", body, group="a", deduplication=body.encode())
    first = driver.receive("q", maximum=2, visibility_ms=1_000)
    assert [driver.body(each) for each in first] == ["1", "2"]
    driver.delete("q", first[0].lease)
    driver.advance(1_008)
    assert driver.receive_bodies("q") == ["3"]
    assert driver.receive_bodies("dead") == ["2"]


def test_what_is_dead_lettered_is_no_duplicate() -> None:
    driver = with_dead_letter_queue(maximum_receives=1, kind="fifo")
    driver.send("dead", "direct", group="a", deduplication=b"same")
    driver.send("q", "moved", group="a", deduplication=b"same")
    driver.receive("q", visibility_ms=0)
    driver.receive("q")
    assert driver.receive_bodies("dead") == ["direct", "moved"]
