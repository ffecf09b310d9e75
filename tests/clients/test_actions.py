"""Every action of the service model, as boto3 calls it, in both protocols."""

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from tests.clients.clients import arn_of, attributes_of, bodies, counts, dead_letter_pair, receive, wait_until


def create_queue(sqs: Any, name: str) -> None:
    attributes = {"VisibilityTimeout": "7", "DelaySeconds": "3", "MaximumMessageSize": "2048"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags={"team": "orders"})["QueueUrl"]
    assert url.endswith(f"/000000000000/{name}")
    assert attributes_of(sqs, url).items() >= attributes.items()
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "orders"}
    assert sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"] == url


def delete_queue(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName=name)


def get_queue_url(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId="000000000000")["QueueUrl"] == url


def list_queues(sqs: Any, name: str) -> None:
    urls = [sqs.create_queue(QueueName=f"{name}-{number}")["QueueUrl"] for number in range(3)]
    assert sqs.list_queues(QueueNamePrefix=f"{name}-")["QueueUrls"] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=f"{name}-none")


def get_queue_attributes(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    names = ["QueueArn", "CreatedTimestamp"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert set(found) == set(names)
    assert found["QueueArn"] == f"arn:aws:sqs:us-east-1:000000000000:{name}"


def set_queue_attributes(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "9"})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "11"})
    found = attributes_of(sqs, url)
    assert (found["DelaySeconds"], found["VisibilityTimeout"]) == ("9", "11")


def send_message(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="olá, mundo")
    (message,) = receive(sqs, url)
    assert (message["Body"], message["MessageId"]) == ("olá, mundo", sent["MessageId"])
    assert sent["MD5OfMessageBody"] == message["MD5OfBody"]


def send_message_batch(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    entries = [{"Id": f"e{number}", "MessageBody": f"m{number}"} for number in range(10)]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [entry["Id"] for entry in entries]
    assert "Failed" not in answer
    assert sorted(bodies(receive(sqs, url))) == [f"m{number}" for number in range(10)]


def receive_message(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody="one")
    (message,) = receive(sqs, url, VisibilityTimeout=30)
    system = message["Attributes"]
    assert (system["ApproximateReceiveCount"], system["SenderId"]) == ("1", "000000000000")
    assert int(system["ApproximateFirstReceiveTimestamp"]) >= int(system["SentTimestamp"])
    assert counts(sqs, url) == (0, 1, 0)


def delete_message(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    for _ in range(2):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert counts(sqs, url) == (0, 0, 0)


def delete_message_batch(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    entries = [{"Id": "good", "ReceiptHandle": handle}, {"Id": "bad", "ReceiptHandle": "nonsense"}]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert answer["Successful"] == [{"Id": "good"}]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "ReceiptHandleIsInvalid", True)


def change_message_visibility(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert receive(sqs, url)[0]["Attributes"]["ApproximateReceiveCount"] == "2"


def change_message_visibility_batch(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    entries = [
        {"Id": "good", "ReceiptHandle": handle, "VisibilityTimeout": 0},
        {"Id": "bad", "ReceiptHandle": handle, "VisibilityTimeout": 43_201},
    ]
    answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert answer["Successful"] == [{"Id": "good"}]
    assert answer["Failed"][0]["Code"] == "InvalidParameterValue"
    assert counts(sqs, url) == (1, 0, 0)


def purge_queue(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == (0, 0, 0)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)


def tag_queue(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.tag_queue(QueueUrl=url, Tags={"b": "3"})
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "b": "3"}


def untag_queue(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name, tags={"a": "1", "b": "2"})["QueueUrl"]
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "none"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}


def list_queue_tags(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert not sqs.list_queue_tags(QueueUrl=url).get("Tags")


def add_permission(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.add_permission(QueueUrl=url, Label="let", AWSAccountIds=["222222222222"], Actions=["SendMessage"])
    (statement,) = json.loads(attributes_of(sqs, url)["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}
    assert (statement["Sid"], statement["Action"], statement["Effect"]) == ("let", "SQS:SendMessage", "Allow")


def remove_permission(sqs: Any, name: str) -> None:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.add_permission(QueueUrl=url, Label="let", AWSAccountIds=["222222222222"], Actions=["*"])
    sqs.remove_permission(QueueUrl=url, Label="let")
    assert "Policy" not in attributes_of(sqs, url)


def list_dead_letter_source_queues(sqs: Any, name: str) -> None:
    url, dead = dead_letter_pair(sqs, name)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    assert not sqs.list_dead_letter_source_queues(QueueUrl=url).get("queueUrls")


def dead_letter(sqs: Any, name: str, messages: int) -> tuple[str, str]:
    """A pair of queues, with so many messages in the second."""
    url, dead = dead_letter_pair(sqs, name)
    for number in range(messages):
        sqs.send_message(QueueUrl=url, MessageBody=f"m{number}")
    for _ in range(2):
        receive(sqs, url)
    assert counts(sqs, dead) == (messages, 0, 0)
    return url, dead


def start_message_move_task(sqs: Any, name: str) -> None:
    url, dead = dead_letter(sqs, name, 3)
    assert sqs.start_message_move_task(SourceArn=arn_of(sqs, dead))["TaskHandle"]
    wait_until(lambda: counts(sqs, url) == (3, 0, 0))
    assert counts(sqs, dead) == (0, 0, 0)
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in receive(sqs, url)} == {"1"}


def list_message_move_tasks(sqs: Any, name: str) -> None:
    _, dead = dead_letter(sqs, name, 2)
    arn = arn_of(sqs, dead)
    assert not sqs.list_message_move_tasks(SourceArn=arn).get("Results")
    sqs.start_message_move_task(SourceArn=arn)
    wait_until(lambda: sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]["Status"] == "COMPLETED")
    (task,) = sqs.list_message_move_tasks(SourceArn=arn, MaxResults=10)["Results"]
    assert (task["SourceArn"], task["ApproximateNumberOfMessagesMoved"]) == (arn, 2)
    assert (task["ApproximateNumberOfMessagesToMove"], "TaskHandle" in task) == (2, False)


def cancel_message_move_task(sqs: Any, name: str) -> None:
    url, dead = dead_letter(sqs, name, 10)
    arn = arn_of(sqs, dead)
    handle = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    assert sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]["TaskHandle"] == handle
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    assert 0 <= moved < 10
    assert counts(sqs, url)[0] + counts(sqs, dead)[0] == 10
    assert sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]["Status"] in ("CANCELLING", "CANCELLED")


SCENES: dict[str, Callable[[Any, str], None]] = {
    "".join(part.title() for part in scene.__name__.split("_")): scene
    for scene in (
        add_permission,
        cancel_message_move_task,
        change_message_visibility,
        change_message_visibility_batch,
        create_queue,
        delete_message,
        delete_message_batch,
        delete_queue,
        get_queue_attributes,
        get_queue_url,
        list_dead_letter_source_queues,
        list_message_move_tasks,
        list_queue_tags,
        list_queues,
        purge_queue,
        receive_message,
        remove_permission,
        send_message,
        send_message_batch,
        set_queue_attributes,
        start_message_move_task,
        tag_queue,
        untag_queue,
    )
}


def test_no_action_is_left_out() -> None:
    assert set(SCENES) == set(botocore.session.Session().get_service_model("sqs").operation_names)


@pytest.mark.parametrize("action", SCENES)
def test_action(sqs: Any, name: str, action: str) -> None:
    SCENES[action](sqs, name)
