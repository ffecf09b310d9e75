"""Sends and receives of standard queues, leases, and receives that wait."""

from __future__ import annotations

import pytest

from oncemq.core import commands
from oncemq.core.outputs import Received, Results, SentMessage
from oncemq.core.refusals import LeaseNotHeld, MessageTooLarge, QueueDoesNotExist, TooManyLeased
from tests.core.driver import IDENTITY_KEY, Driver, message

IN_FLIGHT = 5


@pytest.fixture
def driver() -> Driver:
    made = Driver()
    made.create()
    return made


@pytest.fixture
def few_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncemq.core.decide.receiving.LEASED_ENTRIES_STANDARD", IN_FLIGHT)
    monkeypatch.setattr("oncemq.core.decide.receiving.LEASED_ENTRIES_FIFO", IN_FLIGHT)


# Sending --------------------------------------------------------------------------------------------------------


def test_a_batch_is_sent_but_for_what_is_refused(driver: Driver) -> None:
    driver.change("q", maximum_message_bytes=1_024)
    results = driver.send_all("q", [message("1"), message("x" * 1_025), message("2", delay_ms=1_000), message("3")])
    assert isinstance(results[1], MessageTooLarge)
    numbers = [each.message for each in results if isinstance(each, SentMessage)]
    assert len(numbers) == 3 and numbers == sorted(numbers)
    assert driver.receive_bodies() == ["1", "3"]


def test_a_run_of_like_messages_is_one_record(driver: Driver) -> None:
    driver.send_all("q", [message(str(n)) for n in range(10)])
    assert driver.batches[-1].payload.count(b"0") and len(driver.batches[-1].payload) < 10 * 24 + 40


def test_a_delay_of_nothing_goes_against_the_delay_of_the_queue(driver: Driver) -> None:
    driver.change("q", delay_ms=5_000)
    driver.send_all("q", [message("later"), message("now", delay_ms=0)])
    assert driver.receive_bodies() == ["now"]
    driver.advance(5_016)
    assert driver.receive_bodies() == ["later"]


def test_the_disk_nearly_full_refuses_sends_but_not_receives_and_deletes(driver: Driver) -> None:
    driver.send()
    driver.ask(commands.ReportDiskSpace(True, 5))
    (received,) = driver.receive()
    assert driver.delete("q", received.lease) == [None]
    driver.ask(commands.ReportDiskSpace(False, 0))
    driver.send()


def test_the_key_of_the_identities_is_set_once(driver: Driver) -> None:
    driver.ask(commands.StartServer(b"another"))
    assert driver.machine.state.system.identity_key == IDENTITY_KEY


# Leases ---------------------------------------------------------------------------------------------------------


def test_a_message_comes_back_to_its_place(driver: Driver) -> None:
    driver.send_all("q", [message(str(n)) for n in range(4)])
    driver.receive(maximum=2, visibility_ms=1_000)
    driver.advance(1_016)
    assert driver.receive_bodies() == ["0", "1", "2", "3"]


def test_an_expired_handle_deletes_while_nobody_received_the_message_again(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive(visibility_ms=1_000)
    driver.advance(1_016)
    assert driver.counts() == (1, 0, 0)
    assert driver.delete("q", received.lease) == [None]
    assert driver.counts() == (0, 0, 0)


def test_a_handle_of_a_receive_before_the_last_deletes_nothing(driver: Driver) -> None:
    driver.send()
    (stale,) = driver.receive(visibility_ms=0)
    (held,) = driver.receive()
    assert driver.delete("q", stale.lease) == [None]
    assert driver.counts() == (0, 1, 0)
    assert driver.change_visibility("q", stale.lease, 0) is None
    assert driver.counts() == (0, 1, 0)
    assert driver.delete("q", held.lease, held.lease) == [None, None]
    assert driver.delete("q", held.lease) == [None]


def test_changing_a_deleted_message_is_refused(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive()
    driver.delete("q", received.lease)
    assert driver.change_visibility("q", received.lease, 1_000) == LeaseNotHeld(gone=True)


def test_an_expired_handle_leases_again(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive(visibility_ms=1_000)
    driver.advance(1_016)
    assert driver.change_visibility("q", received.lease, 5_000) is None
    assert driver.counts() == (0, 1, 0)
    driver.advance(5_016)
    assert driver.counts() == (1, 0, 0)


def test_a_visibility_of_nothing_gives_the_message_back_and_counts(driver: Driver) -> None:
    driver.send()
    assert [driver.receive(visibility_ms=0)[0].deliveries for _ in range(3)] == [1, 2, 3]


def test_changes_of_a_batch_are_judged_one_by_one(driver: Driver) -> None:
    driver.send_all("q", [message("1"), message("2")])
    one, two = driver.receive()
    driver.delete("q", one.lease)
    answer = driver.ask(commands.ChangeVisibility("/", "q", None, [one.lease, two.lease], [0, 0]))
    assert isinstance(answer, Results) and answer.results == [LeaseNotHeld(gone=True), None]
    assert driver.counts() == (1, 0, 0)


def test_an_answer_that_nobody_got_is_not_counted(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive()
    driver.ask(commands.ReturnUndelivered("/", [received.lease]))
    (again,) = driver.receive()
    assert (again.deliveries, again.first_delivery_ms) == (1, driver.now_ms)
    driver.ask(commands.ReturnUndelivered("/", [received.lease]))
    assert driver.counts() == (0, 1, 0)
    driver.ask(commands.ReturnUndelivered("nowhere", [received.lease]))


def test_an_answer_taken_back_leaves_no_handle(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive()
    driver.ask(commands.ReturnUndelivered("/", [received.lease]))
    driver.change_visibility("q", received.lease, 1_000)
    assert driver.counts() == (1, 0, 0)
    driver.ask(commands.ReturnUndelivered("/", [received.lease]))
    driver.check()


def test_the_answer_to_an_attempt_is_not_to_be_taken_back() -> None:
    """The asker may have asked again meanwhile, and got the same handles."""
    driver = Driver()
    driver.create("f", kind="fifo")
    driver.send("f", group="a", deduplication=b"1")
    for attempt, returned in ((b"1", False), (b"1", False), (None, True)):
        answer = driver.ask(commands.ReceiveMessages("/", "f", None, 1, None, 0, attempt))
        assert isinstance(answer, Received) and answer.returned_if_unwritten is returned


def test_too_many_in_flight_refuse_a_short_poll_and_let_a_long_one_wait(driver: Driver, few_in_flight: None) -> None:
    driver.send_all("q", [message() for _ in range(IN_FLIGHT + 1)])
    received = driver.receive()
    assert len(received) == IN_FLIGHT
    assert driver.ask(commands.ReceiveMessages("/", "q", None, 1, None, 0)) == TooManyLeased(IN_FLIGHT)
    asker = driver.wait()
    assert driver.waited(asker) is None
    driver.delete("q", received[0].lease)
    assert driver.waited(asker) == ["x"]


def test_too_many_in_flight_of_a_fifo_queue_are_answered_empty(few_in_flight: None) -> None:
    driver = Driver()
    driver.create("f", kind="fifo")
    for number in range(IN_FLIGHT + 1):
        driver.send("f", group=str(number), deduplication=b"%d" % number)
    assert len(driver.receive("f")) == IN_FLIGHT
    assert driver.receive("f") == []


# Waiting --------------------------------------------------------------------------------------------------------


def test_a_waiting_receive_is_woken_by_a_send(driver: Driver) -> None:
    asker = driver.wait()
    driver.send("q", "now")
    assert driver.waited(asker) == ["now"]


def test_those_who_wait_are_served_in_turn(driver: Driver) -> None:
    askers = [driver.wait(maximum=2) for _ in range(3)]
    driver.send_all("q", [message(str(n)) for n in range(5)])
    assert [driver.waited(asker) for asker in askers] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_waiting_receive_is_answered_empty_in_its_time(driver: Driver) -> None:
    asker = driver.wait(wait_ms=1_000)
    driver.advance(999)
    assert driver.waited(asker) is None
    driver.advance(17)
    assert driver.waited(asker) == []
    driver.send()
    assert driver.counts() == (1, 0, 0)


def test_the_wait_of_the_queue_is_used_where_none_is_given(driver: Driver) -> None:
    driver.change("q", receive_wait_ms=5_000)
    asker = driver.ask_later(commands.ReceiveMessages("/", "q", None, 1, None, None))
    assert driver.waited(asker) is None
    assert driver.receive() == []
    driver.advance(5_008)
    assert driver.waited(asker) == []


def test_the_end_of_a_lease_or_a_delay_wakes(driver: Driver) -> None:
    driver.send("q", "leased")
    driver.receive(visibility_ms=1_000)
    driver.send("q", "delayed", delay_ms=2_000)
    first, second = driver.wait(), driver.wait()
    driver.advance(1_008)
    assert (driver.waited(first), driver.waited(second)) == (["leased"], None)
    driver.advance(1_008)
    assert driver.waited(second) == ["delayed"]


def test_an_asker_that_is_gone_gets_nothing(driver: Driver) -> None:
    asker = driver.wait()
    driver.ask(commands.CancelWaiting("/", asker))
    driver.ask(commands.CancelWaiting("/", asker))
    driver.ask(commands.CancelWaiting("nowhere", asker))
    driver.send()
    assert driver.waited(asker) is None
    assert driver.counts() == (1, 0, 0)
    driver.advance(20_016)
    assert driver.waited(asker) is None


def test_those_who_wait_on_a_queue_are_told_of_its_end(driver: Driver) -> None:
    asker = driver.wait()
    driver.ask(commands.DeleteQueue("/", "q", None))
    assert driver.answers[asker] == QueueDoesNotExist("q")


def test_at_the_end_of_the_server_all_who_wait_are_answered_empty(driver: Driver) -> None:
    askers = [driver.wait(), driver.wait()]
    driver.ask(commands.EndWaiting())
    assert [driver.waited(asker) for asker in askers] == [[], []]


def test_one_more_than_may_wait_is_answered_at_once(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncemq.core.decide.receiving.PARKED_RECEIVES_PER_QUEUE", 2)
    askers = [driver.wait() for _ in range(3)]
    assert [driver.waited(asker) for asker in askers] == [None, None, []]


def test_waiting_writes_nothing(driver: Driver) -> None:
    batches = len(driver.batches)
    driver.wait(wait_ms=1_000)
    driver.advance(2_000)
    assert len(driver.batches) == batches
