"""Message TTLs: of the queue, of the message, the lower of both; never while it is held, and then at once."""

from __future__ import annotations

import pytest

from oncemq.core.commands import ReturnUndelivered
from oncemq.core.waiting import compact
from tests.core.routed import Amqp, Delivery


def with_ttl(ttl_ms: int | None = 1_000, **settings: object) -> Amqp:
    """A queue `q` whose dead letters go to `dead`."""
    amqp = Amqp()
    amqp.declare("dead")
    amqp.declare("q", dead_letter_exchange="", dead_letter_routing_key="dead", message_ttl_ms=ttl_ms, **settings)
    return amqp


def got(amqp: Amqp, queue: str = "q") -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


def lives_for(amqp: Amqp) -> int:
    """For so many ms, to the next bucket of the timers."""
    start_ms = amqp.driver.now_ms
    while amqp.driver.queue().live:
        amqp.driver.advance(16)
    return amqp.driver.now_ms - start_ms


@pytest.mark.parametrize(
    ("of_queue", "of_message", "lives"),
    [(320, None, 320), (None, 320, 320), (320, 640, 320), (640, 320, 320), (0, None, 16), (None, 0, 16), (640, 0, 16)],
)
def test_the_lower_of_both(of_queue: int | None, of_message: int | None, lives: int) -> None:
    amqp = with_ttl(of_queue)
    amqp.publish("a", expiration_ms=of_message)
    assert lives_for(amqp) == lives
    assert amqp.drain("dead") == ["a"]
    amqp.check()


def test_without_a_ttl_it_stays() -> None:
    amqp = with_ttl(None)
    amqp.publish("a")
    amqp.driver.advance(1 << 40)
    assert amqp.driver.counts() == (1, 0, 0)


@pytest.mark.parametrize("ttl_ms", [1 << 32, 134_217_728_000])
def test_beyond_32_bits(ttl_ms: int) -> None:
    amqp = with_ttl(ttl_ms)
    amqp.publish("a")
    amqp.driver.advance(ttl_ms - 16)
    assert amqp.driver.counts() == (1, 0, 0)
    amqp.driver.advance(32)
    assert amqp.driver.counts() == (0, 0, 0)


def test_it_is_never_early() -> None:
    amqp = with_ttl(1_001)
    amqp.publish("a")
    amqp.driver.advance(1_000)
    assert amqp.driver.counts() == (1, 0, 0)
    amqp.driver.advance(16)
    assert amqp.driver.counts() == (0, 0, 0)


def test_a_ttl_of_zero_reaches_a_consumer_that_waits() -> None:
    amqp = with_ttl(0)
    amqp.consume(limit=1)
    amqp.publish("a", "b")
    assert amqp.bodies() == ["a"]
    amqp.driver.advance(16)
    assert amqp.drain("dead") == ["b"]
    amqp.check()


def test_they_expire_in_the_order_in_which_they_came() -> None:
    amqp = with_ttl()
    for body in "abc":
        amqp.publish(body)
        amqp.driver.advance(1)
    amqp.driver.advance(1_016)
    assert amqp.drain("dead") == ["a", "b", "c"]


def test_who_expires_first_goes_first_though_behind_others() -> None:
    amqp = with_ttl(None)
    amqp.publish("long", expiration_ms=9_000)
    amqp.publish("short", expiration_ms=1_000)
    amqp.publish("for ever")
    amqp.driver.advance(1_016)
    assert amqp.drain("dead") == ["short"]
    assert amqp.driver.counts() == (2, 0, 0)
    amqp.check()


def test_each_queue_has_its_own() -> None:
    amqp = Amqp()
    for name, ttl_ms in (("one", 1_000), ("two", 2_000), ("three", None)):
        amqp.declare(name, message_ttl_ms=ttl_ms)
        amqp.bind("amq.fanout", name)
    amqp.publish("a", exchange="amq.fanout")
    amqp.driver.advance(1_016)
    assert [amqp.driver.queue(name).live for name in ("one", "two", "three")] == [0, 1, 1]
    amqp.check()


def test_what_is_sent_through_sqs_expires_as_well() -> None:
    amqp = with_ttl()
    amqp.driver.send("q", "now")
    amqp.driver.send("q", "later", delay_ms=5_000)
    amqp.driver.advance(1_016)
    assert amqp.driver.counts() == (0, 0, 1)
    assert amqp.drain("dead") == ["now"]
    amqp.driver.advance(4_000)
    assert amqp.driver.counts() == (1, 0, 0), "its time counts from when it is due"
    amqp.driver.advance(1_016)
    assert amqp.drain("dead") == ["later"]
    amqp.check()


# Held ones ------------------------------------------------------------------------------------------------------


def test_who_holds_it_may_settle_it_after_its_time() -> None:
    amqp = with_ttl()
    amqp.publish("a")
    held = got(amqp)
    amqp.driver.advance(5_000)
    assert amqp.driver.counts() == (0, 1, 0)
    amqp.ack(held)
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_requeued_after_its_time_it_is_not_delivered_again() -> None:
    amqp = with_ttl()
    amqp.consume()
    amqp.publish("a", "b")
    a, b = amqp.delivered()
    amqp.driver.advance(5_000)
    amqp.requeue(b, a)
    assert amqp.bodies() == []
    assert amqp.driver.counts() == (0, 0, 0)
    assert len(amqp.drain("dead")) == 2
    amqp.check()


def test_requeued_before_its_time_it_expires_at_its_time() -> None:
    amqp = with_ttl()
    amqp.publish("a")
    amqp.driver.advance(500)
    amqp.requeue(got(amqp))
    assert 496 <= lives_for(amqp) <= 512
    amqp.check()


def test_requeuing_often_leaves_nothing_in_the_timers() -> None:
    amqp = with_ttl(1_000_000)
    amqp.publish("a")
    size = amqp.driver.machine.state.timers.size
    for _ in range(100):
        amqp.requeue(got(amqp))
    assert amqp.driver.machine.state.timers.size == size


def test_a_channel_that_closes_after_its_time() -> None:
    amqp = with_ttl()
    amqp.publish("a")
    held = got(amqp)
    amqp.driver.advance(5_000)
    amqp.close("channel", held)
    assert amqp.drain() == [] and amqp.drain("dead") == ["a"]


def test_over_the_delivery_limit_and_over_its_time_it_dies_once() -> None:
    amqp = with_ttl(delivery_limit=0)
    amqp.publish("a")
    held = got(amqp)
    amqp.driver.advance(5_000)
    amqp.requeue(held)
    assert amqp.drain("dead") == ["a"]
    amqp.check()


def test_a_lease_of_the_other_door_that_ends_after_its_time() -> None:
    amqp = with_ttl()
    amqp.publish("a", "b", "c")
    (timeout,) = amqp.driver.receive(maximum=1, visibility_ms=5_000)
    (by_hand,) = amqp.driver.receive(maximum=1, visibility_ms=90_000)
    (unwritten,) = amqp.driver.receive(maximum=1, visibility_ms=90_000)
    amqp.driver.advance(4_000)
    amqp.driver.change_visibility("q", by_hand.lease, 0)
    assert amqp.drain("q") == []
    amqp.ask(ReturnUndelivered("/", [unwritten.lease]))
    assert amqp.drain("q") == []
    amqp.driver.advance(1_016)
    assert amqp.drain("q") == []
    assert amqp.drain("dead") == ["b", "c", "a"]
    assert amqp.driver.delete("q", timeout.lease) == [None]
    amqp.check()


# Restart, timers ------------------------------------------------------------------------------------------------


def test_what_expired_while_the_server_was_down_is_gone_at_its_first_tick() -> None:
    amqp = with_ttl()
    amqp.publish("a", "b")
    got(amqp)
    amqp.driver.now_ms += 5_000
    amqp.restart()
    assert amqp.driver.counts() == (0, 0, 0)
    assert sorted(amqp.drain("dead")) == ["a", "b"]
    amqp.check()


def test_a_restart_keeps_the_time() -> None:
    amqp = with_ttl()
    amqp.publish("a")
    amqp.driver.advance(496)
    amqp.driver.begin_checkpoint()
    amqp.driver.publish_checkpoint()
    amqp.restart()
    assert 496 <= lives_for(amqp) <= 512


def test_many_expire_over_several_ticks() -> None:
    amqp = with_ttl()
    amqp.publish(*(str(number) for number in range(2_500)))
    batches = len(amqp.driver.batches)
    amqp.driver.advance(1_016)
    assert len(amqp.driver.batches) == batches + 3
    assert amqp.driver.counts("dead") == (2_500, 0, 0)
    amqp.check()


def test_timers_of_what_was_acknowledged_can_be_dropped() -> None:
    amqp = with_ttl(1_000_000)
    amqp.publish(*"abc")
    amqp.ack(got(amqp))
    held = got(amqp)
    compact(amqp.driver.machine.state)
    assert amqp.driver.machine.state.timers.size == 2
    amqp.requeue(held)
    amqp.check()
    amqp.driver.advance(1_000_016)
    assert sorted(amqp.drain("dead")) == ["b", "c"]
