"""What AMQP publishes with a group or a deduplication id."""

from oncemq.core.routed_outputs import ROUTED
from tests.core.routed import Amqp


def test_a_duplicate_is_confirmed_and_not_stored() -> None:
    amqp = Amqp()
    amqp.declare("q", deduplicates=True)
    assert [amqp.publish(body, deduplication=b"once") for body in "ab"] == [ROUTED, ROUTED]
    amqp.check()
    amqp.restart()
    assert amqp.publish("c", deduplication=b"once") == ROUTED
    assert amqp.publish("d", deduplication=b"twice") == ROUTED
    assert amqp.publish("e") == amqp.publish("f") == ROUTED
    assert amqp.drain() == ["a", "d", "e", "f"]
    amqp.check()


def test_it_is_forgotten_after_the_window() -> None:
    amqp = Amqp()
    amqp.declare("q", deduplicates=True, deduplication_window_ms=1_000)
    amqp.publish("a", deduplication=b"once")
    amqp.driver.advance(1_200)
    amqp.publish("b", deduplication=b"once")
    assert amqp.drain() == ["a", "b"]


def test_each_queue_looks_for_itself() -> None:
    amqp = Amqp()
    amqp.exchange("x", "fanout")
    amqp.queue_for("plain", "x")
    amqp.declare("q", deduplicates=True)
    amqp.bind("x", "q")
    for body in "ab":
        amqp.publish(body, exchange="x", deduplication=b"once")
    assert (amqp.drain("plain"), amqp.drain("q")) == (["a", "b"], ["a"])
    amqp.check()


def test_a_fifo_queue_gives_a_group_one_after_another() -> None:
    amqp = Amqp()
    amqp.driver.create("q.fifo", kind="fifo")
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        amqp.publish(body, key="q.fifo", group=group)
    consumers = [amqp.consume("q.fifo", channel, limit=1) for channel in ("one", "two")]
    assert len(consumers) == 2
    (first,), (other,) = amqp.delivered("one"), amqp.delivered("two")
    assert (first.body, other.body) == ("a1", "b1")
    amqp.ack(first)
    assert amqp.bodies("one") == ["a2"]
    amqp.check()


def test_a_fifo_queue_deduplicates_by_content_if_told_so() -> None:
    amqp = Amqp()
    amqp.driver.create("q.fifo", kind="fifo", content_based_deduplication=True)
    amqp.publish("a", "b", "a", key="q.fifo", group="g")
    amqp.publish("b", key="q.fifo", group="g", deduplication=b"other")
    assert amqp.drain("q.fifo") == ["a", "b", "b"]
    amqp.check()


def test_a_queue_delays_what_comes_through_either_door() -> None:
    amqp = Amqp()
    amqp.driver.create("q", delay_ms=5_000)
    amqp.publish("a")
    assert amqp.drain() == []
    amqp.driver.advance(5_008)
    assert amqp.drain() == ["a"]
    amqp.check()
