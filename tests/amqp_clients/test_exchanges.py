"""Exchanges of every kind with pika, and exchanges bound to exchanges."""

from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import bodies


def publish(channel: BlockingChannel, exchange: str, *keys: str, headers: dict[str, Any] | None = None) -> None:
    """A message for each key, which is its body."""
    for key in keys:
        channel.basic_publish(exchange, key, key.encode(), pika.BasicProperties(headers=headers))


@pytest.mark.parametrize("durable", [True, False])
def test_direct(channel: BlockingChannel, name: str, queue: str, durable: bool) -> None:
    channel.exchange_declare(name, "direct", durable=durable)
    channel.queue_bind(queue, name, "info")
    channel.queue_bind(queue, name, "info")
    channel.queue_bind(queue, name, "warning")
    publish(channel, name, "info", "error", "warning", "info.more")
    assert bodies(channel, queue) == [b"info", b"warning"]
    channel.queue_unbind(queue, name, "info")
    channel.queue_unbind(queue, name, "never bound")
    publish(channel, name, "info", "warning")
    assert bodies(channel, queue) == [b"warning"]
    channel.exchange_delete(name)


def test_fanout(channel: BlockingChannel, name: str) -> None:
    queues = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
    for queue in queues:
        channel.queue_bind(queue, "amq.fanout", "whatever")
    publish(channel, "amq.fanout", "a", "b")
    assert [bodies(channel, queue) for queue in queues] == [[b"a", b"b"]] * 3


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("#", ["", "a", "a.b", "a.b.c", "b.a"]),
        ("*", ["a"]),
        ("a.*", ["a.b"]),
        ("a.#", ["a", "a.b", "a.b.c"]),
        ("#.a", ["a", "b.a"]),
        ("*.b.*", ["a.b.c"]),
        ("a.b", ["a.b"]),
        ("#.b.#", ["a.b", "a.b.c", "b.a"]),
    ],
)
def test_topic(channel: BlockingChannel, queue: str, pattern: str, matched: list[str]) -> None:
    channel.queue_bind(queue, "amq.topic", pattern)
    publish(channel, "amq.topic", "", "a", "a.b", "a.b.c", "b.a")
    assert bodies(channel, queue) == [key.encode() for key in matched]


@pytest.mark.parametrize(
    ("arguments", "matched"),
    [
        ({"x-match": "all", "a": 1, "b": "x"}, [b"both"]),
        ({"a": 1, "b": "x"}, [b"both"]),
        ({"x-match": "any", "a": 1, "b": "x"}, [b"both", b"one"]),
        ({"x-match": "all", "a": None}, [b"both", b"one", b"other"]),
    ],
)
def test_headers(channel: BlockingChannel, queue: str, arguments: dict[str, Any], matched: list[bytes]) -> None:
    channel.queue_bind(queue, "amq.headers", "", arguments)
    publish(channel, "amq.headers", "both", headers={"a": 1, "b": "x", "c": True})
    publish(channel, "amq.headers", "one", headers={"a": 1, "b": "y"})
    publish(channel, "amq.headers", "other", headers={"a": 2})
    publish(channel, "amq.headers", "none", headers={"d": 2})
    publish(channel, "amq.headers", "without")
    assert bodies(channel, queue) == matched


def test_exchanges_bound_to_exchanges(channel: BlockingChannel, name: str, queue: str) -> None:
    first, second = f"{name}-first", f"{name}-second"
    channel.exchange_declare(first, "topic", auto_delete=True)
    channel.exchange_declare(second, "fanout", internal=True, auto_delete=True)
    channel.exchange_bind(second, first, "a.#")
    channel.exchange_bind(first, second)
    channel.queue_bind(queue, second)
    channel.queue_bind(queue, first, "a.b")
    publish(channel, first, "a.b", "b", "a")
    assert bodies(channel, queue) == [b"a.b", b"a"]
    channel.exchange_unbind(second, first, "a.#")
    publish(channel, first, "a.b", "a")
    assert bodies(channel, queue) == [b"a.b"]


def test_what_an_exchange_cannot_route_goes_to_its_alternate(channel: BlockingChannel, name: str, queue: str) -> None:
    channel.exchange_declare(f"{name}-alternate", "fanout", auto_delete=True)
    channel.exchange_declare(name, "direct", arguments={"alternate-exchange": f"{name}-alternate"})
    channel.queue_bind(queue, f"{name}-alternate")
    publish(channel, name, "lost")
    assert bodies(channel, queue) == [b"lost"]
    channel.exchange_delete(name)


def test_an_auto_delete_exchange_goes_with_its_last_binding(
    connection: pika.BlockingConnection, channel: BlockingChannel, name: str, queue: str
) -> None:
    channel.exchange_declare(name, "fanout", auto_delete=True)
    channel.exchange_declare(name, passive=True)
    channel.queue_bind(queue, name)
    channel.queue_delete(queue)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as raised:
        channel.exchange_declare(name, passive=True)
    assert raised.value.reply_code == 404
    assert connection.is_open
