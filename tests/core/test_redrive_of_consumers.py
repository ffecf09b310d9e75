"""A limit of deliveries, for consumers and receives alike: x-max-receive-count and RedrivePolicy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oncemq.core import commands
from oncemq.core.decide import redriving
from oncemq.core.outputs import MoveTaskInfo, QueueNames
from tests.core.routed import Amqp, Delivery


def with_limit(maximum_receives: int = 2, **settings: object) -> Amqp:
    """A queue `q` as AMQP declares it, and `dead` for what was delivered too often."""
    amqp = Amqp()
    amqp.declare("dead")
    given = {"dead_letter_exchange": "", "dead_letter_routing_key": "dead", **settings}
    amqp.declare("q", maximum_receives=maximum_receives, **given)
    return amqp


def redriven() -> Amqp:
    """The same, as SQS makes them."""
    amqp = Amqp()
    amqp.driver.create("dead")
    amqp.driver.create("q", dead_letter_queue="dead", maximum_receives=2)
    return amqp


def one(amqp: Amqp, queue: str = "q") -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


@pytest.mark.parametrize("make", [with_limit, redriven])
def test_a_consumer_is_sent_it_so_often_and_then_the_dead_letter_queue_has_it(make: Callable[[], Amqp]) -> None:
    amqp = make()
    amqp.consume(limit=1)
    amqp.publish("poison", "good")
    for _ in range(2):
        (held,) = amqp.delivered()
        assert held.body == "poison"
        amqp.requeue(held)
    assert amqp.bodies() == ["good"]
    (dead,) = amqp.driver.receive("dead")
    assert (amqp.driver.body(dead), dead.source, dead.deliveries) == ("poison", "q", 3)
    amqp.check()


@pytest.mark.parametrize("make", [with_limit, redriven])
def test_deliveries_and_receives_count_together(make: Callable[[], Amqp]) -> None:
    amqp = make()
    amqp.publish("one", "two")
    assert amqp.driver.receive_bodies("q", maximum=1, visibility_ms=0) == ["one"]
    amqp.requeue(one(amqp))
    assert one(amqp).body == "two"
    amqp.publish("three")
    amqp.requeue(one(amqp))
    amqp.requeue(one(amqp))
    assert amqp.driver.receive_bodies("q") == [], "the receive that would be the third"
    assert amqp.drain("dead") == ["one", "three"]
    amqp.check()


def test_a_lost_channel_counts() -> None:
    amqp = with_limit(1)
    amqp.consume(channel="one")
    amqp.publish("a")
    amqp.close("one", *amqp.delivered("one"))
    assert (amqp.get(), amqp.drain("dead")) == (None, ["a"])


def test_another_exchange_gets_them_with_their_death() -> None:
    amqp = with_limit(1, dead_letter_exchange="amq.fanout")
    amqp.bind("amq.fanout", "dead")
    amqp.publish("a")
    amqp.requeue(one(amqp))
    assert amqp.get() is None
    held = one(amqp, "dead")
    assert held.afterlife is not None and held.afterlife.deaths[0].reason == "delivery_limit"
    amqp.check()


@pytest.mark.parametrize("settings", [{"dead_letter_routing_key": "q"}, {"dead_letter_routing_key": "none"}])
def test_with_nowhere_to_go_it_is_delivered_again(settings: dict[str, str]) -> None:
    amqp = with_limit(1, **settings)
    amqp.publish("a")
    for _ in range(4):
        amqp.requeue(one(amqp))
    assert amqp.driver.counts("q") == (1, 0, 0)


def test_in_a_circle_each_queue_delivers_it_once() -> None:
    amqp = with_limit(1)
    amqp.ask(commands.ChangeQueue("/", "dead", None, {"dead_letter_queue": "q", "maximum_receives": 1}))
    amqp.publish("a")
    amqp.consume("q", "here", limit=1)
    amqp.consume("dead", "there", limit=1)
    for _ in range(3):
        for channel in ("here", "there"):
            (held,) = amqp.delivered(channel)
            amqp.requeue(held)
    amqp.check()


def test_what_goes_at_once_is_bounded_and_the_rest_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redriving, "DEAD_LETTERS_PER_RECEIVE", 4)
    monkeypatch.setattr(redriving, "DELIVERIES_PER_STEP", 2)
    amqp = with_limit(1)
    amqp.publish(*(str(number) for number in range(10)))
    amqp.requeue(*[one(amqp) for _ in range(10)])
    amqp.publish("good")
    amqp.consume()
    assert (amqp.bodies(), amqp.driver.counts("dead")) == ([], (4, 0, 0))
    for _ in range(2):
        amqp.driver.advance(20)
    assert (amqp.bodies(), amqp.driver.counts("dead")) == (["good"], (10, 0, 0))
    amqp.check()


def test_what_is_rejected_goes_where_the_redrive_policy_says() -> None:
    amqp = redriven()
    amqp.publish("a")
    amqp.reject(one(amqp))
    (dead,) = amqp.driver.receive("dead")
    assert dead.source == "q"


def test_sqs_knows_the_sources_and_moves_them_back() -> None:
    amqp = with_limit(1)
    amqp.publish("a")
    amqp.requeue(one(amqp))
    assert amqp.get() is None
    assert amqp.ask(commands.ListDeadLetterSources("/", "dead", None, "", 10)) == QueueNames(["q"], False)
    assert isinstance(amqp.ask(commands.StartMoveTask("/", "dead", None, None, None)), MoveTaskInfo)
    amqp.driver.advance(1_000)
    assert amqp.drain() == ["a"]
    amqp.check()


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_moved_lives_as_long_as_its_new_queue_says(restarted: bool) -> None:
    amqp = with_limit(1)
    amqp.declare("hasty", message_ttl_ms=5_000)
    amqp.ask(commands.ChangeQueue("/", "q", None, {"dead_letter_queue": "hasty"}))
    amqp.publish("a", "b", expiration_ms=60_000)
    amqp.requeue(one(amqp), one(amqp))
    assert amqp.get() is None
    amqp.driver.advance(4_000)
    assert amqp.driver.counts("hasty") == (2, 0, 0)
    if restarted:
        amqp.restart()
    amqp.driver.advance(1_100)
    assert amqp.driver.counts("hasty") == (0, 0, 0)
    amqp.check()


def test_a_transient_message_goes_to_a_durable_queue_too() -> None:
    amqp = with_limit(1, durable=False)
    amqp.publish("a", persistent=False)
    amqp.requeue(one(amqp))
    assert (amqp.get(), amqp.driver.counts("dead")) == (None, (1, 0, 0))
    amqp.check()
    amqp.restart()
    assert amqp.drain("dead") == ["a"]
