"""Arguments of a queue changed in place, and the prefetch of consumers that run."""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core import routed_commands as commands
from oncemq.core.policies import Policy
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_outputs import REJECTED, Declared
from oncemq.core.routed_refusals import Inequivalent, QueueLocked
from oncemq.core.settings import Settings
from tests.core.routed import Amqp


def change(amqp: Amqp, queue: str = "q", owner: Any = None, **settings: Any) -> Any:
    """Declare with other arguments, to be taken."""
    command = commands.DeclareQueue("/", queue, {"retention_ms": 0, **settings}, owner)
    command.changes_arguments = True
    return amqp.ask(command)


def settings(amqp: Amqp) -> Settings:
    return amqp.driver.host().queues["q"].settings


def test_the_arguments_given_hold_and_those_not_given_go() -> None:
    amqp = Amqp()
    amqp.declare(maximum_length=5, delivery_limit=2, arguments={"x-max-length": 5, "x-delivery-limit": 2})
    given: dict[str, Any] = {
        "maximum_length": 7,
        "message_ttl_ms": 9,
        "arguments": {"x-max-length": 7, "x-message-ttl": 9},
    }
    assert change(amqp, **given) == Declared("q", 0, 0)
    assert settings(amqp) == Settings(retention_ms=0, **given)
    assert isinstance(amqp.redeclare(arguments={"x-max-length": 5}), Inequivalent)
    amqp.declare(**given)
    amqp.restart()
    assert settings(amqp) == Settings(retention_ms=0, **given)
    amqp.check()


def test_messages_consumers_and_bindings_stay() -> None:
    amqp = Amqp()
    amqp.queue_for("q", "amq.direct", "key")
    amqp.consume(limit=1)
    amqp.publish("a", "b", "c", "d")
    (held,) = amqp.delivered()
    assert change(amqp, maximum_length=2, arguments={"x-max-length": 2}) == Declared("q", 3, 1)
    amqp.ack(held)
    assert amqp.bodies() == ["c"], "what is too much is gone"
    assert amqp.publish("e", exchange="amq.direct", key="key") == 0
    amqp.check()


def test_an_overflow_that_refuses_holds_at_once() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a")
    change(amqp, maximum_length=1, overflow="reject-publish", arguments={})
    assert amqp.publish("b") == REJECTED


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"durable": False}, Inequivalent("queue", "q", "durable", "false", "true")),
        ({"auto_delete": True}, Inequivalent("queue", "q", "auto_delete", "true", "false")),
        ({"exclusive": True}, QueueLocked("q")),
        ({"arguments": {"x-max-priority": 3}}, Inequivalent("queue", "q", "x-max-priority", "3", "none")),
        ({"arguments": {"x-queue-type": "quorum"}}, Inequivalent("queue", "q", "x-queue-type", "quorum", "classic")),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_changed_is_refused(given: dict[str, Any], refusal: Any) -> None:
    amqp = Amqp()
    amqp.declare()
    before = settings(amqp)
    assert change(amqp, maximum_length=1, **given) == refusal
    assert settings(amqp) == before


def test_another_connections_queue_is_not_changed() -> None:
    amqp = Amqp()
    amqp.declare(owner="one", exclusive=True)
    assert change(amqp, owner="two", exclusive=True, maximum_length=1) == QueueLocked("q")


def test_who_may_not_name_the_dead_letter_exchange_may_not_change_to_it() -> None:
    amqp = Amqp()
    amqp.declare()
    refused = QueueDoesNotExist("any refusal")
    command = commands.DeclareQueue("/", "q", {"dead_letter_exchange": "x"}, None, refused, True)
    assert amqp.ask(command) == refused
    assert settings(amqp).dead_letter_exchange is None


def test_a_queue_that_is_not_there_is_made() -> None:
    amqp = Amqp()
    assert change(amqp, maximum_length=1) == Declared("q", 0, 0)
    assert settings(amqp).maximum_length == 1


def test_what_the_other_door_set_stays() -> None:
    amqp = Amqp()
    amqp.driver.create("q", delay_ms=5, deduplication_window_ms=9_000, kind="fifo")
    change(amqp, message_ttl_ms=3, arguments={"x-message-ttl": 3})
    found = settings(amqp)
    assert (found.delay_ms, found.deduplication_window_ms, found.message_ttl_ms) == (5, 9_000, 3)
    change(amqp, deduplication_window_ms=7_000, arguments={"x-cache-ttl": 7_000})
    assert settings(amqp).deduplication_window_ms == 7_000
    change(amqp, arguments={})
    assert settings(amqp).deduplication_window_ms == Settings().deduplication_window_ms


def test_a_policy_goes_on_beside_it() -> None:
    amqp = Amqp()
    amqp.declare(maximum_length=9)
    amqp.done(commands.SetPolicy("/", Policy("p", "q", {"max-length": 5})))
    change(amqp, maximum_length=3, arguments={"x-max-length": 3})
    assert settings(amqp).maximum_length == 3
    change(amqp, arguments={})
    assert settings(amqp).maximum_length == 5
    amqp.done(commands.ClearPolicy("/", "p", False))
    assert settings(amqp).maximum_length is None


# Prefetch -------------------------------------------------------------------------------------------------------


def test_the_channels_limit_holds_for_running_consumers() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.limit("channel", 1)
    amqp.consume(limit=0)
    amqp.publish("a", "b", "c", "d")
    assert amqp.bodies() == ["a"]
    amqp.limit("channel", 3)
    assert amqp.bodies() == ["b", "c"]


def test_a_consumer_that_follows_gets_more_at_once_or_less_in_time() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.consume(channel="steady", limit=1)
    amqp.consume(limit=1, follows_limit=True)
    amqp.publish("a", "b", "c", "d", "e", "f")
    assert amqp.bodies("steady") == ["a"]
    first = amqp.delivered()
    amqp.done(commands.LimitConsumers("/", "channel", 3))
    amqp.done(commands.LimitConsumers("/", "steady", 3))
    more = amqp.delivered()
    assert [each.body for each in first + more] == ["b", "c", "d"]
    assert amqp.bodies("steady") == [], "it was not asked to follow"
    amqp.done(commands.LimitConsumers("/", "channel", 1))
    amqp.ack(first[0], more[0])
    assert amqp.bodies() == []
    amqp.ack(more[1])
    assert amqp.bodies() == ["e"]
    amqp.done(commands.LimitConsumers("/", "channel", 0))
    assert amqp.bodies() == ["f"]
