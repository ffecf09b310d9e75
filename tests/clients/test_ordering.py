"""FIFO queues, high-throughput FIFO queues, fair queues."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import attributes_of, bodies, counts, receive


def send(sqs: Any, queue: str, group: str, body: str, **more: Any) -> dict[str, Any]:
    more.setdefault("MessageDeduplicationId", f"{group}-{body}")
    answer: dict[str, Any] = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageGroupId=group, **more)
    return answer


def delete_all(sqs: Any, queue: str, messages: list[dict[str, Any]]) -> None:
    entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
    assert len(sqs.delete_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == len(messages)


def test_a_group_in_flight_blocks_itself_and_no_other(sqs: Any, fifo: str) -> None:
    for number in range(3):
        for group in "ab":
            send(sqs, fifo, group, f"{group}{number}")
    first = receive(sqs, fifo, 2)
    assert bodies(first) == ["a0", "a1"]
    second = receive(sqs, fifo)
    assert bodies(second) == ["b0", "b1", "b2"]
    assert receive(sqs, fifo) == []
    delete_all(sqs, fifo, first)
    assert bodies(receive(sqs, fifo)) == ["a2"]


def test_sequence_numbers_grow_and_groups_are_shown(sqs: Any, fifo: str) -> None:
    numbers = [send(sqs, fifo, "g", f"m{n}")["SequenceNumber"] for n in range(3)]
    assert numbers == sorted(numbers) and len(set(numbers)) == 3
    messages = receive(sqs, fifo)
    assert [message["Attributes"]["SequenceNumber"] for message in messages] == numbers
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"g"}
    assert messages[0]["Attributes"]["MessageDeduplicationId"] == "g-m0"


def test_a_message_that_comes_back_is_first_again(sqs: Any, fifo: str) -> None:
    for number in range(2):
        send(sqs, fifo, "g", f"m{number}")
    (first,) = receive(sqs, fifo, 1)
    assert receive(sqs, fifo) == []
    sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(receive(sqs, fifo)) == ["m0", "m1"]


def test_a_duplicate_gets_the_id_of_the_first_even_after_it_was_deleted(sqs: Any, fifo: str) -> None:
    first = send(sqs, fifo, "g", "m")
    delete_all(sqs, fifo, receive(sqs, fifo))
    again = send(sqs, fifo, "g", "other", MessageDeduplicationId="g-m")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert counts(sqs, fifo) == (0, 0, 0)


def test_content_is_the_deduplication_id_where_the_queue_says_so(sqs: Any, fifo: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=fifo, MessageBody="m", MessageGroupId="g")
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"ContentBasedDeduplication": "true"})
    ids = [sqs.send_message(QueueUrl=fifo, MessageBody="m", MessageGroupId=group)["MessageId"] for group in "ab"]
    assert ids[0] == ids[1]


def test_a_high_throughput_queue_deduplicates_by_group(sqs: Any, name: str) -> None:
    attributes = {
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
        "ContentBasedDeduplication": "true",
    }
    queue = sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)["QueueUrl"]
    assert attributes_of(sqs, queue).items() >= attributes.items()
    ids = [sqs.send_message(QueueUrl=queue, MessageBody="m", MessageGroupId=group)["MessageId"] for group in "aab"]
    assert ids[0] == ids[1] != ids[2]
    assert counts(sqs, queue) == (2, 0, 0)


def test_an_attempt_repeated_gets_the_same_messages_and_handles(sqs: Any, fifo: str) -> None:
    for number in range(3):
        send(sqs, fifo, "g", f"m{number}")
    first = receive(sqs, fifo, 2, ReceiveRequestAttemptId="attempt")
    again = receive(sqs, fifo, 2, ReceiveRequestAttemptId="attempt")
    assert [message["ReceiptHandle"] for message in again] == [message["ReceiptHandle"] for message in first]
    delete_all(sqs, fifo, first)
    assert bodies(receive(sqs, fifo, 2, ReceiveRequestAttemptId="attempt")) == ["m2"]


def test_an_expired_handle_of_a_fifo_queue_is_refused(sqs: Any, fifo: str) -> None:
    send(sqs, fifo, "g", "m")
    (message,) = receive(sqs, fifo, VisibilityTimeout=0)
    with pytest.raises(ClientError, match="receipt handle has expired"):
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"])


def test_a_quiet_group_of_a_fair_queue_goes_first(sqs: Any, queue: str) -> None:
    for start in range(0, 60, 10):
        entries = [{"Id": str(n), "MessageBody": f"noisy{start + n}", "MessageGroupId": "noisy"} for n in range(10)]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    for _ in range(4):
        assert len(receive(sqs, queue)) == 10
    sqs.send_message(QueueUrl=queue, MessageBody="quiet", MessageGroupId="quiet")
    (message,) = receive(sqs, queue, 1)
    assert (message["Body"], message["Attributes"]["MessageGroupId"]) == ("quiet", "quiet")
