"""What the core refuses, as both protocols answer it."""

import inspect
from typing import Any

import pytest

from oncemq.core import refusals
from oncemq.core.outputs import Results, Sent, SentMessage
from oncemq.core.refusals import Refusal
from oncemq.protocols.sqs.refused import error_of
from tests.protocols.sqs import client
from tests.protocols.sqs.client import DEAD_ARN, JSON, QUERY, URL

REDRIVE = '{"deadLetterTargetArn":"' + DEAD_ARN + '","maxReceiveCount":3}'
CREATE = {"QueueName": "orders", "Attributes": {"RedrivePolicy": REDRIVE}}
SEND = {"QueueUrl": URL, "MessageBody": "x", "MessageDeduplicationId": "id-1"}
RECEIVE = {"QueueUrl": URL, "ReceiveRequestAttemptId": "attempt-1"}
HANDLE = client.handle()
DELETE = {"QueueUrl": URL, "ReceiptHandle": HANDLE}
CHANGE = {**DELETE, "VisibilityTimeout": 7}
WRONG_TYPE = "The request include parameter that is not valid for this queue type."

WHOLE: list[tuple[str, dict[str, Any], Refusal, int, str, str]] = [
    (
        "SendMessage",
        SEND,
        refusals.QueueDoesNotExist("orders"),
        400,
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    ),
    (
        "CreateQueue",
        CREATE,
        refusals.QueueExists("orders", "delay_ms"),
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    ),
    (
        "CreateQueue",
        CREATE,
        refusals.QueueExists("orders", "KmsMasterKeyId"),
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute KmsMasterKeyId",
    ),
    (
        "CreateQueue",
        CREATE,
        refusals.QueueDeletedRecently("orders", 60_000),
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    ),
    (
        "CreateQueue",
        CREATE,
        refusals.DeadLetterQueueDoesNotExist("dead"),
        400,
        "InvalidParameterValue",
        f"Value {REDRIVE} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
    ),
    (
        "PurgeQueue",
        {"QueueUrl": URL},
        refusals.PurgeInProgress("orders"),
        403,
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        "Only one PurgeQueue operation on orders is allowed every 60 seconds.",
    ),
    (
        "ReceiveMessage",
        RECEIVE,
        refusals.TooManyLeased(120_000),
        403,
        "OverLimit",
        "Too many messages in flight: the maximum for a standard queue is 120000.",
    ),
    (
        "ReceiveMessage",
        RECEIVE,
        refusals.NotForStandardQueues("attempt"),
        400,
        "InvalidParameterValue",
        f"Value attempt-1 for parameter ReceiveRequestAttemptId is invalid. Reason: {WRONG_TYPE}",
    ),
    (
        "StartMessageMoveTask",
        {"SourceArn": DEAD_ARN},
        refusals.QueueDoesNotExist("dead"),
        404,
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    ),
    (
        "StartMessageMoveTask",
        {"SourceArn": DEAD_ARN, "DestinationArn": DEAD_ARN.replace("dead", "gone")},
        refusals.MoveDestinationUnknown("gone"),
        404,
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    ),
    (
        "StartMessageMoveTask",
        {"SourceArn": DEAD_ARN},
        refusals.NotADeadLetterQueue("dead"),
        400,
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    ),
    (
        "RemovePermission",
        {"QueueUrl": URL, "Label": "x"},
        refusals.PermissionDoesNotExist("x"),
        400,
        "InvalidParameterValue",
        "Value x for parameter Label is invalid. Reason: can't find label.",
    ),
    (
        "SendMessage",
        SEND,
        refusals.AccessDenied("111122223333", "SendMessage", "orders"),
        403,
        "AccessDenied",
        "User: arn:aws:iam::111122223333:root is not authorized to perform: sqs:sendmessage on resource: orders "
        "because no resource-based policy allows the sqs:sendmessage action",
    ),
]


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("case", WHOLE, ids=lambda case: type(case[2]).__name__)
def test_a_refused_command(case: tuple[str, dict[str, Any], Refusal, int, str, str], protocol: str) -> None:
    action, parameters, refusal, status, code, message = case
    exchange = client.only(client.open_connection(), client.request(action, parameters, protocol))
    reply = client.Reply(exchange.render(refusal))
    assert reply.status == status
    error = reply.parsed(action, protocol)["Error"]
    assert (error["Code"], error["Message"]) == (code, message)
    assert error["Type"] == "Sender"


RESULTS: list[tuple[str, dict[str, Any], Refusal, str, str]] = [
    (
        "SendMessage",
        SEND,
        refusals.MessageTooLarge(1_024),
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    ),
    (
        "SendMessage",
        SEND,
        refusals.GroupRequired(),
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
    ),
    (
        "SendMessage",
        SEND,
        refusals.NotForStandardQueues("deduplication"),
        "InvalidParameterValue",
        f"Value id-1 for parameter MessageDeduplicationId is invalid. Reason: {WRONG_TYPE}",
    ),
    (
        "SendMessage",
        SEND,
        refusals.DelayNotForFifo(2_000),
        "InvalidParameterValue",
        f"Value 2 for parameter DelaySeconds is invalid. Reason: {WRONG_TYPE}",
    ),
    (
        "DeleteMessage",
        DELETE,
        refusals.LeaseExpired(),
        "InvalidParameterValue",
        f"Value {HANDLE} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    ),
    (
        "DeleteMessage",
        DELETE,
        refusals.LeaseOfAnotherQueue(),
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{HANDLE}" is not a valid receipt handle.',
    ),
    (
        "ChangeMessageVisibility",
        CHANGE,
        refusals.LeaseNotHeld(True),
        "InvalidParameterValue",
        f"Value {HANDLE} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available "
        "for visibility timeout change.",
    ),
    (
        "ChangeMessageVisibility",
        CHANGE,
        refusals.VisibilityBeyondMaximum(7_000, 43_200_000),
        "InvalidParameterValue",
        "Value 7 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond "
        "the limit [43200 seconds]",
    ),
]


def _output(action: str, refusal: Refusal) -> Sent | Results:
    return Sent([refusal]) if action == "SendMessage" else Results([refusal])


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("case", RESULTS, ids=lambda case: type(case[2]).__name__)
def test_a_refused_message(case: tuple[str, dict[str, Any], Refusal, str, str], protocol: str) -> None:
    action, parameters, refusal, code, message = case
    error = client.answer(action, parameters, _output(action, refusal), protocol)["Error"]
    assert (error["Code"], error["Message"]) == (code, message)


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("case", RESULTS, ids=lambda case: type(case[2]).__name__)
def test_a_refused_entry_of_a_batch(case: tuple[str, dict[str, Any], Refusal, str, str], protocol: str) -> None:
    action, parameters, refusal, code, message = case
    entry = {name: value for name, value in parameters.items() if name != "QueueUrl"}
    request = {"QueueUrl": URL, "Entries": [{"Id": "bad", **entry}, {"Id": "good", **entry}]}
    good = SentMessage(1, False) if action == "SendMessage" else None
    output: Any = Sent([refusal, good]) if isinstance(good, SentMessage) else Results([refusal, None])
    found = client.answer(action + "Batch", request, output, protocol)
    assert found["Failed"] == [{"Id": "bad", "SenderFault": True, "Code": code, "Message": message}]
    assert [one["Id"] for one in found["Successful"]] == ["good"]


def test_the_missing_queue_is_named_in_a_header_for_older_clients() -> None:
    exchange = client.only(client.open_connection(), client.request("DeleteQueue", {"QueueUrl": URL}))
    reply = client.Reply(exchange.render(refusals.QueueDoesNotExist("orders")))
    assert reply.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert b'"__type":"com.amazonaws.sqs#QueueDoesNotExist"' in reply.body


def test_a_full_disk_is_not_the_senders_fault() -> None:
    exchange = client.only(client.open_connection(), client.request("SendMessage", SEND))
    reply = client.Reply(exchange.render(refusals.DiskNearlyFull(1)))
    assert reply.status == 503
    assert reply.headers["x-amzn-query-error"].endswith(";Receiver")


def test_every_refusal_has_an_error() -> None:
    for name, refusal in vars(refusals).items():
        if inspect.isclass(refusal) and issubclass(refusal, Refusal) and refusal is not Refusal:
            values = {"str": "x", "int": 1, "bool": True}
            fields = [values[str(getattr(hint, "__name__", hint))] for hint in refusal.__annotations__.values()]
            error = error_of(refusal(*fields), "given")
            assert error.message and error.kind.code, name
