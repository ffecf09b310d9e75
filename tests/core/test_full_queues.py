"""Queues that refuse what is too much, among others that have room, and behind the other door."""

from __future__ import annotations

from oncemq.core.outputs import SentMessage
from oncemq.core.refusals import QueueFull
from oncemq.core.routed_outputs import REJECTED, ROUTED, UNROUTED
from tests.core.driver import message
from tests.core.routed import Amqp


def fan_out(**lengths: int | None) -> Amqp:
    """Queues that are bound to amq.fanout, and refuse more than so many messages."""
    amqp = Amqp()
    for name, length in lengths.items():
        amqp.declare(name, maximum_length=length, overflow="reject-publish")
        amqp.bind("amq.fanout", name)
    return amqp


def test_the_others_get_what_one_refuses() -> None:
    amqp = fan_out(narrow=1, roomy=None, middle=3)
    assert amqp.publish("a", "b", exchange="amq.fanout") == REJECTED + 1
    assert amqp.publish("c", "d", exchange="amq.fanout") == REJECTED
    assert [amqp.drain(name) for name in ("narrow", "middle", "roomy")] == [
        ["a"],
        ["a", "b", "c"],
        ["a", "b", "c", "d"],
    ]
    amqp.check()


def test_each_message_that_goes_its_own_way_has_its_own_outcome() -> None:
    amqp = Amqp()
    amqp.exchange("any", "x-random")
    assert amqp.publish("a", "b", exchange="any") == [UNROUTED, UNROUTED]
    for number in range(4):
        amqp.declare(f"q{number}", maximum_length=number, overflow="reject-publish")
        amqp.bind("any", f"q{number}", str(number))
    bodies = [str(number) for number in range(20)]
    outcomes = amqp.publish(*bodies, exchange="any")
    taken = [body for body, outcome in zip(bodies, outcomes, strict=True) if outcome == ROUTED]
    assert taken == sorted((body for number in range(4) for body in amqp.drain(f"q{number}")), key=int)
    assert 0 < len(taken) < len(bodies) and set(outcomes) == {ROUTED, REJECTED}


def test_what_is_sent_through_the_other_door_is_refused_too() -> None:
    amqp = fan_out(q=2)
    results = amqp.driver.send_all("q", [message("a"), message("b"), message("c")])
    assert [type(each) for each in results] == [SentMessage, SentMessage, QueueFull]
    assert results[2] == QueueFull("q")
    assert amqp.drain() == ["a", "b"]
    amqp.driver.send("q", "d")


def test_a_fifo_queue_refuses_and_may_be_sent_it_again() -> None:
    amqp = Amqp()
    amqp.driver.create("f", kind="fifo", maximum_length=1, overflow="reject-publish")
    first, again = (message(body, group="g", deduplication=body) for body in (b"a", b"b"))
    assert isinstance(amqp.driver.send_all("f", [first])[0], SentMessage)
    assert amqp.driver.send_all("f", [again]) == [QueueFull("f")]
    assert isinstance(amqp.driver.send_all("f", [first])[0], SentMessage), "a duplicate needs no room"
    assert amqp.drain("f") == ["a"]
    assert isinstance(amqp.driver.send_all("f", [again])[0], SentMessage)
    assert amqp.drain("f") == ["b"]
