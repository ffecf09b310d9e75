"""FIFO queues: order within a group, turns between groups, deduplication, attempt ids."""

from __future__ import annotations

import pytest

from oncemq.core import commands
from oncemq.core.deduplication import Deduplication, Generation, digest
from oncemq.core.outputs import SentMessage
from oncemq.core.refusals import DeduplicationRequired, GroupRequired, LeaseExpired, MessageTooLarge
from tests.core.driver import Driver, message

WINDOW_MS = 300_000


@pytest.fixture
def driver() -> Driver:
    made = Driver()
    made.create("f", kind="fifo")
    return made


def send(driver: Driver, *bodies: str) -> None:
    """Each body is its group's letter and a number."""
    for body in bodies:
        driver.send("f", body, group=body[0], deduplication=body.encode())


def receive(driver: Driver, maximum: int = 10, visibility_ms: int = 30_000) -> list[str]:
    return driver.receive_bodies("f", maximum, visibility_ms)


# Order ----------------------------------------------------------------------------------------------------------


def test_one_group_is_given_before_the_next(driver: Driver) -> None:
    send(driver, "a1", "b1", "a2", "b2", "a3")
    assert receive(driver, 4) == ["a1", "a2", "a3", "b1"]
    assert receive(driver) == []


def test_a_message_in_flight_holds_back_those_after_it(driver: Driver) -> None:
    send(driver, "a1", "a2", "b1")
    (first,) = driver.receive("f", maximum=1)
    assert receive(driver) == ["b1"]
    driver.delete("f", first.lease)
    assert receive(driver) == ["a2"]


def test_a_message_that_is_visible_again_is_given_though_a_later_one_is_in_flight(driver: Driver) -> None:
    send(driver, "a1", "a2", "a3")
    first, _ = driver.receive("f", maximum=2)
    driver.change_visibility("f", first.lease, 0)
    assert receive(driver) == ["a1"]
    assert receive(driver) == []


def test_a_group_that_was_served_goes_behind_the_others(driver: Driver) -> None:
    send(driver, "a1", "a2", "b1", "c1")
    assert receive(driver, 1, visibility_ms=0) == ["a1"]
    assert receive(driver, 1, visibility_ms=0) == ["b1"]
    assert receive(driver, 1, visibility_ms=0) == ["c1"]
    assert receive(driver, 2, visibility_ms=0) == ["a1", "a2"]


def test_a_send_does_not_cost_its_group_the_turn(driver: Driver) -> None:
    send(driver, "a1", "b1")
    driver.change("f", delay_ms=5_000)
    send(driver, "a2")
    assert receive(driver, 1) == ["a1"]


def test_a_delayed_message_holds_back_those_after_it(driver: Driver) -> None:
    driver.change("f", delay_ms=5_000)
    send(driver, "a1")
    driver.change("f", delay_ms=0)
    send(driver, "a2", "b1")
    assert receive(driver) == ["b1"]
    driver.advance(5_008)
    assert receive(driver) == ["a1", "a2"]


def test_the_turn_of_the_groups_survives_a_restart(driver: Driver) -> None:
    send(driver, "a1", "a2", "b1", "c1")
    receive(driver, 1, visibility_ms=0)
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    receive(driver, 1, visibility_ms=0)
    driver.restart()
    assert receive(driver, 1) == ["c1"]
    driver.check()


def test_late_words_on_a_lease_are_refused(driver: Driver) -> None:
    send(driver, "a1")
    (received,) = driver.receive("f", visibility_ms=1_000)
    driver.advance(1_008)
    assert driver.delete("f", received.lease) == [LeaseExpired()]
    assert driver.change_visibility("f", received.lease, 1_000) == LeaseExpired()
    (again,) = driver.receive("f")
    assert driver.delete("f", received.lease) == [LeaseExpired()]
    assert driver.delete("f", again.lease) == [None]
    assert driver.delete("f", again.lease) == [None]


def test_a_delete_lets_a_waiting_receive_have_the_next(driver: Driver) -> None:
    send(driver, "a1", "a2")
    (first,) = driver.receive("f", maximum=1)
    asker = driver.wait("f")
    driver.delete("f", first.lease)
    assert driver.waited(asker) == ["a2"]


def test_groups_that_are_empty_are_forgotten(driver: Driver) -> None:
    for number in range(200):
        driver.send("f", group=str(number), deduplication=b"%d" % number)
    while received := driver.receive("f"):
        driver.delete("f", *[each.lease for each in received])
    queue = driver.queue("f")
    assert (queue.group_names, queue.group_numbers, queue.group_counts) == ({}, {}, {})
    assert not getattr(queue.order, "groups")  # noqa: B009
    driver.check()


# Sending --------------------------------------------------------------------------------------------------------


def test_messages_of_a_batch_are_judged_one_by_one(driver: Driver) -> None:
    driver.change("f", maximum_message_bytes=1_024)
    results = driver.send_all(
        "f",
        [
            message("1", deduplication=b"1"),
            message("x" * 1_025, group="a", deduplication=b"2"),
            message("3", group="a", deduplication=b"3"),
        ],
    )
    assert results[0] == GroupRequired()
    assert isinstance(results[1], MessageTooLarge)
    assert isinstance(results[2], SentMessage) and results[2].fifo


def test_a_batch_with_a_message_that_has_no_id_is_refused_whole(driver: Driver) -> None:
    command = commands.SendMessages(
        "/", "f", None, [message("1", group="a", deduplication=b"1"), message("2", group="a")]
    )
    assert driver.ask(command) == DeduplicationRequired()
    assert driver.counts("f") == (0, 0, 0)


def test_a_delay_of_nothing_is_the_delay_of_the_queue(driver: Driver) -> None:
    driver.change("f", delay_ms=5_000)
    driver.send("f", group="a", deduplication=b"1", delay_ms=0)
    assert driver.counts("f") == (0, 0, 1)


# Deduplication --------------------------------------------------------------------------------------------------


def test_a_duplicate_is_answered_with_the_first_and_not_sent(driver: Driver) -> None:
    first = driver.send("f", "one", group="a", deduplication=b"same")
    assert driver.send("f", "two", group="b", deduplication=b"same") == first
    assert receive(driver) == ["one"]


def test_a_duplicate_within_one_batch(driver: Driver) -> None:
    one, two = driver.send_all("f", [message(body, group="a", deduplication=b"same") for body in ("1", "2")])
    assert one == two


def test_the_window_outlives_the_message_and_a_restart(driver: Driver) -> None:
    first = driver.send("f", group="a", deduplication=b"same")
    (received,) = driver.receive("f")
    driver.delete("f", received.lease)
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    driver.restart()
    driver.advance(WINDOW_MS - 1)
    assert driver.send("f", group="a", deduplication=b"same") == first


@pytest.mark.parametrize("window_ms", [1_000, WINDOW_MS, 3_600_000])
@pytest.mark.parametrize("into_a_generation", [0, 0.5, 0.99])
def test_kept_for_the_window_and_gone_after_a_tenth_more(window_ms: int, into_a_generation: float) -> None:
    driver = Driver()
    driver.create("f", kind="fifo", deduplication_window_ms=window_ms)
    driver.send("f", group="a", deduplication=b"first of its generation")
    driver.advance(int(window_ms * into_a_generation / 10))
    first = driver.send("f", group="a", deduplication=b"same")
    driver.advance(window_ms - 1)
    assert driver.send("f", group="a", deduplication=b"same") == first
    driver.advance(window_ms // 10 + 1)
    assert driver.send("f", group="a", deduplication=b"same") != first


def test_a_duplicate_does_not_make_the_window_longer(driver: Driver) -> None:
    first = driver.send("f", group="a", deduplication=b"same")
    for _ in range(11):
        driver.advance(WINDOW_MS // 10)
        last = driver.send("f", group="a", deduplication=b"same")
    assert last != first


def test_generations_that_are_over_are_let_go(driver: Driver) -> None:
    for number in range(100):
        driver.send("f", group="a", deduplication=b"%d" % number)
        driver.advance(WINDOW_MS // 10)
    assert len(list(driver.queue("f").deduplication.generations)) <= 12
    driver.check()


def test_by_content_where_no_id_is_given_and_an_id_wins() -> None:
    driver = Driver()
    driver.create("f", kind="fifo", content_based_deduplication=True)
    first = driver.send("f", "same", group="a")
    assert driver.send("f", "same", group="a") == first
    assert driver.send("f", "same", group="a", deduplication=b"own") != first
    assert driver.send("f", "other", group="a") != first


def test_the_scope_of_a_group_needs_nothing_else() -> None:
    driver = Driver()
    driver.create("f", kind="fifo", deduplication_scope="messageGroup", deduplicates_by_group=True)
    first = driver.send("f", group="a", deduplication=b"same")
    assert driver.send("f", group="b", deduplication=b"same") != first
    assert driver.send("f", group="a", deduplication=b"same") == first


def test_a_later_change_of_the_scope_only_shows(driver: Driver) -> None:
    driver.change("f", deduplication_scope="messageGroup")
    first = driver.send("f", group="a", deduplication=b"same")
    assert driver.send("f", group="b", deduplication=b"same") == first
    assert driver.queue("f").settings.deduplication_scope == "messageGroup"


def test_a_purge_clears_the_window(driver: Driver) -> None:
    first = driver.send("f", group="a", deduplication=b"same")
    driver.ask(commands.PurgeQueue("/", "f", None))
    assert driver.send("f", group="a", deduplication=b"same") != first
    driver.check()


def test_a_key_is_found_only_at_the_start_of_a_row() -> None:
    generation = Generation(b"", 0, 1)
    row_of_zeros, key = bytes(16), bytes(8) + b"\x01" + bytes(7)
    generation.add(row_of_zeros, 0)
    assert generation.find(bytes(16)) == 0
    assert generation.find(key) is None
    generation.add(key, 7)
    assert generation.find(key) == 7


def test_ten_thousand_keys_are_told_apart(driver: Driver) -> None:
    keys = driver.queue("f").deduplication
    assert isinstance(keys, Deduplication)
    digests = [digest(b"%d" % number, None) for number in range(10_000)]
    for number, key in enumerate(digests):
        assert keys.first(key, number) is None
        keys.remember(key, number, number, WINDOW_MS)
    assert [keys.first(key, 10_000) for key in digests] == list(range(10_000))


# Attempt ids ----------------------------------------------------------------------------------------------------


def test_the_same_attempt_gets_the_same_messages_and_handles_and_more_time(driver: Driver) -> None:
    send(driver, "a1", "a2", "b1")
    first = driver.receive("f", 3, 10_000, attempt=b"id")
    driver.advance(9_000)
    again = driver.receive("f", 1, 10_000, attempt=b"id")
    assert [each.lease for each in again] == [each.lease for each in first]
    assert [each.deliveries for each in again] == [1, 1, 1]
    driver.advance(9_000)
    assert driver.counts("f") == (0, 3, 0)


def test_another_attempt_gets_other_messages(driver: Driver) -> None:
    send(driver, "a1", "b1")
    assert len(driver.receive("f", 1, attempt=b"one")) == 1
    assert driver.receive_bodies("f") == ["b1"]
    assert driver.receive("f", 1, attempt=b"two") == []


def test_an_attempt_is_void_once_a_message_was_deleted(driver: Driver) -> None:
    send(driver, "a1", "b1")
    one, _ = driver.receive("f", attempt=b"id")
    driver.delete("f", one.lease)
    assert driver.receive("f", attempt=b"id") == []


def test_an_attempt_is_void_once_a_lease_was_changed(driver: Driver) -> None:
    send(driver, "a1", "b1")
    one, _ = driver.receive("f", attempt=b"id")
    driver.change_visibility("f", one.lease, 60_000)
    assert driver.receive("f", attempt=b"id") == []


def test_an_attempt_whose_leases_are_over_receives_anew(driver: Driver) -> None:
    send(driver, "a1")
    (first,) = driver.receive("f", 1, 1_000, attempt=b"id")
    driver.advance(1_008)
    (anew,) = driver.receive("f", 1, 1_000, attempt=b"id")
    assert anew.lease != first.lease and anew.deliveries == 2


def test_an_attempt_is_over_after_five_minutes(driver: Driver) -> None:
    send(driver, "a1")
    driver.receive("f", 1, 3_600_000, attempt=b"id")
    driver.advance(299_999)
    assert len(driver.receive("f", 1, 3_600_000, attempt=b"id")) == 1
    driver.advance(1)
    assert driver.receive("f", 1, 3_600_000, attempt=b"id") == []


def test_attempts_survive_a_restart(driver: Driver) -> None:
    send(driver, "a1")
    first = driver.receive("f", attempt=b"id")
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    driver.restart()
    assert driver.receive("f", attempt=b"id")[0].lease == first[0].lease


def test_so_many_attempts_are_kept_and_no_more(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncemq.core.attempts.ATTEMPTS_PER_QUEUE", 5)
    for number in range(20):
        send(driver, f"{chr(97 + number)}1")
        driver.receive("f", 1, attempt=b"%d" % number)
        assert len(driver.queue("f").attempts.by_key) <= 5
    assert len(driver.queue("f").attempts.by_entry) <= 5
    assert len(driver.receive("f", 1, attempt=b"19")) == 1
    assert driver.receive("f", 1, attempt=b"3") == []
    driver.check()
