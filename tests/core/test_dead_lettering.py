"""Dead letters through an exchange: why, where to, what they carry; and cycles that must end."""

from __future__ import annotations

import pytest

from oncemq.core.model import Afterlife, Death
from oncemq.core.routed_outputs import REJECTED, ROUTED
from tests.core.routed import Amqp, Delivery


def with_dead_letters(**settings: object) -> Amqp:
    """A queue `q`; what dies in it goes to `dead` by the default exchange, or as `settings` say."""
    amqp = Amqp()
    amqp.declare("dead")
    amqp.declare("q", **{"dead_letter_exchange": "", "dead_letter_routing_key": "dead", **settings})
    return amqp


def got(amqp: Amqp, queue: str = "q") -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


def life_after(amqp: Amqp, queue: str = "dead") -> Afterlife:
    found = got(amqp, queue)
    assert found.afterlife is not None
    return found.afterlife


def deaths(amqp: Amqp, queue: str = "dead") -> list[tuple[str, str, int]]:
    return [(death.queue, death.reason, death.count) for death in life_after(amqp, queue).deaths]


# Why ------------------------------------------------------------------------------------------------------------


def test_a_rejected_message_is_dead_lettered_in_the_batch_of_the_reject() -> None:
    amqp = with_dead_letters()
    amqp.publish("a")
    held = got(amqp)
    batches = len(amqp.driver.batches)
    amqp.reject(held)
    assert len(amqp.driver.batches) == batches + 1
    assert (amqp.driver.counts("q"), amqp.driver.counts("dead")) == ((0, 0, 0), (1, 0, 0))
    assert deaths(amqp) == [("q", "rejected", 1)]
    amqp.check()


def test_without_a_dead_letter_exchange_it_is_gone() -> None:
    amqp = Amqp()
    amqp.declare("q")
    amqp.publish("a")
    amqp.reject(got(amqp))
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_to_a_missing_exchange_it_is_gone() -> None:
    amqp = with_dead_letters(dead_letter_exchange="none")
    amqp.publish("a")
    amqp.reject(got(amqp))
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_where_nothing_matches_it_is_gone() -> None:
    amqp = with_dead_letters(dead_letter_exchange="amq.direct", dead_letter_routing_key="none")
    amqp.publish("a")
    amqp.reject(got(amqp))
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_an_expired_message_is_dead_lettered() -> None:
    amqp = with_dead_letters(message_ttl_ms=1_000)
    amqp.publish("a")
    amqp.driver.advance(1_016)
    assert deaths(amqp) == [("q", "expired", 1)]
    amqp.check()


def test_after_too_many_failures_it_is_dead_lettered() -> None:
    amqp = with_dead_letters(delivery_limit=2)
    amqp.publish("a")
    for _ in range(2):
        amqp.requeue(got(amqp))
        assert amqp.driver.counts("q") == (1, 0, 0)
    amqp.requeue(got(amqp))
    assert deaths(amqp) == [("q", "delivery_limit", 1)]
    amqp.check()


def test_a_lost_channel_is_a_failure_and_a_closed_one_is_not() -> None:
    amqp = with_dead_letters(delivery_limit=0)
    amqp.publish("a")
    amqp.close("one", got(amqp), failed=False)
    assert amqp.driver.counts("q") == (1, 0, 0)
    amqp.close("two", got(amqp), failed=True)
    assert deaths(amqp) == [("q", "delivery_limit", 1)]


def test_a_restart_is_no_failure() -> None:
    amqp = with_dead_letters(delivery_limit=0)
    amqp.publish("a")
    got(amqp)
    amqp.restart()
    assert amqp.driver.counts("q") == (1, 0, 0)
    amqp.check()


def test_failures_are_counted_through_a_restart() -> None:
    amqp = with_dead_letters(delivery_limit=1)
    amqp.publish("a")
    amqp.requeue(got(amqp))
    amqp.restart()
    amqp.requeue(got(amqp))
    assert deaths(amqp) == [("q", "delivery_limit", 1)]


def test_without_a_dead_letter_exchange_the_limit_is_the_end() -> None:
    amqp = Amqp()
    amqp.declare("q", delivery_limit=0)
    amqp.publish("a")
    amqp.requeue(got(amqp))
    assert amqp.driver.host().messages.live == 0
    amqp.check()


# Where to, and with what ----------------------------------------------------------------------------------------


def test_a_dead_letter_keeps_its_routing_key_unless_another_is_set() -> None:
    amqp = with_dead_letters(dead_letter_exchange="amq.topic", dead_letter_routing_key=None)
    amqp.bind("amq.topic", "dead", "the.key")
    amqp.bind("amq.direct", "q", "the.key")
    amqp.publish("a", exchange="amq.direct", key="the.key")
    amqp.reject(got(amqp))
    life = life_after(amqp)
    death = Death("q", "rejected", "amq.direct", ["the.key"], 1, amqp.driver.now_ms)
    assert life == Afterlife([death], "amq.topic", ["the.key"], "q", "rejected", "amq.direct")


def test_the_queues_own_routing_key_is_what_it_goes_under() -> None:
    amqp = with_dead_letters()
    amqp.publish("a")
    amqp.reject(got(amqp))
    life = life_after(amqp)
    assert (life.exchange, life.routing_keys, life.deaths[0].routing_keys) == ("", ["dead"], ["q"])


def test_a_message_of_the_other_door_is_dead_lettered() -> None:
    amqp = with_dead_letters()
    amqp.driver.send("q", "from SQS")
    amqp.reject(got(amqp))
    life = life_after(amqp)
    assert life.deaths == [Death("q", "rejected", "", ["q"], 1, amqp.driver.now_ms)]
    amqp.check()


def test_to_several_queues_it_is_one_message() -> None:
    amqp = with_dead_letters(dead_letter_exchange="amq.fanout")
    for name in ("one", "two"):
        amqp.queue_for(name, "amq.fanout")
    amqp.publish("a")
    amqp.reject(got(amqp))
    assert amqp.driver.host().messages.live == 1
    assert amqp.drain("one") == amqp.drain("two") == ["a"]
    amqp.check()


def test_what_lives_on_in_another_queue_did_not_die_there() -> None:
    amqp = with_dead_letters()
    for name in ("q", "other"):
        amqp.declare(
            name, **({} if name == "other" else {"dead_letter_exchange": "", "dead_letter_routing_key": "dead"})
        )
        amqp.bind("amq.fanout", name)
    amqp.publish("a", exchange="amq.fanout")
    amqp.reject(got(amqp))
    assert got(amqp, "other").afterlife is None
    assert deaths(amqp) == [("q", "rejected", 1)]
    amqp.check()


def test_its_priority_goes_along() -> None:
    amqp = with_dead_letters()
    amqp.declare("by priority", maximum_priority=5)
    amqp.declare("q2", maximum_priority=9, dead_letter_exchange="", dead_letter_routing_key="by priority")
    amqp.publish("low", key="q2", priority=1)
    amqp.publish("high", key="q2", priority=7)
    high, low = got(amqp, "q2"), got(amqp, "q2")
    amqp.reject(low)
    amqp.reject(high)
    assert amqp.drain("by priority") == ["high", "low"]
    amqp.check()


def test_its_own_expiry_does_not_go_along() -> None:
    amqp = with_dead_letters()
    amqp.publish("a", expiration_ms=1_000)
    amqp.driver.advance(1_016)
    amqp.driver.advance(10_000)
    assert amqp.driver.counts("dead") == (1, 0, 0)


def test_the_expiry_of_the_queue_it_comes_to_counts_from_there() -> None:
    amqp = Amqp()
    amqp.declare("dead", message_ttl_ms=2_000)
    amqp.declare("q", dead_letter_exchange="", dead_letter_routing_key="dead", message_ttl_ms=1_000)
    amqp.publish("a")
    amqp.driver.advance(1_016)
    amqp.driver.advance(1_900)
    assert amqp.driver.counts("dead") == (1, 0, 0)
    amqp.driver.advance(116)
    assert amqp.driver.counts("dead") == (0, 0, 0)
    amqp.check()


def test_a_dead_letter_wakes_a_consumer_and_a_parked_receive() -> None:
    amqp = with_dead_letters()
    amqp.consume("dead", limit=1)
    waiting = amqp.driver.wait("dead")
    amqp.publish("a", "b")
    for _ in range(2):
        amqp.reject(got(amqp))
    (held,) = amqp.delivered()
    assert (held.body, held.redelivered) == ("a", False)
    assert amqp.driver.waited(waiting) == ["b"]


def test_the_same_death_again_is_counted_and_the_latest_comes_first() -> None:
    amqp = Amqp()
    amqp.declare("work", dead_letter_exchange="", dead_letter_routing_key="wait")
    amqp.declare("wait", dead_letter_exchange="", dead_letter_routing_key="work", message_ttl_ms=1_000)
    amqp.publish("a", key="work")
    for tries in range(1, 4):
        amqp.reject(got(amqp, "work"))
        amqp.driver.advance(1_016)
        held = got(amqp, "work")
        assert held.afterlife is not None
        found = [(death.queue, death.reason, death.count) for death in held.afterlife.deaths]
        assert found == [("wait", "expired", tries), ("work", "rejected", tries)]
        first = held.afterlife
        assert (first.first_queue, first.first_reason, first.first_exchange) == ("work", "rejected", "")
        times = [death.time_ms for death in held.afterlife.deaths]
        amqp.requeue(held)
    assert times == [amqp.driver.now_ms, amqp.driver.now_ms - 1_016]
    amqp.check()


def test_reasons_are_counted_apart() -> None:
    amqp = Amqp()
    amqp.declare("work", dead_letter_exchange="", dead_letter_routing_key="wait", message_ttl_ms=1_000)
    amqp.declare("wait", dead_letter_exchange="", dead_letter_routing_key="work")
    amqp.publish("a", key="work")
    amqp.driver.advance(1_016)
    amqp.reject(got(amqp, "wait"))
    amqp.reject(got(amqp, "work"))
    expected = [("work", "rejected", 1), ("wait", "rejected", 1), ("work", "expired", 1)]
    assert deaths(amqp, "wait") == expected


def test_afterlives_survive_a_restart_from_a_checkpoint_and_from_the_journal() -> None:
    amqp = with_dead_letters()
    amqp.publish("a", "b")
    amqp.reject(got(amqp))
    amqp.driver.begin_checkpoint()
    amqp.reject(got(amqp))
    amqp.driver.publish_checkpoint()
    amqp.restart()
    assert deaths(amqp) == deaths(amqp) == [("q", "rejected", 1)]
    amqp.check()


# Cycles ---------------------------------------------------------------------------------------------------------


def test_a_message_that_expires_back_into_its_queue_is_gone() -> None:
    amqp = with_dead_letters(message_ttl_ms=1_000, dead_letter_routing_key="q")
    amqp.publish("a")
    amqp.driver.advance(1_016)
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_a_circle_of_expiries_ends_where_it_began() -> None:
    amqp = Amqp()
    for name, following in (("a", "b"), ("b", "c"), ("c", "a")):
        amqp.declare(name, message_ttl_ms=1_000, dead_letter_exchange="", dead_letter_routing_key=following)
    amqp.publish("x", key="a")
    for _ in range(2):
        amqp.driver.advance(1_016)
    assert deaths(amqp, "c") == [("b", "expired", 1), ("a", "expired", 1)]
    amqp.restart()
    amqp.driver.advance(1_016)
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_who_is_rejected_may_come_back() -> None:
    amqp = with_dead_letters(dead_letter_routing_key="q")
    amqp.publish("a", "b")
    amqp.reject(got(amqp))
    assert amqp.drain() == ["b", "a"]


@pytest.mark.timeout(20)
def test_a_rejection_long_ago_does_not_keep_a_cycle_going() -> None:
    """The circle goes from maxlen to maxlen, and the message was once rejected: it would never end."""
    amqp = with_dead_letters(dead_letter_routing_key="q", maximum_length=1)
    amqp.publish("a")
    a = got(amqp)
    amqp.publish("b")
    b = got(amqp)
    amqp.reject(a, b)
    assert amqp.drain() == ["b"]
    amqp.check()


def test_two_queues_that_spill_into_each_other_end() -> None:
    amqp = Amqp()
    for name, following in (("a", "b"), ("b", "a")):
        amqp.declare(name, maximum_length=1, dead_letter_exchange="", dead_letter_routing_key=following)
    amqp.publish(*"123456", key="a")
    assert (amqp.driver.counts("a"), amqp.driver.counts("b")) == ((1, 0, 0), (1, 0, 0))
    amqp.check()


def test_to_the_queues_that_are_no_cycle_it_still_goes() -> None:
    amqp = with_dead_letters(dead_letter_exchange="amq.fanout", message_ttl_ms=1_000)
    amqp.bind("amq.fanout", "q")
    amqp.bind("amq.fanout", "dead")
    amqp.publish("a")
    amqp.driver.advance(1_016)
    assert (amqp.driver.counts("q"), amqp.driver.counts("dead")) == ((0, 0, 0), (1, 0, 0))


# Too many messages ----------------------------------------------------------------------------------------------


def test_a_full_queue_drops_its_head() -> None:
    amqp = with_dead_letters(maximum_length=3)
    assert amqp.publish(*"abcde") == ROUTED
    assert deaths(amqp) == [("q", "maxlen", 1)]
    assert amqp.drain("dead") == ["b"]
    assert amqp.drain("q") == ["c", "d", "e"]
    amqp.check()


def test_only_ready_messages_count() -> None:
    amqp = with_dead_letters(maximum_length=2)
    amqp.consume(limit=2)
    amqp.publish(*"abcd")
    assert amqp.bodies() == ["a", "b"]
    assert amqp.driver.counts("q") == (2, 2, 0)


def test_what_a_consumer_takes_at_once_is_not_too_much() -> None:
    amqp = with_dead_letters(maximum_length=0)
    amqp.consume(limit=2)
    amqp.publish("a", "b", "c")
    assert amqp.bodies() == ["a", "b"]
    assert amqp.drain("dead") == ["c"]
    amqp.check()


def test_what_is_given_back_to_a_full_queue_makes_it_drop_its_head() -> None:
    amqp = with_dead_letters(maximum_length=1)
    amqp.publish("a")
    held = got(amqp)
    amqp.publish("b")
    amqp.requeue(held)
    assert (amqp.drain("q"), amqp.drain("dead")) == (["b"], ["a"])


def test_a_queue_that_rejects_publishes_takes_what_it_has_room_for() -> None:
    amqp = with_dead_letters(maximum_length=2, overflow="reject-publish")
    assert amqp.publish("a") == ROUTED
    assert amqp.publish("b") == ROUTED
    assert amqp.publish("c") == REJECTED
    assert amqp.drain("dead") == []
    assert amqp.drain("q") == ["a", "b"]
    assert amqp.publish("d") == ROUTED
    amqp.check()


def test_of_a_run_it_takes_what_it_has_room_for() -> None:
    amqp = with_dead_letters(maximum_length=3, overflow="reject-publish")
    assert amqp.publish("a") == ROUTED
    assert amqp.publish("b", "c", "d", "e") == REJECTED + 2
    assert amqp.publish("f", "g") == REJECTED
    assert amqp.drain("q") == ["a", "b", "c"]
    amqp.check()


def test_what_it_refuses_of_a_run_it_may_dead_letter() -> None:
    amqp = with_dead_letters(maximum_length=2, overflow="reject-publish-dlx")
    assert amqp.publish("a", "b", "c", "d") == REJECTED + 2
    assert (amqp.drain("q"), amqp.drain("dead")) == (["a", "b"], ["c", "d"])
    amqp.check()


def test_only_the_queue_that_is_full_dead_letters_it() -> None:
    amqp = with_dead_letters(maximum_length=1, overflow="reject-publish-dlx")
    amqp.declare(
        "roomy",
        maximum_length=9,
        overflow="reject-publish-dlx",
        dead_letter_exchange="",
        dead_letter_routing_key="dead",
    )
    for name in ("q", "roomy"):
        amqp.bind("amq.fanout", name)
    assert amqp.publish("a", "b", "c", exchange="amq.fanout") == REJECTED + 1
    assert (amqp.drain("q"), amqp.drain("roomy"), amqp.drain("dead")) == (["a"], ["a", "b", "c"], ["b", "c"])
    amqp.check()


def test_what_consumers_take_at_once_is_not_refused() -> None:
    amqp = with_dead_letters(maximum_length=1, overflow="reject-publish")
    amqp.limit("narrow", 2)
    amqp.consume(channel="narrow")
    amqp.consume(channel="narrow", limit=5)
    amqp.consume(channel="wide", limit=1)
    assert amqp.publish(*"abcdef") == REJECTED + 4
    assert amqp.driver.counts("q") == (1, 3, 0)
    amqp.consume(channel="third", no_ack=True)
    assert amqp.publish(*"ghijkl") == ROUTED
    amqp.check()


def test_a_full_queue_drops_its_head_for_what_is_sent_through_sqs() -> None:
    amqp = with_dead_letters(maximum_length=2)
    for body in "abc":
        amqp.driver.send("q", body)
    assert (amqp.drain("q"), amqp.drain("dead")) == (["b", "c"], ["a"])
    amqp.check()


def test_what_is_delayed_counts_when_it_is_due() -> None:
    amqp = with_dead_letters(maximum_length=1)
    amqp.driver.send("q", "late", delay_ms=1_000)
    amqp.driver.send("q", "now")
    assert amqp.driver.counts("q") == (1, 0, 1)
    amqp.driver.advance(1_016)
    assert amqp.drain("dead") == ["late"]
    amqp.check()
