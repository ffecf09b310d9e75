"""Arguments of queues, and headers that route."""

from typing import Any

import pika
import pytest

from tests.amqp_clients.clients import until


def test_a_dead_letter_routing_key_needs_an_exchange(channel: Any, name: str) -> None:
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="routing_key_but_no_dlx_defined") as refused:
        channel.queue_declare(name, arguments={"x-dead-letter-routing-key": "key"})
    assert refused.value.reply_code == 406


def test_an_unused_queue_goes(channel: Any, name: str) -> None:
    channel.queue_declare(name, arguments={"x-expires": 50})
    until(lambda: not _takes(channel, name))
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
        channel.queue_declare(name, passive=True)
    assert refused.value.reply_code == 404


def _takes(channel: Any, queue: str) -> bool:
    """Whether the queue is there: a publish does not count as its use, as a declaration would."""
    try:
        channel.basic_publish("", queue, b"", mandatory=True)
    except pika.exceptions.UnroutableError:
        return False
    return True


def test_blind_copies_are_not_shown(channel: Any, name: str) -> None:
    queues = [f"{name}-{each}" for each in ("to", "copy", "blind")]
    for queue in queues:
        channel.queue_declare(queue)
    headers = {"CC": [queues[1]], "BCC": [queues[2]], "other": 1}
    channel.basic_publish("", queues[0], b"m", pika.BasicProperties(headers=headers))
    for queue in queues:
        _, properties, body = channel.basic_get(queue, auto_ack=True)
        assert (body, properties.headers) == (b"m", {"CC": [queues[1]], "other": 1})
