"""One queue, two doors: what goes in through one comes out of the other."""

import base64
import json
from typing import Any

import pika
import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import arn_of, attributes_of, counts, dead_letter_pair, receive, wait_until


def _published(channel: Any, sqs: Any, name: str, body: bytes, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    channel.queue_declare(name, durable=True)
    channel.basic_publish("", name, body, pika.BasicProperties(headers=headers))
    (message,) = receive(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"])
    return message


def test_text_crosses_as_it_is(channel: Any, sqs: Any, name: str) -> None:
    message = _published(channel, sqs, name, "grüße".encode())
    assert message["Body"] == "grüße"
    assert "MessageAttributes" not in message


def test_other_bytes_cross_in_base64_and_say_so(channel: Any, sqs: Any, name: str) -> None:
    message = _published(channel, sqs, name, b"\x00\xff")
    assert base64.b64decode(message["Body"]) == b"\x00\xff"
    assert message["MessageAttributes"]["oncemq.body"]["StringValue"] == "base64"


def test_headers_are_attributes(channel: Any, sqs: Any, name: str) -> None:
    headers = {"text": "t", "number": 7, "bytes": b"\x00\xff", "table": {"a": [1, True]}, "yes": True, "empty": ""}
    found = _published(channel, sqs, name, b"m", headers)["MessageAttributes"]
    assert found["text"] == {"StringValue": "t", "DataType": "String"}
    assert found["number"] == {"StringValue": "7", "DataType": "Number"}
    assert found["bytes"] == {"BinaryValue": b"\x00\xff", "DataType": "Binary"}
    assert found["table"] == {"StringValue": '{"a":[1,true]}', "DataType": "String"}
    assert found["yes"] == {"StringValue": "true", "DataType": "String"}
    assert found["oncemq.headers_omitted"] == {"StringValue": "1", "DataType": "Number"}


def test_beyond_ten_headers_are_counted(channel: Any, sqs: Any, name: str) -> None:
    found = _published(channel, sqs, name, b"m", {f"h{number}": number for number in range(13)})["MessageAttributes"]
    assert sorted(found) == sorted([*(f"h{number}" for number in range(10)), "oncemq.headers_omitted"])
    assert found["oncemq.headers_omitted"]["StringValue"] == "3"


def test_a_large_body_is_counted_but_not_received(channel: Any, sqs: Any, name: str) -> None:
    channel.queue_declare(name, durable=True)
    for body in (b"x" * 1_048_577, b"y" * 2_000_000, b"small"):
        channel.basic_publish("", name, body)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert counts(sqs, url)[0] == 3
    assert [message["Body"] for message in receive(sqs, url)] == ["small"]
    assert receive(sqs, url) == []
    assert [len(channel.basic_get(name, auto_ack=True)[2]) for _ in range(2)] == [1_048_577, 2_000_000]


def test_attributes_are_headers(channel: Any, sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(
        QueueUrl=url,
        MessageBody="hello",
        MessageAttributes={
            "text": {"DataType": "String.kind", "StringValue": "t"},
            "integer": {"DataType": "Number", "StringValue": "-12"},
            "fraction": {"DataType": "Number", "StringValue": "1.5"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    _, properties, body = channel.basic_get(name, auto_ack=True)
    assert body == b"hello"
    assert properties.content_type == "text/plain"
    assert properties.headers == {"text": "t", "integer": -12, "fraction": "1.5", "bytes": b"\x00\xff"}


def test_attributes_larger_than_a_frame_are_counted(channel: Any, sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = {
        "large": {"DataType": "String", "StringValue": "x" * 300_000},
        "small": {"DataType": "String", "StringValue": "y"},
    }
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    _, properties, _ = channel.basic_get(name, auto_ack=True)
    assert properties.headers == {"small": "y", "oncemq.headers_omitted": 1}


def test_group_and_deduplication_id_cross(channel: Any, sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g", MessageDeduplicationId="d")
    _, properties, _ = channel.basic_get(f"{name}.fifo", auto_ack=True)
    assert properties.headers == {"x-group-id": "g", "x-deduplication-header": "d"}


def test_a_limit_of_deliveries_is_a_redrive_policy(channel: Any, sqs: Any, name: str) -> None:
    dead = f"{name}-dead"
    channel.queue_declare(dead, durable=True)
    limits = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-max-receive-count": 2}
    channel.queue_declare(name, durable=True, arguments=limits)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    shown = json.loads(attributes_of(sqs, url)["RedrivePolicy"])
    dead_url = sqs.get_queue_url(QueueName=dead)["QueueUrl"]
    assert shown == {"deadLetterTargetArn": arn_of(sqs, dead_url), "maxReceiveCount": 2}
    channel.basic_publish("", name, b"poison")
    for _ in range(2):
        method, _, _ = channel.basic_get(name)
        channel.basic_nack(method.delivery_tag)
    assert channel.basic_get(name)[0] is None
    (message,) = receive(sqs, dead_url)
    assert (message["Body"], message["Attributes"]["DeadLetterQueueSourceArn"]) == ("poison", arn_of(sqs, url))
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="x-max-receive-count"):
        channel.queue_declare(f"{name}-0", arguments={"x-max-receive-count": 0})


def test_a_full_queue_refuses_what_is_sent_too(channel: Any, sqs: Any, name: str) -> None:
    channel.queue_declare(name, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="first")
    with pytest.raises(ClientError, match="is full") as refused:
        sqs.send_message(QueueUrl=url, MessageBody="second")
    assert refused.value.response["Error"]["Code"] == "RequestThrottled"
    assert counts(sqs, url)[0] == 1


def test_a_redrive_policy_limits_deliveries(channel: Any, sqs: Any, name: str) -> None:
    url, dead = dead_letter_pair(sqs, name, receives=1)
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    sqs.send_message(QueueUrl=url, MessageBody="rejected")
    queue = url.rpartition("/")[2]
    method, _, _ = channel.basic_get(queue)
    channel.basic_nack(method.delivery_tag)
    method, _, body = channel.basic_get(queue)
    assert body == b"rejected"
    channel.basic_reject(method.delivery_tag, requeue=False)
    wait_until(lambda: counts(sqs, dead)[0] == 2)
    assert sorted(message["Body"] for message in receive(sqs, dead)) == ["poison", "rejected"]
