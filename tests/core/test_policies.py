"""Policies: which one decides, what it does to queues and exchanges that are there and that come, and through a
restart.
"""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core import routed_commands as commands
from oncemq.core.outputs import Done
from oncemq.core.policies import Policy, invalid
from oncemq.core.routed_outputs import REJECTED, Policies
from oncemq.core.settings import Settings
from tests.core.routed import Amqp


def setting(name: str, pattern: str = "^q", **more: Any) -> Policy:
    """A policy; `_` in the name of a definition stands for a hyphen."""
    fields = {field: more.pop(field) for field in ("applies_to", "priority", "operator") if field in more}
    return Policy(name, pattern, {key.replace("_", "-"): value for key, value in more.items()}, **fields)


def put(amqp: Amqp, name: str, pattern: str = "^q", **more: Any) -> None:
    amqp.done(commands.SetPolicy("/", setting(name, pattern, **more)))


def clear(amqp: Amqp, name: str, *, operator: bool = False) -> None:
    amqp.done(commands.ClearPolicy("/", name, operator))


def settings(amqp: Amqp, queue: str = "q") -> Settings:
    return amqp.driver.host().queues[queue].settings


# What it does ---------------------------------------------------------------------------------------------------


def test_a_policy_holds_for_what_is_there_and_for_what_comes() -> None:
    amqp = Amqp()
    amqp.declare("q-old")
    put(amqp, "short", max_length=2)
    amqp.declare("q-new")
    amqp.declare("other")
    for queue, length in (("q-old", 2), ("q-new", 2), ("other", None)):
        assert settings(amqp, queue).maximum_length == length
        assert settings(amqp, queue).policy_name == ("short" if length else None)
    amqp.check()


def test_what_is_too_much_goes_at_once() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("a", "b", "c", "d")
    put(amqp, "short", max_length=2)
    assert amqp.drain() == ["c", "d"]
    amqp.publish("a", "b", "c")
    clear(amqp, "short")
    amqp.publish("d", "e")
    assert amqp.drain() == ["b", "c", "d", "e"]
    amqp.check()


def test_bytes_are_counted_from_the_policy_on() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("x" * 1000, "y" * 1000, "z" * 1000)
    put(amqp, "small", max_length_bytes=2500)
    assert [body[0] for body in amqp.drain()] == ["y", "z"]


def test_messages_published_from_then_on_expire() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish("before")
    put(amqp, "hasty", message_ttl=1000)
    amqp.publish("after")
    amqp.driver.advance(2000)
    assert amqp.drain() == ["before"]


def test_an_overflow_that_refuses() -> None:
    amqp = Amqp()
    amqp.declare()
    put(amqp, "full", max_length=1, overflow="reject-publish")
    assert amqp.publish("a", "b") == REJECTED + 1
    assert amqp.drain() == ["a"]


def test_dead_letters_go_where_the_policy_says() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.declare("dead")
    put(amqp, "grave", dead_letter_exchange="", dead_letter_routing_key="dead", delivery_limit=0)
    amqp.publish("a", "b")
    for act in (amqp.reject, amqp.requeue):
        found = amqp.get()
        assert found is not None
        act(found)
    assert amqp.drain("dead") == ["a", "b"]


def test_a_queue_that_nobody_uses_goes() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.driver.advance(5_000)
    put(amqp, "unused", expires=1_000)
    amqp.driver.advance(900)
    assert "q" in amqp.driver.host().queues, "its time begins with the policy"
    put(amqp, "unused", expires=60_000)
    amqp.driver.advance(30_000)
    put(amqp, "unused", expires=500)
    amqp.driver.advance(600)
    assert "q" not in amqp.driver.host().queues
    amqp.check()


def test_an_alternate_exchange() -> None:
    amqp = Amqp()
    amqp.exchange("plain")
    amqp.exchange("other")
    amqp.exchange("own", arguments={"alternate-exchange": "none"})
    amqp.exchange("spare", "fanout")
    amqp.queue_for("q", "spare")
    put(amqp, "lost", "^(plain|own|later)$", alternate_exchange="spare", applies_to="exchanges")
    amqp.exchange("later")
    for exchange, found in (("plain", ["q"]), ("later", ["q"]), ("other", []), ("own", [])):
        assert amqp.routed(exchange) == found
    amqp.restart()
    assert amqp.routed("plain") == ["q"]
    clear(amqp, "lost")
    assert amqp.routed("plain") == []
    amqp.check()


def test_consumers_go_on_when_it_changes() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.consume(limit=1)
    amqp.publish("a", "b", "c")
    (held,) = amqp.delivered()
    put(amqp, "short", max_length=1)
    amqp.ack(held)
    assert amqp.bodies() == ["c"]


# Which one decides ----------------------------------------------------------------------------------------------


def test_the_highest_priority_decides_alone() -> None:
    amqp = Amqp()
    amqp.declare()
    put(amqp, "low", max_length=5, message_ttl=7, priority=1)
    put(amqp, "high", max_length=9, priority=2)
    assert (settings(amqp).maximum_length, settings(amqp).message_ttl_ms) == (9, None)
    clear(amqp, "high")
    assert (settings(amqp).maximum_length, settings(amqp).message_ttl_ms) == (5, 7)
    clear(amqp, "low")
    assert settings(amqp) == Settings(retention_ms=0)


@pytest.mark.parametrize(("declared", "length"), [(3, 3), (50, 10), (None, 10)])
def test_of_two_numbers_the_lower_one_holds(declared: int | None, length: int) -> None:
    amqp = Amqp()
    amqp.declare(maximum_length=declared)
    put(amqp, "short", max_length=10)
    assert settings(amqp).maximum_length == length
    clear(amqp, "short")
    assert settings(amqp).maximum_length == declared


def test_what_it_was_declared_with_beats_a_policy() -> None:
    amqp = Amqp()
    amqp.declare(
        overflow="drop-head",
        dead_letter_exchange="mine",
        arguments={"x-overflow": "drop-head"} | {"x-dead-letter-exchange": "mine"},
    )
    put(amqp, "theirs", overflow="reject-publish", dead_letter_exchange="theirs", dead_letter_routing_key="key")
    found = settings(amqp)
    assert (found.overflow, found.dead_letter_exchange, found.dead_letter_routing_key) == ("drop-head", "mine", "key")


def test_an_operator_limits_what_policies_and_queues_ask_for() -> None:
    amqp = Amqp()
    amqp.declare(maximum_length=20)
    put(amqp, "wish", max_length=10, message_ttl=500, overflow="reject-publish")
    put(amqp, "limit", max_length=5, message_ttl=900, operator=True)
    found = settings(amqp)
    assert (found.maximum_length, found.message_ttl_ms, found.overflow) == (5, 500, "reject-publish")
    assert (found.policy_name, found.operator_policy_name) == ("wish", "limit")
    clear(amqp, "wish")
    assert (settings(amqp).maximum_length, settings(amqp).message_ttl_ms) == (5, 900)
    clear(amqp, "limit", operator=True)
    assert settings(amqp).maximum_length == 20


@pytest.mark.parametrize(
    ("applies_to", "governed"),
    [
        ("all", ["classic", "quorum"]),
        ("queues", ["classic", "quorum"]),
        ("classic_queues", ["classic"]),
        ("quorum_queues", ["quorum"]),
        ("exchanges", []),
        ("streams", []),
    ],
)
def test_what_it_applies_to(applies_to: str, governed: list[str]) -> None:
    amqp = Amqp()
    amqp.declare("classic")
    amqp.declare("quorum", arguments={"x-queue-type": "quorum"})
    put(amqp, "p", ".*", max_length=1, applies_to=applies_to)
    assert [name for name in ("classic", "quorum") if settings(amqp, name).policy_name] == governed


def test_a_queue_that_a_changed_pattern_no_longer_fits_is_free() -> None:
    amqp = Amqp()
    amqp.declare()
    put(amqp, "p", max_length=1)
    put(amqp, "p", "^other", max_length=1)
    assert settings(amqp) == Settings(retention_ms=0)


# Beside what else changes settings ------------------------------------------------------------------------------


def test_the_other_door_changes_what_is_the_queues_own() -> None:
    amqp = Amqp()
    amqp.driver.create("q")
    put(amqp, "p", max_length=1)
    assert isinstance(amqp.driver.change("q", delay_ms=5), Done)
    assert (settings(amqp).delay_ms, settings(amqp).maximum_length) == (5, 1)
    amqp.driver.create("q", delay_ms=5)
    clear(amqp, "p")
    assert settings(amqp) == Settings(delay_ms=5)
    amqp.check()


def test_declared_anew_it_is_found_equal() -> None:
    amqp = Amqp()
    amqp.declare(maximum_length=9, arguments={"x-max-length": 9})
    put(amqp, "p", max_length=1)
    amqp.declare(maximum_length=9, arguments={"x-max-length": 9})


# Through a restart ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", [False, True])
def test_policies_survive_a_restart(checkpoint: bool) -> None:
    amqp = Amqp()
    amqp.declare("q", maximum_length=9)
    put(amqp, "p", max_length=3, message_ttl=50)
    put(amqp, "o", max_length=2, operator=True)
    if checkpoint:
        amqp.driver.begin_checkpoint()
        amqp.driver.publish_checkpoint()
    amqp.restart()
    assert (settings(amqp).maximum_length, settings(amqp).message_ttl_ms) == (2, 50)
    amqp.declare("q2")
    assert settings(amqp, "q2").maximum_length == 2
    clear(amqp, "o", operator=True)
    clear(amqp, "p")
    assert settings(amqp) == Settings(retention_ms=0, maximum_length=9)
    amqp.check()


def test_the_configuration_files_policies_come_and_go_with_it() -> None:
    amqp = Amqp()
    amqp.declare()
    put(amqp, "by hand", message_ttl=4, priority=-1)
    amqp.ask(commands.ConfigurePolicies({"/": [setting("p", max_length=3)], "none": [setting("p", max_length=3)]}))
    assert settings(amqp).maximum_length == 3
    batches = len(amqp.driver.batches)
    amqp.ask(commands.ConfigurePolicies({"/": [setting("p", max_length=3)]}))
    assert len(amqp.driver.batches) == batches, "nothing new, nothing written"
    amqp.ask(commands.ConfigurePolicies({}))
    assert (settings(amqp).maximum_length, settings(amqp).policy_name) == (None, "by hand")
    amqp.check()


def test_they_are_listed() -> None:
    amqp = Amqp()
    put(amqp, "p", max_length=3)
    put(amqp, "o", max_length=2, operator=True)
    for operator, found in ((False, setting("p", max_length=3)), (True, setting("o", max_length=2, operator=True))):
        assert amqp.ask(commands.ListPolicies("/", operator)) == Policies([found])


def test_what_is_transient_is_governed_as_long_as_it_lives() -> None:
    amqp = Amqp()
    amqp.declare("q-transient", durable=False)
    amqp.exchange("q-exchange", "direct", durable=False)
    amqp.queue_for("lost", "amq.fanout")
    put(amqp, "p", max_length=2, alternate_exchange="amq.fanout")
    amqp.publish("a", "b", "c", key="q-transient")
    assert amqp.drain("q-transient") == ["b", "c"]
    assert amqp.routed("q-exchange") == ["lost"]
    amqp.check()
    amqp.restart()
    amqp.declare("q-transient", durable=False)
    assert settings(amqp, "q-transient").maximum_length == 2
    clear(amqp, "p")
    assert settings(amqp, "q-transient").maximum_length is None
    amqp.check()


# What cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (setting("", max_length=1), "a name has"),
        (setting("p", "(", max_length=1), "is no regular expression"),
        (setting("p", applies_to="queue", max_length=1), "apply-to is one of"),
        (setting("p"), "the definition is empty"),
        (setting("p", max_length=-1), "max-length is a number from 0, not -1"),
        (setting("p", max_length=True), "not True"),
        (setting("p", max_length="1"), "not '1'"),
        (setting("p", expires=0), "expires is a number from 1"),
        (setting("p", overflow="drop-tail"), "overflow is one of"),
        (setting("p", dead_letter_exchange=1), "dead-letter-exchange is a text"),
        (setting("p", max_priority=3), "max-priority is not a recognised policy setting"),
        (setting("p", overflow="drop-head", operator=True), "an operator policy limits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be(policy: Policy, why: str) -> None:
    refused = invalid(policy)
    assert refused is not None and why in refused.why


def test_what_has_no_effect_here_is_taken() -> None:
    assert invalid(setting("p", ha_mode="all", queue_mode="lazy")) is None
