"""What a message carries: attributes, digests, delays, waiting; batches that fail in part."""

import hashlib
import struct
import threading
import time
from queue import SimpleQueue
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import bodies, connect, counts, receive
from tools.server_process import ServerProcess

VALID: dict[str, dict[str, Any]] = {
    "Texto": {"DataType": "String", "StringValue": "São Paulo"},
    "price": {"DataType": "Number", "StringValue": "12.50"},
    "custom": {"DataType": "String.json", "StringValue": "{}"},
    "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
}
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
SECONDS = 10.0
ROUNDS = 5


def md5_of_attributes(attributes: dict[str, dict[str, Any]]) -> str:
    """As AWS documents it."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        binary = "BinaryValue" in attribute
        value = attribute["BinaryValue"] if binary else attribute["StringValue"].encode()
        for part in (name.encode(), attribute["DataType"].encode()):
            digest.update(struct.pack(">I", len(part)) + part)
        digest.update(bytes((2 if binary else 1,)) + struct.pack(">I", len(value)) + value)
    return digest.hexdigest()


def test_attributes_come_back_with_the_digests_that_clients_compute(sqs: Any, queue: str) -> None:
    body = "pedido ✓ \t\n 𝄞"
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=VALID, MessageSystemAttributes=TRACE)
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    assert sent["MD5OfMessageAttributes"] == md5_of_attributes(VALID)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of_attributes(TRACE)
    (message,) = receive(sqs, queue)
    assert message["Body"] == body
    assert message["MessageAttributes"] == VALID
    assert message["MD5OfMessageAttributes"] == md5_of_attributes(VALID)
    assert message["Attributes"]["AWSTraceHeader"] == TRACE["AWSTraceHeader"]["StringValue"]


def test_a_receive_shows_the_attributes_that_it_asks_for(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="m", MessageAttributes=VALID)
    (message,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["cus.*", "raw"], VisibilityTimeout=0)[
        "Messages"
    ]
    assert set(message["MessageAttributes"]) == {"custom", "raw"}
    assert "Attributes" not in message
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert "MessageAttributes" not in message


def test_a_mebibyte_goes_through_and_a_byte_more_does_not(sqs: Any, queue: str) -> None:
    body = "x" * 1_048_576
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert receive(sqs, queue)[0]["Body"] == body
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody=body + "x")


def test_a_batch_fails_in_part(sqs: Any, queue: str) -> None:
    entries = [
        {"Id": "good", "MessageBody": "fine"},
        {"Id": "bad", "MessageBody": "\ufffe"},
        {"Id": "late", "MessageBody": "m", "DelaySeconds": 901},
        {"Id": "empty", "MessageBody": ""},
        {"Id": "attribute", "MessageBody": "m", "MessageAttributes": {"": {"DataType": "String", "StringValue": "v"}}},
        {"Id": "also", "MessageBody": "good"},
    ]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good", "also"]
    failed = {each["Id"]: each for each in answer["Failed"]}
    assert set(failed) == {"bad", "late", "empty", "attribute"}
    assert failed["bad"]["Code"] == "InvalidMessageContents"
    assert all(each["SenderFault"] and each["Message"] for each in failed.values())
    assert sorted(bodies(receive(sqs, queue))) == ["fine", "good"]


@pytest.mark.parametrize(
    ("error", "entries"),
    [
        ("EmptyBatchRequest", []),
        ("TooManyEntriesInBatchRequest", [{"Id": str(n), "MessageBody": "m"} for n in range(11)]),
        ("BatchEntryIdsNotDistinct", [{"Id": "a", "MessageBody": "m"}] * 2),
        ("InvalidBatchEntryId", [{"Id": "no spaces", "MessageBody": "m"}]),
        ("BatchRequestTooLong", [{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)]),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(
    sqs: Any, queue: str, error: str, entries: list[dict[str, str]]
) -> None:
    with pytest.raises(getattr(sqs.exceptions, error)):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert counts(sqs, queue) == (0, 0, 0)


def test_a_delayed_message_waits(sqs: Any, queue: str) -> None:
    began = time.monotonic()
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=1)
    assert counts(sqs, queue) == (0, 0, 1)
    assert bodies(receive(sqs, queue, WaitTimeSeconds=5)) == ["later"]
    assert 0.9 < time.monotonic() - began < 4


def test_a_lease_that_is_over_gives_the_message_back(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="again")
    first = receive(sqs, queue, VisibilityTimeout=1)[0]
    second = receive(sqs, queue, WaitTimeSeconds=5)[0]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])  # superseded: 200, and nothing is deleted
    assert counts(sqs, queue) == (0, 1, 0)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_a_long_poll_wakes_at_once(sqs: Any, queue: str, server: ServerProcess) -> None:
    answered: SimpleQueue[tuple[float, list[str]]] = SimpleQueue()
    waiting = connect(server.url)

    def wait() -> None:
        for _ in range(ROUNDS):
            messages = receive(waiting, queue, VisibilityTimeout=300, WaitTimeSeconds=20)
            answered.put((time.monotonic(), bodies(messages)))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    for number in range(ROUNDS):
        sent = time.monotonic()
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
        when, got = answered.get(timeout=SECONDS)
        assert got == [str(number)]
        assert when - sent < 1
    thread.join(SECONDS)


def test_a_long_poll_ends_empty_in_time(sqs: Any, queue: str) -> None:
    began = time.monotonic()
    assert receive(sqs, queue, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - began < 4


def test_the_wait_of_the_queue_is_taken_where_none_is_given(sqs: Any, queue: str) -> None:
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"ReceiveMessageWaitTimeSeconds": "1"})
    began = time.monotonic()
    assert receive(sqs, queue) == []
    assert time.monotonic() - began > 0.9
    began = time.monotonic()
    assert receive(sqs, queue, WaitTimeSeconds=0) == []
    assert time.monotonic() - began < 0.9
