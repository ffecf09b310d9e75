"""Sends that came one after another are decided together: the same answers, the same places, one record."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands
from oncemq.core.outputs import Sent, SentMessage
from oncemq.core.refusals import DiskNearlyFull, MessageTooLarge, QueueDoesNotExist
from tests.core.driver import Driver, message
from tests.core.routed import Amqp


def together(driver: Driver, *sends: tuple[str, list[commands.NewMessage]]) -> list[Any]:
    """The answer to each, as if each had an asker of its own."""
    askers = [f"asker {number} of {len(driver.batches)}" for number in range(len(sends))]
    asked = [
        (commands.SendMessages("/", queue, None, messages), asker)
        for (queue, messages), asker in zip(sends, askers, strict=True)
    ]
    driver.ask(commands.SendTogether(asked))
    return [driver.answers[asker] for asker in askers]


def test_many_to_one_queue_are_one_record_and_keep_their_order() -> None:
    driver = Driver()
    driver.create("q")
    answers = together(driver, *[("q", [message(str(number))]) for number in range(8)])
    numbers = [answer.results[0].message for answer in answers]
    assert numbers == list(range(numbers[0], numbers[0] + 8))
    assert len(driver.batches[-1].payload) < 8 * 60, "one record, not eight"
    assert driver.receive_bodies("q") == [str(number) for number in range(8)]
    assert [each.message for each in driver.receive("q")] == []
    driver.check()


def test_each_message_gets_the_number_that_its_sender_was_told() -> None:
    driver = Driver()
    driver.create("a")
    driver.create("b", delay_ms=500)
    sends = [("ab"[number % 2], [message(f"{number}.{part}") for part in range(1 + number % 3)]) for number in range(9)]
    told = {}
    for (_, messages), answer in zip(sends, together(driver, *sends), strict=True):
        assert isinstance(answer, Sent)
        for sent, result in zip(messages, answer.results, strict=True):
            assert isinstance(result, SentMessage)
            told[sent.content.body.decode()] = result.message
    driver.advance(1_000)
    found = {driver.body(each): each.message for queue in "ab" for each in driver.receive(queue, 10)}
    found |= {driver.body(each): each.message for queue in "ab" for each in driver.receive(queue, 10)}
    assert found == told
    driver.check()


def test_what_needs_something_of_its_own_keeps_its_place_among_the_others() -> None:
    driver = Driver()
    driver.create("q", maximum_message_bytes=10)
    driver.create("f.fifo", kind="fifo")
    answers = together(
        driver,
        ("q", [message("first")]),
        ("nowhere", [message("x")]),
        ("q", [message("later", delay_ms=900)]),
        ("q", [message("far too large"), message("second")]),
        ("f.fifo", [message("x", group="g", deduplication=b"1")]),
        ("f.fifo", [message("x", group="g", deduplication=b"1")]),
        ("q", [message("third", group="g")]),
        ("q", [message("fourth")]),
    )
    assert isinstance(answers[1], QueueDoesNotExist)
    assert isinstance(answers[3].results[0], MessageTooLarge) and isinstance(answers[3].results[1], SentMessage)
    assert answers[4] == answers[5], "a duplicate is told the first one's number"
    assert sorted(driver.receive_bodies("q")) == ["first", "fourth", "second", "third"]
    driver.advance(1_000)
    assert driver.receive_bodies("q") == ["later"]
    assert driver.receive_bodies("f.fifo") == ["x"]
    driver.check()


def test_who_waits_is_served_and_a_full_disk_refuses_all() -> None:
    driver = Driver()
    driver.create("q")
    asker = driver.wait("q")
    together(driver, ("q", [message("a")]), ("q", [message("b")]))
    assert driver.waited(asker) == ["a", "b"]
    driver.ask(commands.ReportDiskSpace(True, 7))
    assert together(driver, ("q", [message("c")]), ("q", [message("d")])) == [DiskNearlyFull(7)] * 2
    driver.check()


def test_into_a_queue_that_lives_no_longer_than_the_server() -> None:
    driver = Driver()
    Amqp(driver).declare("q", durable=False)
    before = len(driver.batches)
    answers = together(driver, ("q", [message("a")]), ("q", [message("b")]))
    received = driver.receive("q")
    assert [each.message for each in received] == [answer.results[0].message for answer in answers]
    assert len(driver.batches) == before
