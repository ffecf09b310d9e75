"""Virtual hosts: made, described, and deleted with all that is in them, while others ask things of them."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands, snapshot
from oncemq.core import routed_commands as routed
from oncemq.core import system_commands as system
from oncemq.core.outputs import Done, Received, Results
from oncemq.core.policies import Policy
from oncemq.core.refusals import LeaseOfAnotherQueue, QueueDoesNotExist
from oncemq.core.routed_outputs import Consuming, Declared, Got
from oncemq.core.system_outputs import Expelled, HostInfo
from oncemq.core.system_refusals import HostAccessRefused, HostDoesNotExist
from oncemq.core.user import Permission, TopicPermission
from tests.core.driver import Driver, message, pieces_of
from tests.core.routed import binding, run, traits
from tests.core.test_users import ALL, done, opened
from tests.core.test_users import system as describe

HOST = "111122223333/eu-west-1"


def furnished() -> Driver:
    """With a virtual host that holds one of everything, and a user in it."""
    driver = Driver()
    settings = {"kind": "fifo"}
    for command in (
        commands.CreateQueue(HOST, "f", None, settings, {}),
        commands.CreateQueue(HOST, "q", None, {}, {}),
        commands.CreateQueue(HOST, "dead", None, {}, {}),
    ):
        driver.ask(command)
    driver.ask(commands.ChangeQueue(HOST, "q", None, {"dead_letter_queue": "dead", "maximum_receives": 9}))
    for queue, fields in (
        ("f", {"group": "a", "deduplication": b"1"}),
        ("q", {}),
        ("q", {"delay_ms": 60_000}),
        ("dead", {}),
    ):
        driver.ask(commands.SendMessages(HOST, queue, None, [message(**fields)]))
    done(driver, system.SetUser("anna", "hash", []), system.SetPermission("anna", HOST, ALL))
    done(driver, system.SetTopicPermission("anna", HOST, "t", TopicPermission("a", "b")))
    done(driver, routed.DeclareExchange(HOST, "t", traits("topic")), routed.Bind(HOST, binding("t", "q", "#"), None))
    driver.ask(commands.StartMoveTask(HOST, "dead", None, None, 1))
    return driver


def keys_of(driver: Driver) -> set[bytes]:
    return {piece.key for piece in snapshot.all_pieces(driver.machine.state)}


def test_a_virtual_host_is_described() -> None:
    driver = Driver()
    done(driver, system.SetHost("shop", "", []), system.SetHost("shop", "what is sold", ["b", "a", "b"]))
    assert describe(driver).hosts == [HostInfo("/", "", []), HostInfo("shop", "what is sold", ["a", "b"])]
    assert "amq.topic" in driver.host("shop").exchanges
    driver.check()
    driver.restart()
    assert describe(driver).hosts[1:] == [HostInfo("shop", "what is sold", ["a", "b"])]


def test_a_virtual_host_that_sqs_made_is_one_like_all() -> None:
    driver = furnished()
    assert [host.name for host in describe(driver).hosts] == ["/", HOST]
    opened(driver, "one", HOST)
    assert driver.ask(routed.DeclareQueue(HOST, "q", None, "one")) == Declared("q", 1, 0)


def test_all_that_is_in_it_goes_with_it() -> None:
    driver = furnished()
    driver.begin_checkpoint()
    driver.gather(3)
    done(driver, system.DeleteHost(HOST))
    driver.publish_checkpoint()
    driver.check()
    assert describe(driver).hosts == [HostInfo("/", "", [])]
    assert (describe(driver).permissions, describe(driver).topic_permissions) == ([], [])
    assert not any(driver.machine.state.live_in_segment(segment) for segment in range(9))
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    assert driver.checkpoint is not None
    assert set(driver.checkpoint.pieces) == keys_of(driver)
    driver.advance(100_000)
    driver.check()
    driver.restart()
    assert [host.name for host in describe(driver).hosts] == ["/"]
    assert driver.ask(system.DeleteHost(HOST)) == HostDoesNotExist(HOST)


def test_those_in_it_are_told() -> None:
    driver = furnished()
    driver.ask(commands.CreateQueue(HOST, "empty", None, {}, {}))
    asker = driver.ask_later(commands.ReceiveMessages(HOST, "empty", None, 1, None, 20_000))
    here = opened(driver, "one", HOST)
    done(driver, system.SetPermission("anna", "/", ALL))
    elsewhere = opened(driver, "two")
    done(driver, system.DeleteHost(HOST))
    assert driver.answers[asker] == QueueDoesNotExist("empty")
    assert (here, elsewhere) == ([Expelled("vhost", HOST)], [])
    driver.advance(30_000)
    driver.check()


def asked_of_a_host(host: str) -> list[routed.HostCommand]:
    """One of each command on a virtual host, but those that end."""
    publish, settle = routed.Publish(host, [run(["x"])]), routed.Settle(host, [], routed.ACK)
    return [
        publish,
        settle,
        routed.CheckRuns(host, [run(["x"])]),
        routed.Transact(host, [publish, settle]),
        routed.DeclareExchange(host, "x", traits("direct")),
        routed.DeleteExchange(host, "x", False),
        routed.Bind(host, binding("amq.direct", "q"), "one"),
        routed.Unbind(host, binding("amq.direct", "q"), "one"),
        routed.DeclareQueue(host, "q", {}, "one"),
        routed.RemoveQueue(host, "q", False, False, "one"),
        routed.EmptyQueue(host, "q", "one"),
        routed.Consume(host, "q", "channel", "tag", 0, False, False, 0, "one"),
        routed.Cancel(host, 1),
        routed.LimitChannel(host, "channel", 1),
        routed.LimitConsumers(host, "channel", 1),
        routed.GrantRoom(host, "one", 1),
        routed.ExtendLeases(host, []),
        routed.AwaitReplies(host, "amq.rabbitmq.reply-to.x", "channel", "tag"),
        routed.Get(host, "q", True, "one"),
        routed.SetPolicy(host, Policy("p", ".*", {"expires": 1})),
        routed.ClearPolicy(host, "p", False),
        routed.ListPolicies(host, False),
    ]


def test_the_list_of_commands_on_a_virtual_host_is_whole() -> None:
    ends = {routed.CloseChannel, routed.CloseConnection}
    assert {type(each) for each in asked_of_a_host("/")} == set(routed.HostCommand.__subclasses__()) - ends


def test_what_is_asked_of_a_virtual_host_that_is_gone_changes_nothing() -> None:
    driver = furnished()
    opened(driver, "one", HOST)
    driver.channels["channel"] = []
    consumer = driver.ask(routed.Consume(HOST, "q", "channel", "tag", 0, False, False, 0, "one"))
    assert isinstance(consumer, Consuming)
    done(driver, system.DeleteHost(HOST))
    before = pieces_of(driver.machine.state)
    for command in asked_of_a_host(HOST):
        assert driver.ask(command) == HostDoesNotExist(HOST), command
    done(driver, routed.CloseChannel(HOST, "channel", [], True), routed.CloseConnection(HOST, "one"))
    assert pieces_of(driver.machine.state) == before
    assert driver.machine.state.system.connections == {}


def test_nothing_held_in_the_old_one_means_anything_in_a_new_one_of_its_name() -> None:
    """Leases, consumers and messages go by numbers."""
    driver = furnished()
    received = driver.ask(commands.ReceiveMessages(HOST, "q", None, 1, None, 0))
    assert isinstance(received, Received)
    old = received.messages[0]
    consumer = driver.ask(routed.Consume(HOST, "f", "channel", "tag", 0, False, False, 0, "one"))
    done(driver, system.DeleteHost(HOST))
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    for name in ("f", "q", "dead"):
        driver.ask(commands.CreateQueue(HOST, name, None, {}, {}))
    driver.ask(commands.SendMessages(HOST, "q", None, [message()]))
    again = driver.ask(commands.ReceiveMessages(HOST, "q", None, 1, None, 0))
    assert isinstance(again, Received)
    assert again.messages[0].message not in range(old.message + 1)
    for queue in ("f", "q", "dead"):
        answer = driver.ask(commands.DeleteMessages(HOST, queue, None, [old.lease]))
        assert answer == Results([LeaseOfAnotherQueue()])
    held = routed.LeaseRun(old.lease.queue, old.lease.entry, 1, old.lease.token, 0)
    driver.ask(routed.Settle(HOST, [held], routed.ACK))
    assert driver.host(HOST).queues["q"].leased == 1
    fresh = driver.ask(routed.Consume(HOST, "q", "another", "tag", 0, False, False, 0, "two"))
    assert fresh.consumer > consumer.consumer
    driver.check()


def test_the_default_virtual_host_can_go_too() -> None:
    driver = Driver()
    done(driver, system.DeleteHost("/"))
    driver.restart()
    assert describe(driver).hosts == []
    assert driver.create() != Done()
    assert [host.name for host in describe(driver).hosts] == ["/"]
    driver.check()


def test_who_has_no_permission_there_is_not_let_in() -> None:
    driver = furnished()
    done(driver, system.SetUser("ben", "", []))
    assert driver.ask(system.OpenConnection(HOST, "ben", "two")) == HostAccessRefused(HOST, "ben")
    assert driver.ask(system.OpenConnection("none", "ben", "two")) == HostDoesNotExist("none")
    assert driver.ask(system.OpenConnection("none", "nobody", "two")) == HostDoesNotExist("none")
    assert driver.ask(system.OpenConnection(HOST, "nobody", "two")) == HostAccessRefused(HOST, "nobody")
    done(driver, system.SetPermission("ben", HOST, Permission("", "", "")))
    opened(driver, "two", HOST, "ben")


def test_refusals_that_a_door_sends_along() -> None:
    """They stand where there would be something new, or where the exchange is a topic exchange, and only there."""
    driver = furnished()
    no: Any = HostDoesNotExist("stands for any refusal")
    assert driver.ask(routed.DeclareQueue(HOST, "new", {}, "one", no)) == no
    assert driver.ask(routed.DeclareExchange(HOST, "new", traits("direct"), no)) == no
    assert driver.ask(routed.DeclareExchange(HOST, "t", traits("topic"), no)) == Done()
    assert driver.ask(routed.DeclareQueue(HOST, "other", {}, "one")) == Declared("other", 0, 0)
    assert driver.ask(routed.DeclareQueue(HOST, "other", {}, "one", no)) == Declared("other", 0, 0)
    for source, expected in (("t", no), ("amq.direct", Done())):
        assert driver.ask(routed.Bind(HOST, binding(source, "other", "k"), "one", no)) == expected
        assert driver.ask(routed.Unbind(HOST, binding(source, "other", "k"), "one", no)) == expected
    done(driver, routed.Bind(HOST, binding("amq.direct", "other", "k"), "one"))
    for source, expected in (("t", no), ("amq.direct", 1)):
        answer = driver.ask(routed.Publish(HOST, [run(["x"], source, "k", refusal_if_topic=no)]))
        assert answer.outcomes == [expected] or expected == 1
    got = driver.ask(routed.Get(HOST, "other", True, "one"))
    assert isinstance(got, Got)
    assert got.message is not None
    assert driver.host(HOST).queues["other"].live == 0
