"""Dead letters by carbon copies and by headers, with pika and boto3."""

from typing import Any

import pika


def _rejected(channel: Any, queue: str) -> None:
    method, _, _ = channel.basic_get(queue)
    channel.basic_nack(method.delivery_tag, requeue=False)


def test_carbon_copies_are_followed_and_then_taken(channel: Any, name: str) -> None:
    copy, grave = f"{name}-copy", f"{name}-grave"
    channel.queue_declare(name, arguments={"x-dead-letter-exchange": "amq.direct"})
    channel.queue_declare(copy, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
    channel.queue_declare(grave)
    channel.queue_bind(copy, "amq.direct", copy)
    channel.basic_publish("", name, b"m", pika.BasicProperties(headers={"CC": [copy], "BCC": ["nobody"]}))
    assert channel.basic_get(copy, auto_ack=True)[2] == b"m"
    _rejected(channel, name)
    method, properties, _ = channel.basic_get(copy)
    assert (method.exchange, method.routing_key) == ("amq.direct", name)
    assert properties.headers["CC"] == [copy]
    assert properties.headers["x-death"][0]["routing-keys"] == [name, copy]
    channel.basic_nack(method.delivery_tag, requeue=False)
    method, properties, _ = channel.basic_get(grave, auto_ack=True)
    assert (method.exchange, method.routing_key) == ("", grave)
    assert "CC" not in properties.headers
    assert [death["routing-keys"] for death in properties.headers["x-death"]] == [[name, copy], [name, copy]]


def test_a_headers_exchange_sorts_dead_letters_of_both_doors(channel: Any, sqs: Any, name: str) -> None:
    channel.exchange_declare(name, "headers")
    channel.queue_declare(f"{name}-q", durable=True, arguments={"x-dead-letter-exchange": name})
    for colour in ("red", "blue"):
        channel.queue_declare(f"{name}-{colour}")
        channel.queue_bind(f"{name}-{colour}", name, "", {"colour": colour})
    channel.basic_publish("", f"{name}-q", b"m", pika.BasicProperties(headers={"colour": "red"}))
    url = sqs.get_queue_url(QueueName=f"{name}-q")["QueueUrl"]
    attributes = {"colour": {"DataType": "String", "StringValue": "blue"}}
    sqs.send_message(QueueUrl=url, MessageBody="s", MessageAttributes=attributes)
    for _ in range(2):
        _rejected(channel, f"{name}-q")
    assert channel.basic_get(f"{name}-red", auto_ack=True)[2] == b"m"
    assert channel.basic_get(f"{name}-blue", auto_ack=True)[2] == b"s"
