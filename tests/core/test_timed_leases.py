"""x-lease-ms: a consumer that holds messages for a time."""

from oncemq.core import routed_commands as commands
from tests.core.routed import Amqp, lease_runs


def test_a_message_comes_back_at_the_deadline() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.consume(channel="one", limit=1, lease_ms=1_600)
    amqp.publish("a")
    (first,) = amqp.delivered("one")
    amqp.check()
    amqp.driver.advance(1_500)
    amqp.consume(channel="two")
    assert amqp.bodies("two") == []
    amqp.driver.advance(116)
    (second,) = amqp.delivered("two")
    assert (second.body, second.redelivered) == ("a", True)
    amqp.ack(first)
    assert amqp.driver.counts() == (0, 1, 0)
    amqp.ack(second)
    assert amqp.driver.counts() == (0, 0, 0)
    amqp.publish("b")
    assert len(amqp.bodies("one") + amqp.bodies("two")) == 1
    amqp.check()


def test_it_can_be_extended() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.consume(limit=1, lease_ms=1_600)
    amqp.publish("a")
    (held,) = amqp.delivered()
    for _ in range(3):
        amqp.driver.advance(1_200)
        amqp.ask(commands.ExtendLeases("/", lease_runs(held)))
    assert amqp.driver.counts() == (0, 1, 0)
    amqp.check()
    amqp.driver.advance(1_616)
    assert amqp.driver.counts() == (1, 0, 0)


def test_what_is_held_too_long_too_often_is_dropped() -> None:
    amqp = Amqp()
    amqp.declare("q", delivery_limit=1)
    amqp.consume(lease_ms=1_600)
    amqp.publish("a")
    for _ in range(2):
        amqp.driver.advance(1_616)
    assert len(amqp.bodies()) == 2
    assert amqp.driver.counts() == (0, 0, 0)
    amqp.check()
