"""Every action in both protocols: the command it makes, and the answer that botocore reads from its output."""

from typing import Any

import pytest

from oncemq.core import commands
from oncemq.core.model import Content
from oncemq.core.outputs import Done, MoveTasks, Output, QueueNames, Received, Results, Sent, SentMessage
from oncemq.core.settings import Settings
from tests.protocols.sqs import client
from tests.protocols.sqs.client import ARN, DEAD_ARN, JSON, QUERY, URL

HANDLE = client.handle()
LEASE = commands.Lease(7, 8, 9)
IDS = client.open_door().identity.of_host("/")
MESSAGE_ID = IDS.message_id(42)
TASK_HANDLE = IDS.task_handle(5, DEAD_ARN)
MD5_HELLO = "5d41402abc4b2a76b9719d911017c592"


def _plain(text: str) -> commands.NewMessage:
    return commands.NewMessage(Content(0, b"", text.encode()), len(text))


Case = tuple[str, dict[str, Any], commands.Command, Output, dict[str, Any]]

CASES: list[Case] = [
    (
        "AddPermission",
        {"QueueUrl": URL, "Label": "share", "AWSAccountIds": ["111122223333"], "Actions": ["SendMessage", "*"]},
        commands.AddPermission("/", "orders", None, "share", ["111122223333"], ["SendMessage", "*"], ARN),
        Done(),
        {},
    ),
    (
        "CancelMessageMoveTask",
        {"TaskHandle": TASK_HANDLE},
        commands.CancelMoveTask("/", 5, None),
        client.move_task(),
        {"ApproximateNumberOfMessagesMoved": 4},
    ),
    (
        "ChangeMessageVisibility",
        {"QueueUrl": URL, "ReceiptHandle": HANDLE, "VisibilityTimeout": 43_200},
        commands.ChangeVisibility("/", "orders", None, [LEASE], [43_200_000]),
        Results([None]),
        {},
    ),
    (
        "ChangeMessageVisibilityBatch",
        {"QueueUrl": URL, "Entries": [{"Id": "a", "ReceiptHandle": HANDLE, "VisibilityTimeout": 0}]},
        commands.ChangeVisibility("/", "orders", None, [LEASE], [0]),
        Results([None]),
        {"Successful": [{"Id": "a"}]},
    ),
    (
        "CreateQueue",
        {"QueueName": "orders", "Attributes": {"VisibilityTimeout": "60"}, "tags": {"team": "shop", "cost": "1"}},
        commands.CreateQueue("/", "orders", None, {"visibility_timeout_ms": 60_000}, {"team": "shop", "cost": "1"}),
        client.queue_info(),
        {"QueueUrl": URL},
    ),
    (
        "DeleteMessage",
        {"QueueUrl": URL, "ReceiptHandle": HANDLE},
        commands.DeleteMessages("/", "orders", None, [LEASE]),
        Results([None]),
        {},
    ),
    (
        "DeleteMessageBatch",
        {"QueueUrl": URL, "Entries": [{"Id": "a", "ReceiptHandle": HANDLE}, {"Id": "b", "ReceiptHandle": HANDLE}]},
        commands.DeleteMessages("/", "orders", None, [LEASE, LEASE]),
        Results([None, None]),
        {"Successful": [{"Id": "a"}, {"Id": "b"}]},
    ),
    ("DeleteQueue", {"QueueUrl": URL}, commands.DeleteQueue("/", "orders", None), Done(), {}),
    (
        "GetQueueAttributes",
        {"QueueUrl": URL, "AttributeNames": ["QueueArn", "DelaySeconds", "ApproximateNumberOfMessages"]},
        commands.DescribeQueue("/", "orders", None, "GetQueueAttributes"),
        client.queue_info(settings=Settings(delay_ms=5_000)),
        {"Attributes": {"QueueArn": ARN, "DelaySeconds": "5", "ApproximateNumberOfMessages": "3"}},
    ),
    (
        "GetQueueUrl",
        {"QueueName": "orders", "QueueOwnerAWSAccountId": "111122223333"},
        commands.DescribeQueue("111122223333/us-east-1", "orders", None, "GetQueueUrl"),
        client.queue_info(),
        {"QueueUrl": "http://localhost:9324/111122223333/orders"},
    ),
    (
        "ListDeadLetterSourceQueues",
        {"QueueUrl": URL, "MaxResults": 1},
        commands.ListDeadLetterSources("/", "orders", None, "", 1),
        QueueNames(["a"], True),
        {"queueUrls": ["http://localhost:9324/000000000000/a"], "NextToken": "YQ=="},
    ),
    (
        "ListMessageMoveTasks",
        {"SourceArn": DEAD_ARN, "MaxResults": 2},
        commands.ListMoveTasks("/", "dead", None, 2),
        MoveTasks(
            [
                client.move_task(rate_per_second=3),
                client.move_task(
                    status="FAILED", destination="orders", failure="AWS.SimpleQueueService.NonExistentQueue"
                ),
            ]
        ),
        {
            "Results": [
                {
                    "TaskHandle": TASK_HANDLE,
                    "Status": "RUNNING",
                    "SourceArn": DEAD_ARN,
                    "MaxNumberOfMessagesPerSecond": 3,
                    "ApproximateNumberOfMessagesMoved": 4,
                    "ApproximateNumberOfMessagesToMove": 10,
                    "StartedTimestamp": 123_456,
                },
                {
                    "Status": "FAILED",
                    "SourceArn": DEAD_ARN,
                    "DestinationArn": ARN,
                    "ApproximateNumberOfMessagesMoved": 4,
                    "ApproximateNumberOfMessagesToMove": 10,
                    "FailureReason": "AWS.SimpleQueueService.NonExistentQueue",
                    "StartedTimestamp": 123_456,
                },
            ]
        },
    ),
    (
        "ListQueueTags",
        {"QueueUrl": URL},
        commands.DescribeQueue("/", "orders", None, "ListQueueTags"),
        client.queue_info(tags={"team": "shop", "a": ""}),
        {"Tags": {"team": "shop", "a": ""}},
    ),
    (
        "ListQueues",
        {"QueueNamePrefix": "or", "NextToken": "YQ==", "MaxResults": 2},
        commands.ListQueues("/", "or", "a", 2),
        QueueNames(["orders", "orders2"], False),
        {"QueueUrls": [URL, URL + "2"]},
    ),
    ("PurgeQueue", {"QueueUrl": URL}, commands.PurgeQueue("/", "orders", None), Done(), {}),
    (
        "ReceiveMessage",
        {"QueueUrl": URL, "MaxNumberOfMessages": 10, "VisibilityTimeout": 5, "WaitTimeSeconds": 20},
        commands.ReceiveMessages("/", "orders", None, 10, 5_000, 20_000),
        Received("/", [client.received()]),
        {"Messages": [{"MessageId": MESSAGE_ID, "ReceiptHandle": HANDLE, "MD5OfBody": MD5_HELLO, "Body": "hello"}]},
    ),
    (
        "RemovePermission",
        {"QueueUrl": URL, "Label": "share"},
        commands.RemovePermission("/", "orders", None, "share"),
        Done(),
        {},
    ),
    (
        "SendMessage",
        {"QueueUrl": URL, "MessageBody": "hello", "DelaySeconds": 900},
        commands.SendMessages("/", "orders", None, [commands.NewMessage(Content(0, b"", b"hello"), 5, 900_000)]),
        Sent([SentMessage(42, False)]),
        {"MD5OfMessageBody": MD5_HELLO, "MessageId": MESSAGE_ID},
    ),
    (
        "SendMessageBatch",
        {"QueueUrl": URL, "Entries": [{"Id": "a", "MessageBody": "hello"}, {"Id": "b", "MessageBody": "hello"}]},
        commands.SendMessages("/", "orders", None, [_plain("hello"), _plain("hello")]),
        Sent([SentMessage(42, True), SentMessage(43, False)]),
        {
            "Successful": [
                {
                    "Id": "a",
                    "MessageId": MESSAGE_ID,
                    "MD5OfMessageBody": MD5_HELLO,
                    "SequenceNumber": "00000000000000000042",
                },
                {"Id": "b", "MessageId": IDS.message_id(43), "MD5OfMessageBody": MD5_HELLO},
            ]
        },
    ),
    (
        "SetQueueAttributes",
        {"QueueUrl": URL, "Attributes": {"DelaySeconds": "1", "Policy": ""}},
        commands.ChangeQueue("/", "orders", None, {"delay_ms": 1_000, "policy": "", "text": {"Policy": None}}),
        Done(),
        {},
    ),
    (
        "StartMessageMoveTask",
        {"SourceArn": DEAD_ARN, "DestinationArn": ARN, "MaxNumberOfMessagesPerSecond": 500},
        commands.StartMoveTask("/", "dead", None, "orders", 500),
        client.move_task(),
        {"TaskHandle": TASK_HANDLE},
    ),
    (
        "TagQueue",
        {"QueueUrl": URL, "Tags": {"team": "shop", "empty": ""}},
        commands.TagQueue("/", "orders", None, {"team": "shop", "empty": ""}),
        Done(),
        {},
    ),
    (
        "UntagQueue",
        {"QueueUrl": URL, "TagKeys": ["team", "cost"]},
        commands.UntagQueue("/", "orders", None, ["team", "cost"]),
        Done(),
        {},
    ),
]


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_action(case: Case, protocol: str) -> None:
    action, parameters, command, output, expected = case
    exchange = client.only(client.open_connection(), client.request(action, parameters, protocol))
    assert exchange.reply is None and not exchange.close
    assert exchange.command == command
    found = client.answered(exchange, action, output, protocol)
    assert found.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert found == expected


def test_every_action_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(client.MODELS[JSON].operation_names)
    assert len(CASES) == 23


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_an_empty_receive_has_no_messages_member(protocol: str) -> None:
    exchange = client.only(client.open_connection(), client.request("ReceiveMessage", {"QueueUrl": URL}, protocol))
    reply = client.Reply(exchange.render(Received("/", [])))
    if protocol == JSON:
        assert reply.body == b"{}"
    assert "Messages" not in reply.parsed("ReceiveMessage", protocol)


def test_lists_without_results_are_left_out() -> None:
    assert "QueueUrls" not in client.answer("ListQueues", {}, QueueNames([], False))
    assert "Tags" not in client.answer("ListQueueTags", {"QueueUrl": URL}, client.queue_info())
    assert "Attributes" not in client.answer("GetQueueAttributes", {"QueueUrl": URL}, client.queue_info())
    found = client.answer("ListDeadLetterSourceQueues", {"QueueUrl": URL}, QueueNames([], False))
    assert found["queueUrls"] == []


def test_pages_come_only_when_asked_for() -> None:
    assert "NextToken" not in client.answer("ListQueues", {}, QueueNames(["a"], True))
    found = client.answer("ListQueues", {"MaxResults": 1}, QueueNames(["a"], True))
    assert found["NextToken"] == "YQ=="
    code, message = client.error_of("ListQueues", {"NextToken": "YQ=="})
    assert code == "InvalidParameterValue" and "MaxResults is a mandatory parameter" in message
    assert client.error_of("ListQueues", {"NextToken": "?", "MaxResults": 1})[0] == "InvalidParameterValue"


def test_queries_may_leave_numbers_out_and_name_the_queue_by_path() -> None:
    body = b"Action=SetQueueAttributes&Version=2012-11-05&Attribute.Name=DelaySeconds&Attribute.Value=3"
    headers = {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"}
    raw = client.raw_request("POST", "/000000000000/orders", headers, body)
    assert client.command_of(raw) == commands.ChangeQueue("/", "orders", None, {"delay_ms": 3_000})
    target = "/000000000000/orders?Action=GetQueueAttributes&AttributeName=All"
    raw = client.raw_request("GET", target, {"Host": "localhost"})
    assert client.command_of(raw) == commands.DescribeQueue("/", "orders", None, "GetQueueAttributes")


def test_a_request_with_no_members_may_have_no_body() -> None:
    assert client.command_of(client.json_request("ListQueues", b"")) == commands.ListQueues("/", "", "", 1_000)
