"""x-max-length-bytes: of what is ready, as it is stored."""

from oncemq.core.routed_outputs import REJECTED, ROUTED
from tests.core.routed import Amqp


def _ready_bytes(amqp: Amqp) -> int:
    queue, messages = amqp.driver.queue(), amqp.driver.host().messages
    total = 0
    for block in queue.blocks.values():
        total += sum(
            messages.length(number) for number, state in zip(block.message, block.state, strict=True) if state == 1
        )
    return total


def _counted(amqp: Amqp) -> None:
    assert amqp.driver.queue().ready_bytes == _ready_bytes(amqp)
    amqp.check()


def test_the_oldest_go() -> None:
    amqp = Amqp()
    amqp.declare("q", maximum_bytes=1_000)
    for number in range(5):
        amqp.publish(str(number) * 300)
        _counted(amqp)
    assert [body[0] for body in amqp.drain()] == ["2", "3", "4"]
    assert amqp.driver.queue().ready_bytes == 0


def test_it_counts_through_leases_returns_and_a_restart() -> None:
    amqp = Amqp()
    amqp.declare("q", maximum_bytes=1_000)
    for number in range(3):
        amqp.publish(str(number) * 300)
    got = amqp.get()
    assert got is not None
    _counted(amqp)
    amqp.restart()
    _counted(amqp)
    got = amqp.get()
    assert got is not None
    amqp.requeue(got)
    _counted(amqp)
    amqp.purge()
    _counted(amqp)


def test_a_full_queue_refuses() -> None:
    amqp = Amqp()
    amqp.declare("q", maximum_bytes=1_000, overflow="reject-publish")
    outcomes = [amqp.publish("x" * 300) for _ in range(5)]
    assert outcomes == [ROUTED] * 3 + [REJECTED] * 2
    _counted(amqp)
