"""Every refusal there is, each from the smallest scene that ends in it; and it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from oncemq.core import commands, limits, refusals, routed_refusals, system_commands, system_refusals
from oncemq.core import routed_commands as routed
from oncemq.core.commands import Lease
from oncemq.core.exchanges.bindings import QUEUE, Binding
from oncemq.core.machine import DECIDE
from oncemq.core.outputs import Results, Sent
from oncemq.core.policies import Policy
from oncemq.core.refusals import Refusal
from oncemq.core.routed_outputs import PublishedRuns
from oncemq.core.user import Permission
from tests.core.driver import Driver, message, pieces_of
from tests.core.routed import Amqp, binding, traits

Scene = Callable[[Driver], commands.Command]
IN_FLIGHT = 5
QUEUES = 5
POLICIES = 3
OTHER = "111111111111"


def send(queue: str, **fields: Any) -> commands.SendMessages:
    return commands.SendMessages("/", queue, None, [message(**fields)])


def delete(lease: Lease) -> commands.DeleteMessages:
    return commands.DeleteMessages("/", "q", None, [lease])


def change(lease: Lease, timeout_ms: int) -> commands.ChangeVisibility:
    return commands.ChangeVisibility("/", "q", None, [lease], [timeout_ms])


def create(name: str, **settings: object) -> commands.CreateQueue:
    return commands.CreateQueue("/", name, None, dict(settings), {})


def configure(**changes: object) -> commands.ChangeQueue:
    return commands.ChangeQueue("/", "q", None, dict(changes))


def leased(driver: Driver) -> Lease:
    driver.send()
    return driver.receive()[0].lease


def deleted_recently(driver: Driver) -> commands.Command:
    driver.machine.state.name_reuse_wait_ms = 60_000
    driver.ask(commands.DeleteQueue("/", "q", None))
    driver.advance(59_999)
    return create("q")


def too_many_queues(driver: Driver) -> commands.Command:
    for number in range(QUEUES - 1):
        driver.create(str(number))
    return create("one more")


def purged(driver: Driver) -> commands.Command:
    driver.ask(commands.PurgeQueue("/", "q", None))
    driver.advance(59_999)
    return commands.PurgeQueue("/", "q", None)


def nearly_full(driver: Driver) -> commands.Command:
    driver.ask(commands.ReportDiskSpace(True, 5))
    return send("q")


def in_flight(driver: Driver) -> commands.Command:
    driver.send_all("q", [message() for _ in range(IN_FLIGHT + 1)])
    for _ in range(IN_FLIGHT):
        assert len(driver.receive(maximum=1)) == 1
    return commands.ReceiveMessages("/", "q", None, 1, None, 0)


def expired(driver: Driver) -> commands.Command:
    driver.create("f", kind="fifo")
    driver.send("f", group="a", deduplication=b"1")
    (received,) = driver.receive("f", visibility_ms=0)
    return commands.DeleteMessages("/", "f", None, [received.lease])


def of_a_deleted_message(driver: Driver) -> commands.Command:
    lease = leased(driver)
    driver.delete("q", lease)
    return change(lease, 1_000)


def longer_than_twelve_hours(driver: Driver) -> commands.Command:
    lease = leased(driver)
    driver.advance(1)
    return change(lease, limits.LEASE_MS)


def redrive_denied(driver: Driver) -> commands.Command:
    driver.create("dead", redrive_allow=["byQueue", ["another"]])
    return configure(dead_letter_queue="dead", maximum_receives=1)


def permission(driver: Driver) -> commands.Command:
    add = commands.AddPermission("/", "q", None, "label", [OTHER], ["SendMessage"], "arn:aws:sqs:us-east-1:1:q")
    driver.ask(add)
    return add


def dead_letters(driver: Driver) -> None:
    driver.create("dead")
    driver.change("q", dead_letter_queue="dead", maximum_receives=1)
    driver.send_all("dead", [message() for _ in range(3)])


def to_nowhere(driver: Driver) -> commands.Command:
    dead_letters(driver)
    return commands.StartMoveTask("/", "dead", None, "nowhere", None)


def second_task(driver: Driver) -> commands.Command:
    dead_letters(driver)
    start = commands.StartMoveTask("/", "dead", None, "q", 1)
    driver.ask(start)
    return start


def ended_task(driver: Driver) -> commands.Command:
    second_task(driver)
    driver.ask(commands.CancelMoveTask("/", 1, None))
    return commands.CancelMoveTask("/", 1, None)


def tagged(driver: Driver) -> commands.Command:
    driver.ask(commands.TagQueue("/", "q", None, {str(n): "" for n in range(limits.TAGS_PER_QUEUE)}))
    return commands.TagQueue("/", "q", None, {"one": "more"})


def exclusive_of_another(driver: Driver) -> commands.Command:
    Amqp(driver).declare("mine", owner="one", exclusive=True)
    return routed.EmptyQueue("/", "mine", "another")


def consumed(driver: Driver) -> commands.Command:
    Amqp(driver).consume("q")
    return routed.RemoveQueue("/", "q", True, False, None)


def not_empty(driver: Driver) -> commands.Command:
    driver.send()
    return routed.RemoveQueue("/", "q", False, True, None)


def exchange_in_use(driver: Driver) -> commands.Command:
    Amqp(driver).bind("amq.direct", "q")
    return routed.DeleteExchange("/", "amq.direct", True)


def internal(driver: Driver) -> commands.Command:
    Amqp(driver).exchange("inner", internal=True)
    return routed.Publish("/", [routed.Run("inner", [""], {}, [message().content])])


def header_match(driver: Driver) -> commands.Command:
    return routed.Bind("/", Binding("amq.headers", QUEUE, "q", "", {"x-match": "some"}), None)


def exclusive_consumer(driver: Driver) -> commands.Command:
    Amqp(driver).consume("q", exclusive=True)
    return routed.Consume("/", "q", "another", "tag", 0, False, False, 0, None)


def without_permission(driver: Driver) -> commands.Command:
    driver.ask(system_commands.SetUser("anna", "hash", []))
    return system_commands.OpenConnection("/", "anna", "owner")


def bad_pattern(driver: Driver) -> commands.Command:
    driver.ask(system_commands.SetUser("anna", "hash", []))
    return system_commands.SetPermission("anna", "/", Permission(".*", "*", ".*"))


NEW = system_refusals.AccessRefused("write", "exchange", "dead", "anna")
KEY = system_refusals.TopicAccessRefused("read", "key", "amq.topic", "anna")


def short_of_memory(driver: Driver) -> commands.Command:
    driver.ask(commands.ReportMemory(True, 9, 8))
    return send("q")


def full(driver: Driver) -> commands.Command:
    driver.create("full", maximum_length=0, overflow="reject-publish")
    return send("full")


def too_many_policies(driver: Driver) -> commands.Command:
    for number in range(POLICIES):
        driver.ask(routed.SetPolicy("/", Policy(f"p{number}", ".*", {"expires": 1})))
    return routed.SetPolicy("/", Policy("p", ".*", {"expires": 1}))


SCENES: dict[type[Refusal], Scene] = {
    routed_refusals.ExchangeDoesNotExist: lambda driver: routed.Bind("/", binding("none", "q"), None),
    routed_refusals.UnknownExchangeType: lambda driver: routed.DeclareExchange("/", "x", traits("round")),
    routed_refusals.Inequivalent: lambda driver: routed.DeclareExchange("/", "amq.direct", traits("fanout")),
    routed_refusals.QueueLocked: exclusive_of_another,
    routed_refusals.QueueInUse: consumed,
    routed_refusals.QueueNotEmpty: not_empty,
    routed_refusals.ExchangeInUse: exchange_in_use,
    routed_refusals.ExchangeIsDefault: lambda driver: routed.Bind("/", binding("", "q"), None),
    routed_refusals.ExchangeIsInternal: internal,
    routed_refusals.UnknownHeaderMatch: header_match,
    routed_refusals.ExclusiveConsumer: exclusive_consumer,
    system_refusals.UserDoesNotExist: lambda driver: system_commands.FindUser("none"),
    system_refusals.HostDoesNotExist: lambda driver: routed.Publish("none", []),
    system_refusals.HostAccessRefused: without_permission,
    system_refusals.InvalidPattern: bad_pattern,
    system_refusals.InvalidName: lambda driver: system_commands.SetHost("ä" * 128, "", []),
    system_refusals.TooManyUsers: lambda driver: system_commands.SetUser("anna", "hash", []),
    system_refusals.TooManyHosts: lambda driver: system_commands.SetHost("shop", "", []),
    system_refusals.AccessRefused: lambda driver: routed.DeclareQueue("/", "new", {}, None, NEW),
    system_refusals.TopicAccessRefused: lambda driver: routed.Bind("/", binding("amq.topic", "q"), None, KEY),
    routed_refusals.PolicyDoesNotExist: lambda driver: routed.ClearPolicy("/", "none", False),
    routed_refusals.UnacceptablePolicy: lambda driver: routed.SetPolicy("/", Policy("p", ".*", {})),
    routed_refusals.TooManyPolicies: too_many_policies,
    refusals.QueueDoesNotExist: lambda driver: send("none"),
    refusals.QueueExists: lambda driver: create("q", delay_ms=1_000),
    refusals.QueueDeletedRecently: deleted_recently,
    refusals.TooManyQueues: too_many_queues,
    refusals.PurgeInProgress: purged,
    refusals.AccessDenied: lambda driver: commands.PurgeQueue("/", "q", OTHER),
    refusals.MessageTooLarge: lambda driver: send("q", body=b"x" * (1_048_576 + 1)),
    refusals.GroupRequired: lambda driver: driver.create("f", kind="fifo") and send("f", deduplication=b"1"),
    refusals.DeduplicationRequired: lambda driver: driver.create("f", kind="fifo") and send("f", group="a"),
    refusals.NotForStandardQueues: lambda driver: send("q", deduplication=b"1"),
    refusals.DelayNotForFifo: lambda driver: (
        driver.create("f", kind="fifo") and send("f", group="a", delay_ms=1, deduplication=b"1")
    ),
    refusals.QueueFull: full,
    refusals.MemoryShort: short_of_memory,
    refusals.DiskNearlyFull: nearly_full,
    refusals.TooManyLeased: in_flight,
    refusals.LeaseExpired: expired,
    refusals.LeaseNotHeld: of_a_deleted_message,
    refusals.LeaseOfAnotherQueue: lambda driver: delete(Lease(99, 0, 1)),
    refusals.VisibilityBeyondMaximum: longer_than_twelve_hours,
    refusals.MoveDestinationUnknown: to_nowhere,
    refusals.InvalidSetting: lambda driver: configure(kind="fifo"),
    refusals.DeadLetterQueueDoesNotExist: lambda driver: configure(dead_letter_queue="none", maximum_receives=1),
    refusals.RedriveNotAllowed: redrive_denied,
    refusals.TooManyTags: tagged,
    refusals.PermissionExists: permission,
    refusals.PermissionDoesNotExist: lambda driver: commands.RemovePermission("/", "q", None, "none"),
    refusals.InvalidPolicy: lambda driver: configure(policy="no JSON"),
    refusals.PolicyTooLarge: lambda driver: configure(policy=json.dumps("x" * limits.POLICY_BYTES)),
    refusals.NotADeadLetterQueue: lambda driver: commands.StartMoveTask("/", "q", None, None, None),
    refusals.MoveTaskRunning: second_task,
    refusals.MoveTaskDoesNotExist: lambda driver: commands.CancelMoveTask("/", 7, None),
    refusals.MoveTaskNotRunning: ended_task,
}


def test_there_is_a_scene_for_every_refusal() -> None:
    assert set(SCENES) == set(Refusal.__subclasses__())


@pytest.mark.parametrize("refusal", list(SCENES), ids=lambda refusal: refusal.__name__)
def test_refusal(refusal: type[Refusal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncemq.core.decide.receiving.LEASED_ENTRIES_STANDARD", IN_FLIGHT)
    monkeypatch.setattr("oncemq.core.decide.administering.QUEUES_PER_HOST", QUEUES)
    monkeypatch.setattr("oncemq.core.decide.governing.POLICIES_PER_HOST", POLICIES)
    driver = Driver()
    driver.create()
    command = SCENES[refusal](driver)
    monkeypatch.setattr("oncemq.core.decide.users.USERS", len(driver.machine.state.users))
    monkeypatch.setattr("oncemq.core.decide.hosts.VIRTUAL_HOSTS", len(driver.machine.state.hosts))
    before, batches = pieces_of(driver.machine.state), len(driver.batches)
    answer = driver.ask(command)
    if isinstance(answer, Sent | Results):
        (answer,) = answer.results
    if isinstance(answer, PublishedRuns):
        (answer,) = answer.outcomes
    assert type(answer) is refusal
    assert len(driver.batches) == batches
    assert pieces_of(driver.machine.state) == before
    driver.check()


def leaves(command: type[commands.Command]) -> set[type[commands.Command]]:
    below = command.__subclasses__()
    return {command} if not below else set().union(*(leaves(each) for each in below))


def test_every_command_is_decided() -> None:
    assert set(DECIDE) == leaves(commands.Command)


QUEUE_COMMANDS: list[commands.QueueCommand] = [
    commands.DeleteQueue("/", "q", None),
    commands.DescribeQueue("/", "q", None, "GetQueueAttributes"),
    commands.ListDeadLetterSources("/", "q", None, "", 10),
    commands.ChangeQueue("/", "q", None, {}),
    commands.PurgeQueue("/", "q", None),
    commands.TagQueue("/", "q", None, {}),
    commands.UntagQueue("/", "q", None, []),
    commands.AddPermission("/", "q", None, "l", [OTHER], ["SendMessage"], "q"),
    commands.RemovePermission("/", "q", None, "l"),
    commands.SendMessages("/", "q", None, []),
    commands.ReceiveMessages("/", "q", None, 1, None, 0),
    commands.DeleteMessages("/", "q", None, []),
    commands.ChangeVisibility("/", "q", None, [], []),
    commands.StartMoveTask("/", "q", None, None, None),
    commands.ListMoveTasks("/", "q", None, 1),
]


def test_the_list_of_commands_on_a_queue_is_whole() -> None:
    assert {type(each) for each in QUEUE_COMMANDS} == leaves(commands.QueueCommand) - {commands.CreateQueue}


@pytest.mark.parametrize("command", QUEUE_COMMANDS, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize("host", ["/", "elsewhere/eu-west-1"])
def test_a_command_on_a_queue_that_is_not_there_creates_nothing(command: commands.QueueCommand, host: str) -> None:
    driver = Driver()
    command.host = host
    before = pieces_of(driver.machine.state)
    assert driver.ask(command) == refusals.QueueDoesNotExist("q")
    assert pieces_of(driver.machine.state) == before
    command.host = "/"


@pytest.mark.parametrize("command", QUEUE_COMMANDS, ids=lambda command: type(command).__name__)
def test_a_stranger_may_do_nothing_and_the_owner_all(command: commands.QueueCommand) -> None:
    driver = Driver()
    driver.create()
    command.caller = OTHER
    assert isinstance(driver.ask(command), refusals.AccessDenied)
    command.caller = "000000000000"
    assert not isinstance(driver.ask(command), refusals.AccessDenied)
    command.caller = None


@pytest.mark.parametrize(
    "scene",
    [
        lambda driver: send("q", body=b"x" * 1_048_576),
        lambda driver: change(leased(driver), limits.LEASE_MS),
        lambda driver: commands.TagQueue("/", "q", None, {str(n): "" for n in range(50)}),
    ],
    ids=["bytes of a message", "time of a lease", "tags"],
)
def test_at_the_limit_nothing_is_refused(scene: Scene) -> None:
    driver = Driver()
    driver.create()
    answer = driver.ask(scene(driver))
    results = answer.results if isinstance(answer, Sent | Results) else [answer]
    assert not any(isinstance(each, Refusal) for each in results)
