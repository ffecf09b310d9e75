"""Exchange types beyond the four, with pika."""

from typing import Any

import pika

from tests.amqp_clients.clients import get


def test_a_delayed_message(channel: Any, name: str) -> None:
    channel.exchange_declare(name, "x-delayed-message", durable=True, arguments={"x-delayed-type": "direct"})
    channel.queue_declare(name)
    channel.queue_bind(name, name, "key")
    channel.basic_publish(name, "key", b"late", pika.BasicProperties(headers={"x-delay": 1000}), mandatory=True)
    channel.basic_publish(name, "key", b"now")
    assert channel.basic_get(name, auto_ack=True)[2] == b"now"
    assert get(channel, name, auto_ack=True)[2] == b"late"
