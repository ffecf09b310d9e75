"""Exchanges that choose one binding, and the one that delays."""

from collections import Counter

import pytest

from oncemq.core import routed_commands as commands
from oncemq.core.routed_refusals import UnknownExchangeType
from tests.core.routed import Amqp, traits

YEAR_MS = 31_536_000_000


def _with_queues(kind: str, *weights: str) -> Amqp:
    amqp = Amqp()
    amqp.exchange("x", kind)
    for number, weight in enumerate(weights):
        amqp.queue_for(f"q{number}", "x", weight)
    return amqp


def test_a_consistent_hash_shares_by_weight_and_keeps_to_it() -> None:
    amqp = _with_queues("x-consistent-hash", "1", "3")
    before = {key: amqp.routed("x", key)[0] for key in map(str, range(400))}
    shares = Counter(before.values())
    assert 60 < shares["q0"] < 140 and shares["q0"] + shares["q1"] == 400
    amqp.queue_for("q2", "x", "1")
    after = {key: amqp.routed("x", key)[0] for key in before}
    assert {after[key] for key in before if after[key] != before[key]} == {"q2"}
    amqp.check()


def test_a_header_can_be_hashed_instead() -> None:
    amqp = Amqp()
    amqp.exchange("x", "x-consistent-hash", {"hash-header": "user"})
    for name in ("a", "b", "c"):
        amqp.queue_for(name, "x", "1")
    by_user = {user: {*amqp.routed("x", f"k{user}", headers={"user": user})} for user in range(20)}
    again = {user: {*amqp.routed("x", "other", headers={"user": user})} for user in range(20)}
    assert by_user == again and len({name for names in by_user.values() for name in names}) == 3


@pytest.mark.parametrize("kind", ["x-random", "x-modulus-hash"])
def test_one_queue_gets_each_message(kind: str) -> None:
    amqp = _with_queues(kind, "", "", "")
    chosen = Counter(amqp.routed("x", str(number))[0] for number in range(90))
    assert len(chosen) == 3 and min(chosen.values()) > 10


def test_messages_of_one_run_are_chosen_for_one_by_one() -> None:
    amqp = _with_queues("x-random", "", "")
    amqp.publish(*map(str, range(40)), exchange="x")
    assert min(amqp.driver.counts(name)[0] for name in ("q0", "q1")) > 5
    amqp.check()


def test_a_delayed_message_waits_through_a_restart() -> None:
    amqp = Amqp()
    amqp.exchange("x", "x-delayed-message", {"x-delayed-type": "topic"})
    amqp.queue_for("q", "x", "a.#")
    amqp.publish("late", exchange="x", key="a.b", headers={"x-delay": 2 * YEAR_MS}, expiration_ms=1_000)
    amqp.publish("soon", exchange="x", key="a.b", headers={"x-delay": 1_600})
    amqp.publish("now", exchange="x", key="a.b")
    assert amqp.drain() == ["now"]
    amqp.check()
    amqp.restart()
    amqp.driver.advance(1_616)
    assert amqp.drain() == ["soon"]
    amqp.driver.advance(2 * YEAR_MS - 1_600)
    assert amqp.drain() == ["late"]
    amqp.check()


def test_a_delayed_exchange_needs_a_type() -> None:
    amqp = Amqp()
    for arguments in ({}, {"x-delayed-type": "x-delayed-message"}, {"x-delayed-type": "none"}):
        answer = amqp.ask(commands.DeclareExchange("/", "x", traits("x-delayed-message", dict(arguments))))
        assert isinstance(answer, UnknownExchangeType)
