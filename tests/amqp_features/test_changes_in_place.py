"""Arguments and prefetch changed while a queue and its consumers are in use, with pika."""

from typing import Any

import pika
import pytest

from tests.amqp_clients.clients import until


def _heard(channel: Any, got: list[Any], count: int) -> bool:
    """Whether so many deliveries have come."""
    channel.connection.process_data_events(0.02)
    return len(got) >= count


def test_arguments_change_in_place(channel: Any, sqs: Any, name: str) -> None:
    channel.queue_declare(name, durable=True, arguments={"x-max-length": 10, "x-overflow": "reject-publish"})
    for body in (b"a", b"b", b"c"):
        channel.basic_publish("", name, body)
    changed = {"x-max-length": 2, "x-change-arguments": True}
    assert channel.queue_declare(name, durable=True, arguments=changed).method.message_count == 3
    channel.queue_declare(name, durable=True, arguments={"x-max-length": 2})
    channel.basic_publish("", name, b"d")
    assert [channel.basic_get(name, auto_ack=True)[2] for _ in range(3)] == [b"c", b"d", None]
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="inequivalent arg 'x-max-priority'") as closed:
        channel.queue_declare(name, durable=True, arguments={"x-max-priority": 1, "x-change-arguments": True})
    assert closed.value.reply_code == 406


def test_a_running_consumer_follows_basic_qos(channel: Any, name: str) -> None:
    channel.queue_declare(name)
    for number in range(5):
        channel.basic_publish("", name, b"%d" % number)
    got: list[Any] = []
    steady: list[Any] = []
    channel.basic_qos(prefetch_count=1)
    live = {"x-live-prefetch": True}
    channel.basic_consume(name, lambda *given: steady.append(given))
    channel.basic_consume(name, lambda *given: got.append(given), arguments=live)
    until(lambda: _heard(channel, got, 1))
    channel.basic_qos(prefetch_count=3)
    until(lambda: _heard(channel, got, 3))
    channel.basic_qos(prefetch_count=4)
    until(lambda: _heard(channel, got, 4))
    assert len(steady) == 1
