"""Queues themselves: made, described, changed, listed, purged, deleted; tags; virtual hosts."""

from __future__ import annotations

import json

import pytest

from oncemq.core import commands
from oncemq.core.outputs import Done, QueueInfo, QueueNames
from oncemq.core.refusals import (
    InvalidPolicy,
    InvalidSetting,
    LeaseOfAnotherQueue,
    NotForStandardQueues,
    QueueDeletedRecently,
    QueueExists,
    RedriveNotAllowed,
    TooManyQueues,
    TooManyTags,
)
from oncemq.core.settings import Settings, changed
from tests.core.driver import Driver, pieces_of


@pytest.fixture
def driver() -> Driver:
    made = Driver()
    made.create()
    return made


def describe(driver: Driver, queue: str = "q") -> QueueInfo:
    answer = driver.ask(commands.DescribeQueue("/", queue, None, "GetQueueAttributes"))
    assert isinstance(answer, QueueInfo)
    return answer


def test_a_queue_is_described_as_it_stands(driver: Driver) -> None:
    made_ms = driver.now_ms
    driver.ask(commands.CreateQueue("/", "r", None, {"delay_ms": 1_000}, {"key": "value"}))
    driver.advance(5_000)
    driver.change("r", visibility_timeout_ms=7_000)
    for _ in range(3):
        driver.send("r", delay_ms=0)
    driver.send("r")
    driver.receive("r", maximum=1)
    info = describe(driver, "r")
    assert (info.created_ms, info.changed_ms, info.tags) == (made_ms, made_ms + 5_000, {"key": "value"})
    assert (info.ready, info.leased, info.delayed) == (2, 1, 1)
    assert (info.settings.delay_ms, info.settings.visibility_timeout_ms) == (1_000, 7_000)
    driver.check()


def test_an_equal_queue_is_answered_as_it_is_and_another_refused(driver: Driver) -> None:
    driver.create("r", delay_ms=1_000, text={"KmsMasterKeyId": "k"})
    number = describe(driver, "r").number
    assert driver.create("r").number == number
    assert driver.create("r", delay_ms=1_000).number == number
    assert driver.create("r", delay_ms=2_000) == QueueExists("r", "delay_ms")
    assert driver.create("r", text={"KmsMasterKeyId": "other"}) == QueueExists("r", "KmsMasterKeyId")


def test_a_change_is_done_whole_or_not_at_all(driver: Driver) -> None:
    before = describe(driver).settings
    assert isinstance(driver.change("q", delay_ms=5_000, policy="no JSON"), InvalidPolicy)
    assert isinstance(driver.change("q", delay_ms=5_000, content_based_deduplication=True), NotForStandardQueues)
    assert isinstance(driver.change("q", delay_ms=5_000, kind="fifo"), InvalidSetting)
    assert describe(driver).settings == before


def test_text_is_merged_and_none_removes_it(driver: Driver) -> None:
    driver.change("q", text={"a": "1", "b": "2"})
    driver.change("q", text={"b": None, "c": "3"})
    assert describe(driver).settings.text == {"a": "1", "c": "3"}
    assert changed(Settings(), {}) == Settings()
    driver.check()


def test_a_limit_by_group_needs_deduplication_by_group() -> None:
    driver = Driver()
    refused = driver.create("f", kind="fifo", throughput_limit="perMessageGroupId")
    assert isinstance(refused, InvalidSetting)
    high = {"deduplication_scope": "messageGroup", "throughput_limit": "perMessageGroupId"}
    assert isinstance(driver.create("f", kind="fifo", **high), QueueInfo)
    assert isinstance(driver.change("f", deduplication_scope="queue"), InvalidSetting)


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [(["allowAll", []], True), (["denyAll", []], False), (["byQueue", ["q"]], True), (["byQueue", ["r"]], False)],
)
def test_the_dead_letter_queue_says_who_may_name_it(driver: Driver, allow: list[object], allowed: bool) -> None:
    driver.create("dead", redrive_allow=allow)
    answer = driver.change("q", dead_letter_queue="dead", maximum_receives=3)
    assert isinstance(answer, Done if allowed else RedriveNotAllowed)
    driver.check()


def test_a_dead_letter_queue_is_of_the_same_kind(driver: Driver) -> None:
    driver.create("f", kind="fifo")
    assert isinstance(driver.change("q", dead_letter_queue="f", maximum_receives=3), InvalidSetting)
    assert isinstance(driver.change("f", dead_letter_queue="q", maximum_receives=3), InvalidSetting)


def test_queues_are_listed_in_order_a_page_at_a_time(driver: Driver) -> None:
    for name in ("b2", "a1", "b1", "b3"):
        driver.create(name)
    page = driver.ask(commands.ListQueues("/", "b", "", 2))
    assert page == QueueNames(["b1", "b2"], True)
    assert driver.ask(commands.ListQueues("/", "b", "b2", 2)) == QueueNames(["b3"], False)
    assert driver.ask(commands.ListQueues("/", "", "", 10)) == QueueNames(["a1", "b1", "b2", "b3", "q"], False)
    assert driver.ask(commands.ListQueues("nowhere", "", "", 10)) == QueueNames([], False)


def test_the_sources_of_a_dead_letter_queue_are_listed(driver: Driver) -> None:
    driver.create("dead")
    for name in ("s2", "s1"):
        driver.create(name, dead_letter_queue="dead", maximum_receives=1)
    assert driver.ask(commands.ListDeadLetterSources("/", "dead", None, "", 1)) == QueueNames(["s1"], True)
    assert driver.ask(commands.ListDeadLetterSources("/", "dead", None, "s1", 1)) == QueueNames(["s2"], False)
    assert driver.ask(commands.ListDeadLetterSources("/", "q", None, "", 1)) == QueueNames([], False)


def test_tags_are_set_over_and_taken_away(driver: Driver) -> None:
    driver.ask(commands.TagQueue("/", "q", None, {"a": "1", "b": "2"}))
    driver.ask(commands.TagQueue("/", "q", None, {"b": "3", "c": ""}))
    driver.ask(commands.UntagQueue("/", "q", None, ["a", "none"]))
    assert describe(driver).tags == {"b": "3", "c": ""}
    too_many = {str(number): "" for number in range(51)}
    assert driver.ask(commands.CreateQueue("/", "r", None, {}, too_many)) == TooManyTags(50)
    driver.check()


def test_a_purge_takes_all_messages_once_a_minute(driver: Driver) -> None:
    driver.send("q", "ready")
    driver.receive(maximum=1)
    driver.send("q", "delayed", delay_ms=5_000)
    assert driver.ask(commands.PurgeQueue("/", "q", None)) == Done()
    assert driver.counts() == (0, 0, 0)
    driver.send("q", "after")
    driver.advance(60_000)
    assert driver.receive_bodies(visibility_ms=0) == ["after"]
    assert driver.ask(commands.PurgeQueue("/", "q", None)) == Done()
    driver.check()


def test_a_deleted_queue_leaves_nothing_behind(driver: Driver) -> None:
    empty = Driver()
    for _ in range(3):
        driver.send("q", group="g")
    driver.receive(maximum=1)
    driver.ask(commands.DeleteQueue("/", "q", None))
    assert set(pieces_of(driver.machine.state)) - set(pieces_of(empty.machine.state)) <= {
        block.key for block in driver.host().messages.blocks.values()
    }
    assert driver.host().messages.live == 0
    driver.advance(400_000_000)
    driver.check()


def test_handles_of_a_deleted_queue_are_nothing_to_one_of_the_same_name(driver: Driver) -> None:
    driver.send()
    (received,) = driver.receive()
    driver.ask(commands.DeleteQueue("/", "q", None))
    driver.create()
    driver.send()
    driver.receive()
    assert driver.delete("q", received.lease) == [LeaseOfAnotherQueue()]
    assert driver.change_visibility("q", received.lease, 0) == LeaseOfAnotherQueue()


def test_a_deleted_name_is_free_at_once_unless_the_server_says_otherwise(driver: Driver) -> None:
    driver.ask(commands.DeleteQueue("/", "q", None))
    driver.ask(commands.StartServer(b"", 60_000))
    driver.advance(59_999)
    assert driver.create() == QueueDeletedRecently("q", 60_000)
    driver.advance(1)
    assert isinstance(driver.create(), QueueInfo)


def test_names_of_deleted_queues_are_forgotten_in_time(driver: Driver) -> None:
    for number in range(50):
        driver.create(str(number))
        driver.ask(commands.DeleteQueue("/", str(number), None))
        driver.advance(10_000)
    assert len(driver.host().deleted_ms) <= 6
    driver.check()


def test_a_virtual_host_is_made_with_its_first_queue_and_keeps_to_itself(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "111111111111/eu-west-1"
    driver.ask(commands.CreateQueue(elsewhere, "q", "111111111111", {}, {}))
    driver.ask(commands.SendMessages(elsewhere, "q", "111111111111", []))
    driver.send("q", "here")
    assert driver.host(elsewhere).queues["q"].ready == 0
    assert driver.host(elsewhere).account == "111111111111"
    monkeypatch.setattr("oncemq.core.decide.administering.VIRTUAL_HOSTS", 2)
    assert driver.ask(commands.CreateQueue("third/x", "q", None, {}, {})) == TooManyQueues(2)
    driver.check()


def test_permissions_become_statements_of_the_policy(driver: Driver) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    other = "111111111111"
    driver.ask(commands.AddPermission("/", "q", None, "label", [other], ["SendMessage", "ReceiveMessage"], arn))
    (statement,) = json.loads(describe(driver).settings.policy)["Statement"]
    assert statement["Sid"] == "label"
    assert describe(driver).settings.text["Policy"] == describe(driver).settings.policy
    driver.ask(commands.RemovePermission("/", "q", None, "label"))
    assert describe(driver).settings.policy == ""
    assert "Policy" not in describe(driver).settings.text
    driver.check()
