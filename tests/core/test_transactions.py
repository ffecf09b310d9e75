"""tx.commit: acks and publishes in one batch of the journal, all of it or none."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands as sqs
from oncemq.core import routed_commands as commands
from oncemq.core.outputs import Done
from oncemq.core.refusals import DiskNearlyFull, QueueFull
from oncemq.core.routed_outputs import ROUTED, UNROUTED
from oncemq.core.routed_refusals import ExchangeDoesNotExist, ExchangeIsInternal
from tests.core.driver import Driver, pieces_of
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


# All of it or none ----------------------------------------------------------------------------------------------


def refused_whole(amqp: Amqp, publish: commands.Publish) -> Any:
    """What a transaction is refused that begins well and holds this; it must have changed nothing."""
    amqp.publish("a")
    held = got(amqp)
    before, batches = pieces_of(amqp.driver.machine.state), len(amqp.driver.batches)
    given: list[commands.Publish | commands.Settle] = [
        publishing("x", key="done"),
        settlement(commands.ACK, held),
        publish,
    ]
    answer = amqp.ask(commands.Transact("/", given))
    assert len(amqp.driver.batches) == batches
    assert pieces_of(amqp.driver.machine.state) == before
    return answer


def test_with_a_missing_exchange_nothing_of_it_happens() -> None:
    amqp = with_queues()
    assert refused_whole(amqp, commands.Publish("/", [run(["y"], "none")])) == ExchangeDoesNotExist("none")


def test_with_a_full_disk_nothing_of_it_happens() -> None:
    amqp = with_queues()
    amqp.publish("a")
    held = got(amqp)
    amqp.driver.ask(sqs.ReportDiskSpace(True, 7))
    given: list[commands.Publish | commands.Settle] = [settlement(commands.ACK, held), publishing("x")]
    assert amqp.ask(commands.Transact("/", given)) == DiskNearlyFull(7)
    assert amqp.driver.counts() == (0, 1, 0)


def test_what_a_full_queue_would_refuse_refuses_all() -> None:
    amqp = with_queues()
    amqp.declare("full", maximum_length=2, overflow="reject-publish")
    assert refused_whole(amqp, publishing("1", "2", "3", key="full")) == QueueFull("full")
    amqp.publish("0", key="full")
    two = commands.Publish("/", [run(["1"], key="full"), run(["2"], key="full")])
    assert refused_whole(amqp, two) == QueueFull("full")
    assert amqp.transact(publishing("1", key="full")) == [ROUTED]
    assert amqp.drain("full") == ["0", "1"]


def test_what_it_publishes_is_checked_before_the_commit() -> None:
    amqp = with_queues()
    amqp.exchange("inner", internal=True)
    assert amqp.ask(commands.CheckRuns("/", [run(["x"]), run(["y"], "none")])) == ExchangeDoesNotExist("none")
    assert amqp.ask(commands.CheckRuns("/", [run(["y"], "inner")])) == ExchangeIsInternal("inner")
    amqp.driver.ask(sqs.ReportDiskSpace(True, 7))
    assert amqp.ask(commands.CheckRuns("/", [run(["x"])])) == Done(), "the commit waits for room"
