"""Where dead letters go, and when: carbon copies, and exchanges that look at headers."""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core.model import Content
from tests.core.routed import Amqp, Delivery

HEADERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "copied": {"CC": ["copy", 7, "other"]},
    "red": {"colour": "red"},
    "blue": {"colour": "blue"},
    "slow": {"x-delay": 5_000},
}


def amqp_with_headers() -> Amqp:
    """Messages have the headers that are listed for their body."""
    amqp = Amqp()
    amqp.driver.machine.state.headers_of = headers_of
    return amqp


def headers_of(content: Content) -> dict[str, Any]:
    return HEADERS[content.body.decode()]


def die(amqp: Amqp, queue: str = "q") -> None:
    """What is ready there is rejected."""
    while (held := amqp.get(queue)) is not None:
        amqp.reject(held)


def one(amqp: Amqp, queue: str) -> Delivery:
    found = amqp.get(queue)
    assert found is not None
    return found


def keys(delivery: Delivery) -> tuple[list[str], list[list[str]]]:
    """Those it goes under now, and those it died under."""
    assert delivery.afterlife is not None
    return delivery.afterlife.routing_keys, [death.routing_keys for death in delivery.afterlife.deaths]


def test_copies_are_followed_where_the_queue_names_no_key() -> None:
    amqp = amqp_with_headers()
    amqp.declare(dead_letter_exchange="amq.direct")
    for queue, key in (("own", "q"), ("copy", "copy"), ("third", "third")):
        amqp.queue_for(queue, "amq.direct", key)
    amqp.publish("copied", "plain")
    die(amqp)
    assert [len(amqp.drain(queue)) for queue in ("own", "copy", "third")] == [2, 1, 0]
    amqp.check()


def test_every_death_names_all_keys() -> None:
    amqp = amqp_with_headers()
    amqp.declare(dead_letter_exchange="amq.direct")
    amqp.declare("copy", dead_letter_exchange="", dead_letter_routing_key="grave")
    amqp.declare("grave", dead_letter_exchange="amq.fanout")
    amqp.queue_for("last", "amq.fanout")
    amqp.bind("amq.direct", "copy", "copy")
    amqp.publish("copied")
    die(amqp)
    held = one(amqp, "copy")
    all_keys = ["q", "copy", "other"]
    assert keys(held) == (all_keys, [all_keys])
    amqp.reject(held)
    held = one(amqp, "grave")
    assert keys(held) == (["grave"], [all_keys, all_keys]), "the queue's own key stands for all"
    amqp.reject(held)
    assert keys(one(amqp, "last")) == (["grave"], [["grave"], all_keys, all_keys])
    amqp.check()


def test_a_headers_exchange_sees_the_headers() -> None:
    amqp = amqp_with_headers()
    amqp.declare(dead_letter_exchange="amq.headers")
    amqp.queue_for("red", "amq.headers", colour="red")
    amqp.queue_for("rejected", "amq.headers", x_match="all-with-x", x_first_death_reason="rejected", colour="blue")
    amqp.publish("red", "blue", "plain")
    die(amqp)
    assert (amqp.drain("red"), amqp.drain("rejected")) == (["red"], ["blue"])


def test_a_headers_exchange_sees_them_at_the_second_death_too() -> None:
    amqp = amqp_with_headers()
    amqp.declare(dead_letter_exchange="", dead_letter_routing_key="middle")
    amqp.declare("middle", dead_letter_exchange="amq.headers")
    amqp.queue_for("red", "amq.headers", colour="red")
    amqp.publish("red", "blue")
    die(amqp)
    die(amqp, "middle")
    assert amqp.drain("red") == ["red"]


def test_an_exchange_that_hashes_a_header_sees_it() -> None:
    amqp = amqp_with_headers()
    amqp.exchange("hashed", "x-consistent-hash", {"hash-header": "colour"})
    amqp.declare(dead_letter_exchange="hashed")
    names = [f"h{number}" for number in range(8)]
    for name in names:
        amqp.queue_for(name, "hashed", "1")
    for body in ("red", "blue"):
        (expected,) = amqp.routed("hashed", headers=HEADERS[body])
        amqp.publish(body)
        die(amqp)
        assert [name for name in names if amqp.drain(name)] == [expected]


def test_an_exchange_for_delayed_messages_that_looks_at_headers_sees_them() -> None:
    amqp = amqp_with_headers()
    amqp.exchange("delayed", "x-delayed-message", {"x-delayed-type": "headers"})
    amqp.declare(dead_letter_exchange="delayed")
    amqp.queue_for("red", "delayed", colour="red")
    amqp.publish("red", "blue")
    die(amqp)
    assert amqp.drain("red") == ["red"]


def delayed_by_death(amqp: Amqp) -> None:
    """What dies in `q` or `first` goes through an exchange for delayed messages to `late`."""
    amqp.exchange("delayed", "x-delayed-message", {"x-delayed-type": "fanout"})
    for name in ("q", "first"):
        amqp.declare(name, dead_letter_exchange="delayed")
    amqp.queue_for("late", "delayed")


@pytest.mark.parametrize("durable", [True, False])
def test_an_exchange_for_delayed_messages_delays_what_died(durable: bool) -> None:
    amqp = amqp_with_headers()
    delayed_by_death(amqp)
    amqp.publish("slow", "plain", persistent=durable)
    die(amqp)
    assert (amqp.drain("late"), amqp.driver.counts("late")) == (["plain"], (0, 0, 1))
    amqp.driver.advance(5_020)
    assert amqp.drain("late") == ["slow"]
    amqp.check()


def test_what_waits_survives_a_restart_and_does_not_wait_twice() -> None:
    amqp = amqp_with_headers()
    delayed_by_death(amqp)
    amqp.exchange("first", "x-delayed-message", {"x-delayed-type": "fanout"})
    amqp.bind("first", "first")
    amqp.publish("slow", exchange="first")
    amqp.driver.advance(5_020)
    die(amqp, "first")
    assert amqp.drain("late") == ["slow"], "it came by such an exchange"
    amqp.publish("slow")
    die(amqp)
    amqp.restart()
    assert amqp.drain("late") == []
    amqp.driver.advance(5_020)
    assert amqp.drain("late") == ["slow"]
    amqp.check()
