"""Redrive policies, who may name a queue as its dead-letter queue, and the way back."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import arn_of, attributes_of, bodies, connect, counts, dead_letter_pair, receive, wait_until
from tools.server_process import ServerProcess

SECONDS = 10.0


def test_a_message_received_too_often_is_dead_lettered_as_it_is(sqs: Any, name: str) -> None:
    queue, dead = dead_letter_pair(sqs, name, receives=2)
    sent = sqs.send_message(QueueUrl=queue, MessageBody="poison")
    assert [bodies(receive(sqs, queue)) for _ in range(3)] == [["poison"], ["poison"], []]
    (message,) = receive(sqs, dead)
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "poison")
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queue)


def test_a_dead_letter_that_wakes_a_waiting_receive_spoils_no_other_handle(
    sqs: Any, name: str, server: ServerProcess
) -> None:
    queue, dead = dead_letter_pair(sqs, name, receives=1, fifo=True)
    for group in ("poison", "good"):
        sqs.send_message(QueueUrl=queue, MessageBody=group, MessageGroupId=group, MessageDeduplicationId=group)
    (poison,) = receive(sqs, queue, 1)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=poison["ReceiptHandle"], VisibilityTimeout=0)
    waiting = connect(server.url)
    woken: list[str] = []
    thread = threading.Thread(target=lambda: woken.extend(bodies(receive(waiting, dead, WaitTimeSeconds=20))))
    thread.start()
    found = receive(sqs, queue, WaitTimeSeconds=5)
    thread.join(SECONDS)
    assert (bodies(found), woken) == (["good"], ["poison"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_policies_come_back_letter_for_letter_and_go_with_an_empty_text(sqs: Any, name: str) -> None:
    queue, dead = dead_letter_pair(sqs, name)
    given = f'{{ "maxReceiveCount": "5",  "deadLetterTargetArn":"{arn_of(sqs, dead)}" }}'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": given})
    assert attributes_of(sqs, queue)["RedrivePolicy"] == given
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes_of(sqs, queue)


def test_a_dead_letter_queue_says_who_may_use_it(sqs: Any, name: str) -> None:
    queue, dead = dead_letter_pair(sqs, name)
    other = sqs.create_queue(QueueName=f"{name}-other")["QueueUrl"]
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(sqs, queue)]})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allow})
    policy = {"RedrivePolicy": attributes_of(sqs, queue)["RedrivePolicy"]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=policy)
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.set_queue_attributes(QueueUrl=other, Attributes=policy)
    assert attributes_of(sqs, dead)["RedriveAllowPolicy"] == allow
    deny = json.dumps({"redrivePermission": "denyAll"})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": deny})
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.set_queue_attributes(QueueUrl=other, Attributes=policy)


def test_a_target_must_be_there(sqs: Any, queue: str) -> None:
    policy = json.dumps({"deadLetterTargetArn": f"{arn_of(sqs, queue)}-none", "maxReceiveCount": 1})
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})


def test_dead_letters_can_be_moved_to_a_queue_of_choice(sqs: Any, name: str) -> None:
    queue, dead = dead_letter_pair(sqs, name)
    other = sqs.create_queue(QueueName=f"{name}-other")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    for _ in range(2):
        receive(sqs, queue)
    sqs.start_message_move_task(SourceArn=arn_of(sqs, dead), DestinationArn=arn_of(sqs, other))
    wait_until(lambda: counts(sqs, other) == (1, 0, 0))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.start_message_move_task(SourceArn=arn_of(sqs, other))
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.start_message_move_task(SourceArn=f"{arn_of(sqs, dead)}-none")
