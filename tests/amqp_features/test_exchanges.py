"""Exchange types beyond the four, with pika."""

import time
from typing import Any

import pika


def test_a_delayed_message(channel: Any, name: str) -> None:
    channel.exchange_declare(name, "x-delayed-message", durable=True, arguments={"x-delayed-type": "direct"})
    channel.queue_declare(name)
    channel.queue_bind(name, name, "key")
    channel.basic_publish(name, "key", b"m", pika.BasicProperties(headers={"x-delay": 300}), mandatory=True)
    assert channel.basic_get(name)[0] is None
    time.sleep(0.5)
    assert channel.basic_get(name, auto_ack=True)[2] == b"m"
