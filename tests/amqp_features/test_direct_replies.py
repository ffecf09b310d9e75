"""Direct reply-to, as pika uses it."""

from typing import Any

import pika
import pytest

REPLY_TO = "amq.rabbitmq.reply-to"


def test_a_request_is_answered(channel: Any, name: str) -> None:
    answers: list[bytes] = []
    channel.queue_declare(name)
    channel.basic_consume(REPLY_TO, lambda *given: answers.append(given[3]), auto_ack=True)
    for body in (b"1", b"2"):
        channel.basic_publish("", name, body, pika.BasicProperties(reply_to=REPLY_TO))
    for _ in range(2):
        _, properties, body = channel.basic_get(name, auto_ack=True)
        assert properties.reply_to.startswith(REPLY_TO + ".")
        channel.queue_declare(properties.reply_to, passive=True)
        channel.basic_publish("", properties.reply_to, b"answer " + body, mandatory=True)
    channel.connection.process_data_events(1)
    assert answers == [b"answer 1", b"answer 2"]


def test_a_reply_nobody_waits_for_is_returned(channel: Any, name: str) -> None:
    tag = channel.basic_consume(REPLY_TO, lambda *_: None, auto_ack=True)
    channel.queue_declare(name)
    channel.basic_publish("", name, b"m", pika.BasicProperties(reply_to=REPLY_TO))
    reply_to = channel.basic_get(name, auto_ack=True)[1].reply_to
    channel.basic_cancel(tag)
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("", reply_to, b"m", mandatory=True)


@pytest.mark.parametrize("text", ["fast reply consumer does not exist", "reply consumer cannot acknowledge"])
def test_what_cannot_be_is_refused(channel: Any, name: str, text: str) -> None:
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match=text):
        if "acknowledge" in text:
            channel.basic_consume(REPLY_TO, lambda *_: None)
        else:
            channel.basic_publish("", name, b"m", pika.BasicProperties(reply_to=REPLY_TO))
