"""tx.commit: acks and publishes in one batch of the journal, all of it or none."""

from __future__ import annotations

from oncemq.core import routed_commands as commands
from oncemq.core.routed_outputs import ROUTED, UNROUTED
from tests.core.driver import Driver
from tests.core.routed import Amqp, Delivery, run, settlement


def publishing(*bodies: str, key: str = "q") -> commands.Publish:
    return commands.Publish("/", [run(list(bodies), key=key)])


def got(amqp: Amqp, queue: str = "q") -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


def with_queues() -> Amqp:
    amqp = Amqp()
    amqp.declare("q")
    amqp.declare("done")
    return amqp


def test_acks_and_publishes_are_one_batch() -> None:
    amqp = with_queues()
    amqp.publish("a", "b", "c")
    a, b, c = (got(amqp) for _ in range(3))
    batches = len(amqp.driver.batches)
    amqp.transact(
        publishing("x", key="done"),
        settlement(commands.ACK, a),
        settlement(commands.REQUEUE, b),
        settlement(commands.REJECT, c),
        publishing("y", key="done"),
    )
    assert len(amqp.driver.batches) == batches + 1
    amqp.check()
    assert (amqp.drain("q"), amqp.drain("done")) == (["b"], ["x", "y"])


def test_without_its_batch_nothing_of_it_happened() -> None:
    """A crash before the batch is durable: what was got is ready again, nothing was published."""
    amqp = with_queues()
    amqp.publish("a")
    amqp.transact(publishing("x", key="done"), settlement(commands.ACK, got(amqp)))
    crashed = Amqp(Driver(start=False))
    crashed.driver.batches = amqp.driver.batches[:-1]
    crashed.driver.contents, crashed.driver.bodies = amqp.driver.contents, amqp.driver.bodies
    crashed.restart()
    assert (crashed.drain("q"), crashed.drain("done")) == (["a"], [])


def test_an_outcome_for_each_publish_in_order() -> None:
    amqp = with_queues()
    outcomes = amqp.transact(publishing("a"), publishing("b", key="none"), publishing("c"))
    assert outcomes == [ROUTED, UNROUTED, ROUTED]
    assert amqp.drain() == ["a", "c"]


def test_a_commit_of_nothing_writes_nothing() -> None:
    amqp = with_queues()
    batches = len(amqp.driver.batches)
    assert amqp.transact() == []
    assert len(amqp.driver.batches) == batches


def test_a_commit_wakes_consumers_of_both_doors_once_it_is_whole() -> None:
    amqp = with_queues()
    amqp.consume(limit=1)
    waiting = amqp.driver.wait("done")
    amqp.publish("a", "b")
    (a,) = amqp.delivered()
    amqp.transact(settlement(commands.ACK, a), publishing("x", key="done"), publishing("c"))
    assert amqp.bodies() == ["b"]
    assert amqp.driver.waited(waiting) == ["x"]
    amqp.check()


def test_stale_leases_in_a_transaction_are_passed_over() -> None:
    amqp = with_queues()
    amqp.publish("a")
    held = got(amqp)
    amqp.ack(held)
    assert amqp.transact(settlement(commands.ACK, held), publishing("b")) == [ROUTED]
    assert amqp.drain() == ["b"]
    amqp.check()


def test_a_message_settled_twice_in_a_transaction_is_settled_once() -> None:
    amqp = with_queues()
    amqp.publish("a", "b")
    held = got(amqp)
    amqp.transact(settlement(commands.REQUEUE, held), settlement(commands.ACK, held))
    assert amqp.drain() == ["a", "b"]
    amqp.check()
