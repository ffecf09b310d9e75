"""Groups and deduplication by headers, and what the other door sees of them."""

from typing import Any

import pika

from tests.clients.clients import receive


def test_headers_group_and_deduplicate(channel: Any, sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    headers = {"x-group-id": "g", "x-deduplication-header": "d"}
    for body in (b"first", b"again"):
        channel.basic_publish("", f"{name}.fifo", body, pika.BasicProperties(headers=headers))
    sqs.send_message(QueueUrl=url, MessageBody="again", MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = receive(sqs, url)
    assert message["Body"] == "first"
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["MessageDeduplicationId"] == "d"


def test_a_queue_declared_to_deduplicate(channel: Any, name: str) -> None:
    channel.queue_declare(name, durable=True, arguments={"x-message-deduplication": True, "x-cache-ttl": 60_000})
    for body in (b"first", b"again"):
        channel.basic_publish("", name, body, pika.BasicProperties(headers={"x-deduplication-header": 7}))
    assert channel.basic_get(name, auto_ack=True)[2] == b"first"
    assert channel.basic_get(name, auto_ack=True)[0] is None
