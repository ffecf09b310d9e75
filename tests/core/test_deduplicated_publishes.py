"""What AMQP publishes with a group or a deduplication id."""

import pytest

from oncemq.core.deduplication import WINDOWS, rounded_window
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


def test_a_message_says_how_long_its_id_is_remembered() -> None:
    amqp = Amqp()
    amqp.declare("q", deduplicates=True, deduplication_window_ms=10_000)
    for deduplication, window_ms in ((b"short", 1_000), (b"queue's", None), (b"long", 60_000)):
        amqp.publish("0", deduplication=deduplication, deduplication_window_ms=window_ms)
    seen = []
    for seconds in (2, 10, 60):
        amqp.driver.advance(seconds * 1_000)
        amqp.check()
        amqp.restart()
        for deduplication in (b"short", b"queue's", b"long"):
            amqp.publish(f"{seconds} {deduplication.decode()}", deduplication=deduplication)
        seen += [body for body in amqp.drain() if body != "0"]
        amqp.check()
    assert seen == ["2 short", "10 queue's", "60 short", "60 queue's", "60 long"]


def test_windows_that_begin_together_are_kept_apart_through_a_checkpoint() -> None:
    amqp = Amqp()
    amqp.declare("q", deduplicates=True)
    for window_ms in (1_000, 2_000, 3_000):
        amqp.publish("x", deduplication=str(window_ms).encode(), deduplication_window_ms=window_ms)
    amqp.driver.begin_checkpoint()
    amqp.driver.publish_checkpoint()
    amqp.restart()
    for window_ms in (1_000, 2_000, 3_000):
        amqp.publish("again", deduplication=str(window_ms).encode())
    amqp.driver.advance(2_250)
    for window_ms in (1_000, 2_000, 3_000):
        amqp.publish(str(window_ms), deduplication=str(window_ms).encode(), deduplication_window_ms=window_ms)
    assert amqp.drain() == ["x", "x", "x", "1000", "2000"]
    amqp.check()


@pytest.mark.parametrize("window_ms", [1, 7, 8, 9, 1_000, 300_000, 86_400_001, 1 << 53])
def test_a_rounded_window_is_little_longer(window_ms: int) -> None:
    assert window_ms <= rounded_window(window_ms) <= window_ms * 5 // 4


def test_there_are_few_rounded_windows() -> None:
    asked = {1 << 53} | {window_ms + more for window_ms in (1 << bits for bits in range(53)) for more in range(1_000)}
    assert len({rounded_window(window_ms) for window_ms in asked}) < WINDOWS
