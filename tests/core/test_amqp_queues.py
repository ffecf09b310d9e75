"""Queues as AMQP declares, empties and deletes them; priorities; and what a restart leaves of them."""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core import commands as sqs
from oncemq.core import routed_commands as commands
from oncemq.core.outputs import Done
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_outputs import Declared, Emptied
from oncemq.core.routed_refusals import Inequivalent, QueueInUse, QueueLocked, QueueNotEmpty
from tests.core.routed import Amqp, Delivery


def passive(amqp: Amqp, name: str = "q", owner: Any = None) -> Any:
    return amqp.ask(commands.DeclareQueue("/", name, None, owner))


def remove(amqp: Amqp, name: str = "q", *, if_unused: bool = False, if_empty: bool = False, owner: Any = None) -> Any:
    return amqp.ask(commands.RemoveQueue("/", name, if_unused, if_empty, owner))


def got(amqp: Amqp, queue: str = "q") -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


# Declaring ------------------------------------------------------------------------------------------------------


def test_declaring_tells_ready_messages_and_consumers() -> None:
    amqp = Amqp()
    assert amqp.declare() == Declared("q", 0, 0)
    amqp.publish("a", "b", "c")
    amqp.consume(limit=1)
    assert amqp.declare() == passive(amqp) == Declared("q", 2, 1)
    amqp.check()


def test_declared_anew_it_writes_nothing() -> None:
    amqp = Amqp()
    amqp.declare(message_ttl_ms=5, arguments={"x-message-ttl": 5})
    batches = len(amqp.driver.batches)
    amqp.declare(message_ttl_ms=5, arguments={"x-message-ttl": 5})
    assert len(amqp.driver.batches) == batches


def test_a_passive_declare_makes_nothing() -> None:
    amqp = Amqp()
    assert passive(amqp) == QueueDoesNotExist("q")
    assert not amqp.driver.host().queues


def test_the_server_names_a_queue_without_a_name() -> None:
    amqp = Amqp()
    names = [amqp.declare("").queue for _ in range(3)]
    assert len(set(names)) == 3 and all(name.startswith("amq.gen-") for name in names)
    remove(amqp, names[2])
    assert amqp.declare("").queue not in names, "a name is not given twice"
    amqp.check()


def test_a_name_given_by_the_server_is_not_given_twice_after_a_restart() -> None:
    amqp = Amqp()
    first = amqp.declare("", durable=False).queue
    amqp.restart()
    assert amqp.declare("").queue != first


def test_a_server_named_queue_does_not_take_over_one_that_a_client_named_so() -> None:
    amqp = Amqp()
    taken = amqp.declare("").queue
    remove(amqp, taken)
    number = amqp.driver.host().next_queue
    amqp.declare(f"amq.gen-{number + 1}")
    assert amqp.declare("").queue != f"amq.gen-{number + 1}"


@pytest.mark.parametrize(
    ("again", "field", "received", "current"),
    [
        ({"durable": False}, "durable", "false", "true"),
        ({"auto_delete": True}, "auto_delete", "true", "false"),
        ({"arguments": {}}, "x-message-ttl", "none", "5"),
        ({"arguments": {"x-message-ttl": 6}}, "x-message-ttl", "6", "5"),
        ({"arguments": {"x-message-ttl": 5, "x-max-length": 1}}, "x-max-length", "1", "none"),
        ({"arguments": {"x-message-ttl": 5, "x-queue-type": "quorum"}}, "x-queue-type", "quorum", "classic"),
    ],
)
def test_declared_otherwise(again: dict[str, Any], field: str, received: str, current: str) -> None:
    amqp = Amqp()
    arguments = {"x-message-ttl": 5}
    amqp.declare(arguments=arguments)
    answer = amqp.redeclare(**{"arguments": arguments, **again})
    assert answer == Inequivalent("queue", "q", field, received, current)


@pytest.mark.parametrize("again", [{"x-mine": 2}, {}, {"x-queue-type": "classic", "x-mine": 1}])
def test_arguments_that_say_the_same(again: dict[str, Any]) -> None:
    amqp = Amqp()
    amqp.declare(arguments={"x-mine": 1})
    amqp.declare(arguments=again)


def test_a_queue_of_the_other_door_is_found() -> None:
    amqp = Amqp()
    amqp.driver.create("q", visibility_timeout_ms=5_000)
    amqp.driver.send("q", "a")
    assert amqp.declare() == Declared("q", 1, 0)


# Exclusive queues -----------------------------------------------------------------------------------------------


def test_an_exclusive_queue_is_its_owners_alone() -> None:
    amqp = Amqp()
    amqp.declare(owner="me", exclusive=True)
    locked = QueueLocked("q")
    assert amqp.redeclare(owner="you", exclusive=True) == locked
    assert amqp.redeclare(owner="you") == locked
    assert passive(amqp, owner="you") == locked
    assert remove(amqp, owner="you") == locked
    assert amqp.ask(commands.EmptyQueue("/", "q", "you")) == locked
    assert amqp.declare(owner="me", exclusive=True) == passive(amqp, owner="me") == Declared("q", 0, 0)
    assert remove(amqp, owner="me") == Emptied(0)
    amqp.check()


def test_anybody_may_publish_to_an_exclusive_queue() -> None:
    amqp = Amqp()
    amqp.declare(owner="me", exclusive=True)
    amqp.publish("a")
    assert amqp.driver.counts() == (1, 0, 0)


@pytest.mark.parametrize("exclusive", [False, True])
def test_exclusive_or_not_is_not_a_matter_of_arguments(exclusive: bool) -> None:
    amqp = Amqp()
    amqp.declare(owner="me", exclusive=exclusive)
    assert amqp.redeclare(owner="me", exclusive=not exclusive) == QueueLocked("q")


def test_an_exclusive_queue_goes_with_its_connection() -> None:
    amqp = Amqp()
    amqp.declare("mine", owner="me", exclusive=True)
    amqp.declare("yours", owner="you", exclusive=True)
    amqp.declare("ours", owner="me")
    amqp.bind("amq.fanout", "ours")
    amqp.done(commands.Bind("/", amqp.bind("amq.fanout", "ours"), None))
    amqp.publish("a", key="mine")
    amqp.done(commands.CloseConnection("/", "me"))
    assert list(amqp.driver.host().queues) == ["yours", "ours"]
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_the_consumers_of_an_exclusive_queue_are_told() -> None:
    amqp = Amqp()
    amqp.declare(owner="me", exclusive=True)
    number = amqp.consume(owner="me")
    amqp.done(commands.CloseConnection("/", "me"))
    assert amqp.cancelled() == [number]
    amqp.check()


def test_nobody_owns_what_the_connection_of_none_left() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.done(commands.CloseConnection("/", None))
    assert "q" in amqp.driver.host().queues


# Auto-delete ----------------------------------------------------------------------------------------------------


def test_an_auto_delete_queue_goes_with_its_last_consumer() -> None:
    amqp = Amqp()
    amqp.declare(auto_delete=True)
    amqp.bind("amq.fanout", "q")
    one, two = amqp.consume(), amqp.consume()
    amqp.publish("a")
    amqp.delivered()
    amqp.cancel(one)
    assert "q" in amqp.driver.host().queues
    amqp.cancel(two)
    assert "q" not in amqp.driver.host().queues
    assert amqp.driver.host().exchanges["amq.fanout"].bindings == []
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_an_auto_delete_queue_waits_for_its_first_consumer() -> None:
    amqp = Amqp()
    amqp.declare(auto_delete=True)
    amqp.publish("a")
    assert amqp.drain() == ["a"]
    assert "q" in amqp.driver.host().queues


def test_an_auto_delete_queue_goes_with_the_channel_and_what_it_held() -> None:
    amqp = Amqp()
    amqp.declare(auto_delete=True)
    amqp.consume()
    amqp.publish("a", "b")
    amqp.close("channel", *amqp.delivered())
    assert "q" not in amqp.driver.host().queues
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_those_who_wait_on_an_auto_delete_queue_are_told() -> None:
    amqp = Amqp()
    amqp.declare(auto_delete=True)
    number = amqp.consume()
    waiting = amqp.driver.wait()
    amqp.cancel(number)
    assert amqp.driver.answers[waiting] == QueueDoesNotExist("q")
    amqp.check()


# Deleting and emptying ------------------------------------------------------------------------------------------


def test_deleting_tells_how_many_were_ready() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a", "b", "c")
    got(amqp)
    assert remove(amqp) == Emptied(2)
    assert remove(amqp) == Emptied(0)
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_deleting_only_if_unused() -> None:
    amqp = Amqp()
    amqp.declare()
    number = amqp.consume()
    assert remove(amqp, if_unused=True) == QueueInUse("q")
    amqp.cancel(number)
    assert remove(amqp, if_unused=True) == Emptied(0)


def test_deleting_only_if_empty() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a")
    assert remove(amqp, if_empty=True) == QueueNotEmpty("q")
    got(amqp)
    assert remove(amqp, if_empty=True) == Emptied(0), "only ready messages count"


def test_emptying_leaves_what_is_held() -> None:
    amqp = Amqp()
    amqp.declare(maximum_priority=5)
    amqp.publish("a", "b", "c")
    amqp.publish("d", priority=5)
    held = got(amqp)
    assert amqp.purge() == 3
    assert amqp.purge() == 0
    assert amqp.driver.counts() == (0, 1, 0)
    amqp.requeue(held)
    assert amqp.drain() == ["d"]
    amqp.check()


def test_emptying_what_is_not_there() -> None:
    assert Amqp().ask(commands.EmptyQueue("/", "none", None)) == QueueDoesNotExist("none")


# Priorities -----------------------------------------------------------------------------------------------------


def by_priority(maximum: int = 9) -> Amqp:
    amqp = Amqp()
    amqp.declare(maximum_priority=maximum)
    return amqp


def test_higher_priorities_come_first_and_equal_ones_in_order() -> None:
    amqp = by_priority()
    for body, priority in (("a1", 1), ("b5", 5), ("c1", 1), ("d9", 9), ("e5", 5), ("f0", 0)):
        amqp.publish(body, priority=priority)
    amqp.check()
    assert amqp.drain() == ["d9", "b5", "e5", "a1", "c1", "f0"]
    amqp.check()


def test_above_the_maximum_is_the_maximum() -> None:
    amqp = by_priority(5)
    amqp.publish("a", priority=5)
    amqp.publish("b", priority=255)
    amqp.publish("c", priority=4)
    assert amqp.drain() == ["a", "b", "c"]


def test_without_a_maximum_there_are_no_priorities() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a", priority=1)
    amqp.publish("b", priority=9)
    assert amqp.drain() == ["a", "b"]


def test_the_highest_priority_there_is() -> None:
    amqp = by_priority(255)
    amqp.publish("a")
    amqp.publish("b", priority=255)
    amqp.check()
    assert amqp.drain() == ["b", "a"]


def test_it_is_requeued_at_its_priority_and_to_its_place() -> None:
    amqp = by_priority()
    for body, priority in (("a1", 1), ("b1", 1), ("c5", 5), ("d5", 5)):
        amqp.publish(body, priority=priority)
    held = [got(amqp) for _ in range(3)]
    assert [each.body for each in held] == ["c5", "d5", "a1"]
    amqp.requeue(*held)
    amqp.check()
    assert amqp.drain() == ["c5", "d5", "a1", "b1"]


def test_priorities_survive_a_restart() -> None:
    amqp = by_priority()
    for body, priority in (("a1", 1), ("b5", 5), ("c1", 1)):
        amqp.publish(body, priority=priority)
    amqp.driver.begin_checkpoint()
    amqp.publish("d5", priority=5)
    amqp.driver.publish_checkpoint()
    got(amqp)
    amqp.restart()
    assert amqp.drain() == ["b5", "d5", "a1", "c1"]
    amqp.check()


def test_one_publish_is_of_one_priority_in_one_queue_and_none_in_another() -> None:
    amqp = by_priority()
    amqp.declare("plain")
    for name in ("q", "plain"):
        amqp.bind("amq.fanout", name)
    amqp.publish("a", exchange="amq.fanout", priority=1)
    amqp.publish("b", exchange="amq.fanout", priority=2)
    assert (amqp.drain("q"), amqp.drain("plain")) == (["b", "a"], ["a", "b"])
    amqp.check()


def test_what_comes_through_sqs_has_the_lowest_priority() -> None:
    amqp = by_priority()
    amqp.driver.send("q", "from SQS")
    amqp.publish("a", priority=1)
    assert amqp.driver.receive_bodies("q") == ["a", "from SQS"]


# Restart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", [False, True])
def test_transient_and_exclusive_queues_are_gone_after_a_restart(checkpoint: bool) -> None:
    amqp = Amqp()
    amqp.declare("durable")
    amqp.declare("transient", durable=False)
    amqp.declare("exclusive", owner="me", exclusive=True)
    amqp.exchange("durable x", "fanout")
    amqp.exchange("transient x", "fanout", durable=False)
    for source in ("durable x", "transient x", "amq.fanout"):
        for name in ("durable", "transient"):
            amqp.bind(source, name)
    amqp.link("durable x", "transient x")
    amqp.publish("a", exchange="durable x")
    if checkpoint:
        amqp.driver.begin_checkpoint()
        amqp.driver.publish_checkpoint()
    amqp.restart()
    host = amqp.driver.host()
    assert list(host.queues) == ["durable"]
    assert "transient x" not in host.exchanges
    assert [each.target for each in host.exchanges["durable x"].bindings] == [("queue", "durable")]
    assert amqp.drain("durable") == ["a"]
    assert host.messages.live == 0
    amqp.check()


def test_an_auto_delete_queue_waits_anew_after_a_restart() -> None:
    amqp = Amqp()
    amqp.declare(auto_delete=True)
    amqp.consume()
    amqp.restart()
    amqp.check()
    assert "q" in amqp.driver.host().queues
    amqp.cancel(amqp.consume())
    assert "q" not in amqp.driver.host().queues


def test_a_queue_of_the_same_name_is_another_one() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a")
    old = got(amqp)
    remove(amqp)
    amqp.declare()
    amqp.publish("b")
    new = got(amqp)
    amqp.ack(old)
    assert amqp.driver.counts() == (0, 1, 0)
    amqp.ack(new)
    assert amqp.ask(sqs.DeleteQueue("/", "q", None)) == Done()
    amqp.check()
