"""Who is sent what, how much of it, in whose turn; and what they say of it."""

from __future__ import annotations

import pytest

from oncemq.core import commands as sqs
from oncemq.core import routed_commands as commands
from oncemq.core.commands import Lease
from oncemq.core.outputs import Done
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_refusals import ExclusiveConsumer, QueueLocked
from tests.core.driver import Driver
from tests.core.routed import Amqp, Delivery


def with_queue(name: str = "q", **settings: object) -> Amqp:
    amqp = Amqp()
    amqp.declare(name, **settings)
    return amqp


# Prefetch -------------------------------------------------------------------------------------------------------


def test_a_consumer_gets_what_is_there_and_what_comes() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    amqp.consume()
    assert amqp.bodies() == ["a", "b"]
    amqp.publish("c")
    assert amqp.bodies() == ["c"]
    amqp.check()


def test_a_consumer_holds_no_more_than_its_prefetch() -> None:
    amqp = with_queue()
    amqp.publish(*"abcde")
    amqp.consume(limit=2)
    first = amqp.delivered()
    assert [each.body for each in first] == ["a", "b"]
    amqp.ack(first[0])
    assert amqp.bodies() == ["c"]
    assert amqp.driver.counts() == (2, 2, 0)
    amqp.check()


def test_each_consumer_has_its_own_prefetch() -> None:
    amqp = with_queue()
    amqp.publish(*"abcdef")
    amqp.consume(limit=1)
    amqp.consume(limit=3)
    assert amqp.bodies() == ["a", "b", "c", "d"]


def test_a_channel_holds_no_more_than_its_prefetch() -> None:
    amqp = with_queue()
    amqp.limit("channel", 3)
    amqp.consume()
    amqp.consume()
    amqp.publish(*"abcdef")
    held = amqp.delivered()
    assert [each.body for each in held] == ["a", "b", "c"]
    amqp.ack(held[1])
    assert amqp.bodies() == ["d"]
    amqp.check()


def test_two_consumers_of_one_channel_share_its_last_room() -> None:
    amqp = with_queue()
    amqp.limit("channel", 1)
    amqp.consume()
    amqp.consume()
    amqp.publish("a", "b")
    assert amqp.bodies() == ["a"]
    amqp.check()


def test_who_has_no_room_leaves_no_gap() -> None:
    amqp = with_queue()
    amqp.limit("narrow", 1)
    amqp.consume(channel="narrow")
    amqp.consume(channel="narrow")
    amqp.consume(channel="wide")
    amqp.publish("a", "b", "c")
    assert amqp.bodies("narrow") == ["a"]
    assert amqp.bodies("wide") == ["b", "c"]


def test_both_limits_hold() -> None:
    amqp = with_queue()
    amqp.limit("channel", 3)
    amqp.consume(limit=2)
    amqp.publish(*"abcdef")
    assert amqp.bodies() == ["a", "b"]
    amqp.consume(limit=5)
    assert amqp.bodies() == ["c"]


def test_more_room_on_the_channel_is_used_at_once() -> None:
    amqp = with_queue()
    amqp.limit("channel", 1)
    amqp.consume()
    amqp.publish(*"abc")
    assert amqp.bodies() == ["a"]
    amqp.limit("channel", 0)
    assert amqp.bodies() == ["b", "c"]


def test_less_room_on_the_channel_takes_nothing_back() -> None:
    amqp = with_queue()
    amqp.consume()
    amqp.publish(*"abc")
    held = amqp.delivered()
    amqp.limit("channel", 1)
    amqp.publish("d")
    amqp.ack(*held[:2])
    assert amqp.bodies() == []
    amqp.ack(held[2])
    assert amqp.bodies() == ["d"]


def test_room_on_the_channel_serves_its_other_queues() -> None:
    amqp = with_queue()
    amqp.declare("other")
    amqp.limit("channel", 1)
    amqp.consume("q")
    amqp.consume("other")
    amqp.publish("a", key="q")
    amqp.publish("b", key="other")
    (held,) = amqp.delivered()
    amqp.ack(held)
    assert amqp.bodies() == ["b"]


def test_what_a_cancelled_consumer_held_counts_until_it_is_settled() -> None:
    amqp = with_queue()
    amqp.limit("channel", 2)
    first = amqp.consume()
    amqp.publish(*"abcd")
    held = amqp.delivered()
    amqp.cancel(first)
    amqp.consume()
    assert amqp.bodies() == [], "the channel is full"
    amqp.check()
    amqp.ack(held[0])
    assert amqp.bodies() == ["c"]
    amqp.ack(held[1])
    assert amqp.bodies() == ["d"]
    amqp.check()


def test_what_was_held_of_a_deleted_queue_counts_until_it_is_settled() -> None:
    amqp = with_queue("gone")
    amqp.declare("q")
    amqp.limit("channel", 1)
    amqp.consume("gone")
    amqp.publish("a", key="gone")
    held = amqp.delivered()
    amqp.ask(commands.RemoveQueue("/", "gone", False, False, None))
    amqp.cancelled()
    amqp.consume("q")
    amqp.publish("b")
    assert amqp.bodies() == []
    amqp.ack(*held)
    assert amqp.bodies() == ["b"]
    amqp.check()


def test_a_consumer_that_ended_is_forgotten_with_the_last_that_it_held() -> None:
    amqp = with_queue()
    number = amqp.consume()
    amqp.publish("a", "b")
    held = amqp.delivered()
    amqp.cancel(number)
    amqp.cancel(number)
    amqp.ack(*held)
    assert not amqp.driver.host().consumers
    number = amqp.consume()
    amqp.publish("c")
    held = amqp.delivered()
    amqp.cancel(number)
    amqp.close("channel", *held)
    assert not amqp.driver.host().consumers and not amqp.driver.host().channels


def test_no_ack_asks_for_no_room_and_holds_nothing() -> None:
    amqp = with_queue()
    amqp.publish(*"abc")
    amqp.consume(limit=1, no_ack=True)
    assert amqp.bodies() == ["a", "b", "c"]
    assert amqp.driver.counts() == (0, 0, 0)
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_more_than_a_step_is_delivered_in_order() -> None:
    amqp = with_queue()
    bodies = [str(number) for number in range(1_000)]
    amqp.publish(*bodies)
    amqp.consume()
    assert amqp.bodies() == bodies


# Turns ----------------------------------------------------------------------------------------------------------


def test_consumers_are_served_in_turn() -> None:
    amqp = with_queue()
    a, b, c = (amqp.consume() for _ in range(3))
    for body in "1234":
        amqp.publish(body)
    assert amqp.by_consumer() == [(a, "1"), (b, "2"), (c, "3"), (a, "4")]


def test_a_run_is_dealt_out_in_turn() -> None:
    amqp = with_queue()
    a, b = amqp.consume(), amqp.consume()
    amqp.publish(*"12345")
    assert amqp.by_consumer() == [(a, "1"), (b, "2"), (a, "3"), (b, "4"), (a, "5")]
    amqp.publish("6")
    assert amqp.by_consumer() == [(b, "6")]


def test_who_is_full_is_passed_over() -> None:
    amqp = with_queue()
    a, b = amqp.consume(limit=1), amqp.consume()
    amqp.publish(*"1234")
    assert amqp.by_consumer() == [(a, "1"), (b, "2"), (b, "3"), (b, "4")]


def test_the_highest_priority_with_room_comes_first() -> None:
    amqp = with_queue()
    low, high = amqp.consume(priority=-1), amqp.consume(limit=2, priority=10)
    amqp.publish(*"1234")
    assert amqp.by_consumer() == [(high, "1"), (high, "2"), (low, "3"), (low, "4")]


def test_equal_priorities_take_turns() -> None:
    amqp = with_queue()
    a, b, _ = amqp.consume(priority=5), amqp.consume(priority=5), amqp.consume()
    amqp.publish(*"1234")
    assert amqp.by_consumer() == [(a, "1"), (b, "2"), (a, "3"), (b, "4")]


def test_the_members_of_a_group_do_not_run_side_by_side() -> None:
    amqp = Amqp()
    amqp.driver.create("f", kind="fifo")
    a, b = amqp.consume("f"), amqp.consume("f")
    amqp.close("none")
    for number in range(2):
        amqp.driver.send("f", f"x{number}", group="x", deduplication=b"x%d" % number)
    held = amqp.delivered()
    assert len({each.consumer for each in held}) == 1, "a group is with one consumer at a time"
    amqp.check()
    assert {a, b} >= {each.consumer for each in held}


def test_a_group_that_waited_goes_to_one_consumer_at_a_time() -> None:
    amqp = Amqp()
    amqp.driver.create("f", kind="fifo")
    for number in range(4):
        amqp.driver.send("f", f"x{number}", group="x", deduplication=b"x%d" % number)
    amqp.limit("one", 1)
    amqp.limit("two", 1)
    (blocking,) = amqp.driver.receive("f", maximum=1)
    amqp.consume("f", "one")
    amqp.consume("f", "two")
    assert not amqp.delivered("one") and not amqp.delivered("two")
    amqp.driver.delete("f", blocking.lease)
    assert [amqp.bodies("one"), amqp.bodies("two")] == [["x1"], []]
    amqp.check()


# Single active consumer, exclusive consumer ---------------------------------------------------------------------


def test_of_single_active_consumers_the_first_gets_all() -> None:
    amqp = with_queue(single_active_consumer=True)
    first, second = amqp.consume(limit=1), amqp.consume()
    amqp.publish("a", "b")
    held = amqp.delivered()
    assert [(each.consumer, each.body) for each in held] == [(first, "a")], "while it has no room all wait"
    amqp.ack(*held)
    assert amqp.by_consumer() == [(first, "b")]
    amqp.cancel(first)
    amqp.publish("c")
    assert amqp.by_consumer() == [(second, "c")]
    amqp.check()


def test_with_the_active_consumers_channel_its_messages_go_to_the_next() -> None:
    amqp = with_queue(single_active_consumer=True)
    amqp.consume(channel="one", limit=1)
    second = amqp.consume(channel="two")
    amqp.publish("a", "b")
    amqp.close("one", *amqp.delivered("one"))
    assert amqp.by_consumer("two") == [(second, "a"), (second, "b")]


def test_the_active_consumer_stays_until_it_ends_and_then_priority_counts() -> None:
    amqp = with_queue(single_active_consumer=True)
    first = amqp.consume()
    low, high = amqp.consume(priority=1), amqp.consume(priority=10)
    second_high = amqp.consume(priority=10)
    amqp.publish("a")
    amqp.cancel(first)
    amqp.publish("b")
    amqp.cancel(high)
    amqp.publish("c")
    amqp.cancel(second_high)
    amqp.publish("d")
    assert amqp.by_consumer() == [(first, "a"), (high, "b"), (second_high, "c"), (low, "d")]


def test_an_exclusive_consumer_is_alone() -> None:
    amqp = with_queue()
    number = amqp.consume(exclusive=True)
    assert amqp.try_to_consume() == ExclusiveConsumer("q")
    amqp.cancel(number)
    amqp.consume()
    assert amqp.try_to_consume(exclusive=True) == ExclusiveConsumer("q")


def test_consuming_what_is_not_there_or_not_ones_own() -> None:
    amqp = Amqp()
    assert amqp.try_to_consume() == QueueDoesNotExist("q")
    assert amqp.ask(commands.Get("/", "q", False, None)) == QueueDoesNotExist("q")
    amqp.declare(owner="me", exclusive=True)
    assert amqp.try_to_consume(owner="you") == QueueLocked("q")
    assert amqp.ask(commands.Get("/", "q", False, "you")) == QueueLocked("q")
    amqp.consume(owner="me")


# The end of a consumer ------------------------------------------------------------------------------------------


def test_a_cancelled_consumer_may_still_settle() -> None:
    amqp = with_queue()
    number = amqp.consume()
    amqp.publish("a", "b")
    held = amqp.delivered()
    amqp.cancel(number)
    amqp.publish("c")
    assert amqp.bodies() == []
    assert amqp.driver.counts() == (1, 2, 0)
    amqp.ack(*held)
    assert amqp.driver.counts() == (1, 0, 0)
    amqp.check()


def test_the_others_get_what_a_cancelled_consumer_had_room_for() -> None:
    amqp = with_queue()
    first = amqp.consume(priority=1, limit=1)
    amqp.consume(channel="other")
    amqp.publish("a")
    amqp.cancel(first)
    amqp.publish("b")
    assert amqp.bodies("other") == ["b"]


def test_when_its_queue_goes_a_consumer_is_told() -> None:
    amqp = with_queue()
    numbers = [amqp.consume(), amqp.consume()]
    waiting = amqp.driver.wait()
    amqp.ask(commands.RemoveQueue("/", "q", False, False, None))
    assert amqp.cancelled() == numbers
    assert amqp.driver.answers[waiting] == QueueDoesNotExist("q")
    assert not amqp.driver.host().consumers
    amqp.check()


def test_deleting_through_the_other_door_tells_consumers_too() -> None:
    amqp = with_queue()
    number = amqp.consume()
    amqp.ask(sqs.DeleteQueue("/", "q", None))
    assert amqp.cancelled() == [number]
    amqp.check()


def test_what_was_held_of_a_deleted_queue_is_settled_without_effect() -> None:
    amqp = with_queue()
    amqp.consume()
    amqp.publish("a", "b")
    held = amqp.delivered()
    amqp.ask(commands.RemoveQueue("/", "q", False, False, None))
    amqp.declare()
    amqp.publish("new")
    amqp.ack(held[0])
    amqp.requeue(held[1])
    assert amqp.drain() == ["new"]


def test_a_closed_channel_returns_each_lease_to_its_place() -> None:
    amqp = with_queue()
    amqp.consume(channel="one", limit=4)
    amqp.publish(*"abcdef")
    held = amqp.delivered("one")
    amqp.ack(held.pop(1))
    amqp.delivered("one")
    amqp.close("one", *reversed(held), failed=False)
    amqp.consume(channel="two")
    back = amqp.delivered("two")
    assert [each.body for each in back] == ["a", "c", "d", "f"], "e is held by a lease that was not told of"
    assert [each.redelivered for each in back] == [True, True, True, False]
    amqp.check()


def test_a_closed_channel_is_one_batch() -> None:
    amqp = with_queue()
    amqp.declare("other")
    amqp.consume()
    amqp.consume("other")
    amqp.publish(*"abc")
    amqp.publish(*"def", key="other")
    held = amqp.delivered()
    batches = len(amqp.driver.batches)
    amqp.close("channel", *held)
    assert len(amqp.driver.batches) == batches + 1
    assert amqp.driver.counts("q") == amqp.driver.counts("other") == (3, 0, 0)
    amqp.check()


def test_a_closing_channel_gets_nothing_back_itself() -> None:
    amqp = with_queue()
    amqp.consume()
    amqp.publish("a")
    amqp.close("channel", *amqp.delivered())
    assert amqp.bodies() == []
    assert not amqp.driver.host().channels


def test_closing_an_unknown_channel_is_done() -> None:
    assert Amqp().ask(commands.CloseChannel("/", "none", [], False)) == Done()


def test_what_never_reached_its_consumer_was_not_delivered() -> None:
    amqp = with_queue(delivery_limit=0)
    amqp.consume(channel="one")
    amqp.publish("a", "b")
    a, b = amqp.delivered("one")
    amqp.close("one", a, failed=False)
    amqp.ask(sqs.ReturnUndelivered("/", [b.lease]))
    amqp.consume(channel="two")
    assert [(each.body, each.redelivered) for each in amqp.delivered("two")] == [("a", True), ("b", False)]
    amqp.check()


def test_a_returned_delivery_goes_to_the_next_consumer() -> None:
    amqp = with_queue()
    amqp.consume(channel="one", priority=1)
    amqp.publish("a")
    (a,) = amqp.delivered("one")
    amqp.consume(channel="two")
    amqp.close("one")
    assert amqp.bodies("two") == []
    amqp.ask(sqs.ReturnUndelivered("/", [a.lease]))
    assert amqp.bodies("two") == ["a"]
    amqp.check()


# Settling -------------------------------------------------------------------------------------------------------


def test_many_are_settled_at_once_over_queues_and_consumers() -> None:
    amqp = with_queue()
    amqp.declare("other")
    amqp.limit("channel", 4)
    amqp.consume("q")
    amqp.consume("other")
    amqp.publish("a", "b", "e", key="q")
    amqp.publish("c", "d", key="other")
    held = amqp.delivered()
    amqp.ack(*held)
    assert len(amqp.delivered()) == 1
    amqp.check()


def test_a_requeued_message_is_the_first_again() -> None:
    amqp = with_queue()
    amqp.consume(limit=2)
    amqp.publish(*"abcd")
    a, b = amqp.delivered()
    amqp.requeue(b)
    (again,) = amqp.delivered()
    assert (again.body, again.redelivered) == ("b", True)
    amqp.requeue(a, again)
    assert amqp.bodies() == ["a", "b"]
    amqp.check()


def test_not_seen_by_anybody_is_not_redelivered() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    got = amqp.get()
    assert got is not None and not got.redelivered
    amqp.requeue(got)
    amqp.consume()
    assert [(each.body, each.redelivered) for each in amqp.delivered()] == [("a", True), ("b", False)]


def test_stale_and_foreign_leases_are_passed_over() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    first = amqp.get()
    assert first is not None
    amqp.requeue(first)
    second = amqp.get()
    assert second is not None and second.body == "a"
    for lease in (first.lease, Lease(99, 0, 1), Lease(1, 77, 1)):
        for outcome in (commands.ACK, commands.REQUEUE, commands.REJECT):
            amqp.settle(outcome, Delivery("", False, lease, 0, None))
    amqp.close("none", first)
    assert amqp.driver.counts() == (1, 1, 0)
    amqp.ack(second)
    amqp.ack(second)
    assert amqp.driver.counts() == (1, 0, 0)
    amqp.check()


def test_a_stale_lease_still_makes_room() -> None:
    amqp = with_queue()
    amqp.consume(limit=1)
    amqp.publish("a")
    held = amqp.delivered()
    amqp.ask(sqs.PurgeQueue("/", "q", None))
    amqp.publish("b")
    amqp.ack(*held)
    assert amqp.bodies() == ["b"]
    amqp.check()


# Get ------------------------------------------------------------------------------------------------------------


def test_get_takes_the_next_and_says_how_many_are_left() -> None:
    amqp = with_queue()
    amqp.publish("a", "b", "c")
    answer = amqp.ask(commands.Get("/", "q", False, None))
    assert (answer.ready, amqp.driver.body(answer.message.received)) == (2, "a")
    assert amqp.driver.counts() == (2, 1, 0)
    amqp.check()


def test_get_of_an_empty_queue() -> None:
    amqp = with_queue()
    assert amqp.get() is None
    batches = len(amqp.driver.batches)
    assert amqp.get(no_ack=True) is None
    assert len(amqp.driver.batches) == batches


def test_get_without_ack_is_for_good() -> None:
    amqp = with_queue()
    amqp.publish("a")
    assert amqp.drain() == ["a"]
    assert amqp.driver.host().messages.live == 0
    amqp.check()


def test_what_was_got_may_be_settled_and_is_returned_with_the_channel() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    a, b = amqp.get(), amqp.get()
    assert a is not None and b is not None
    amqp.ack(a)
    amqp.close("channel", b)
    assert amqp.drain() == ["b"]


# Two doors ------------------------------------------------------------------------------------------------------


def test_what_is_sent_through_sqs_wakes_an_amqp_consumer() -> None:
    amqp = Amqp()
    amqp.driver.create()
    amqp.consume()
    amqp.driver.send("q", "hello")
    held = amqp.delivered()
    assert [each.body for each in held] == ["hello"]
    amqp.ack(*held)
    assert amqp.driver.counts() == (0, 0, 0)
    amqp.check()


def test_what_is_published_through_amqp_wakes_a_parked_receive() -> None:
    amqp = with_queue()
    waiting = amqp.driver.wait()
    amqp.publish("hello")
    assert amqp.driver.waited(waiting) == ["hello"]
    amqp.check()


def test_what_amqp_gives_back_wakes_a_parked_receive() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    a, b = amqp.get(), amqp.get()
    assert a is not None and b is not None
    waiting = amqp.driver.wait(maximum=1)
    amqp.requeue(a)
    assert amqp.driver.waited(waiting) == ["a"]
    waiting = amqp.driver.wait(maximum=1)
    amqp.close("channel", b)
    assert amqp.driver.waited(waiting) == ["b"]


def test_what_sqs_gives_back_goes_to_a_consumer() -> None:
    amqp = with_queue()
    amqp.publish("a", "b")
    by_timeout, by_hand = amqp.driver.receive(visibility_ms=1_000)
    amqp.consume()
    amqp.driver.change_visibility("q", by_hand.lease, 0)
    assert [(each.body, each.redelivered) for each in amqp.delivered()] == [("b", True)]
    amqp.driver.advance(1_016)
    assert amqp.bodies() == ["a"]
    assert amqp.driver.delete("q", by_timeout.lease) == [None]
    amqp.check()


def test_a_delayed_message_goes_to_a_consumer_when_it_is_due() -> None:
    driver = Driver()
    amqp = Amqp(driver)
    driver.create()
    amqp.consume()
    driver.send("q", "late", delay_ms=5_000)
    driver.advance(4_999)
    assert amqp.bodies() == []
    driver.advance(17)
    assert amqp.bodies() == ["late"]


def test_consumers_come_before_parked_receives() -> None:
    amqp = with_queue()
    waiting = amqp.driver.wait()
    amqp.consume(limit=1)
    amqp.publish("a", "b")
    assert amqp.bodies() == ["a"]
    assert amqp.driver.waited(waiting) == ["b"]


# Restart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", [False, True])
def test_after_a_restart_leases_of_channels_are_ready_and_redelivered(checkpoint: bool) -> None:
    amqp = with_queue(delivery_limit=0)
    amqp.publish(*"abcd")
    amqp.consume(limit=2)
    amqp.ack(amqp.delivered()[0])
    amqp.delivered()
    if checkpoint:
        amqp.driver.begin_checkpoint()
        amqp.driver.publish_checkpoint()
    (received,) = amqp.driver.receive(maximum=1)
    amqp.restart()
    assert amqp.driver.counts() == (2, 1, 0), "a lease with a deadline holds"
    amqp.check()
    amqp.consume()
    assert [(each.body, each.redelivered) for each in amqp.delivered()] == [("b", True), ("c", True)]
    assert amqp.driver.delete("q", received.lease) == [None]
    amqp.check()
