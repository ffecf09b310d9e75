"""Groups and deduplication by headers, and what the other door sees of them."""

from typing import Any

import pika

from tests.amqp_clients.clients import until
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


def test_a_message_says_how_long_its_id_is_remembered(channel: Any, name: str) -> None:
    channel.queue_declare(name, durable=True, arguments={"x-message-deduplication": True})
    for deduplication, window_ms in (("short", 200), ("long", 60_000)):
        headers = {"x-deduplication-header": deduplication, "x-cache-ttl": window_ms}
        channel.basic_publish("", name, b"first", pika.BasicProperties(headers=headers))

    def published_again() -> bool:
        for deduplication in ("long", "short"):
            properties = pika.BasicProperties(headers={"x-deduplication-header": deduplication})
            channel.basic_publish("", name, deduplication.encode(), properties)
        return bool(channel.queue_declare(name, passive=True).method.message_count > 2)

    until(published_again)
    assert [channel.basic_get(name, auto_ack=True)[2] for _ in range(4)] == [b"first", b"first", b"short", None]
