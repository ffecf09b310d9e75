"""Messages: what may be in them, what is kept, what comes back; every limit crossed by one."""

import base64
from hashlib import sha256
from typing import Any

import pytest

from oncemq.core.commands import ReceiveMessages, SendMessages
from oncemq.core.model import CONTENT_AMQP, Content
from oncemq.core.outputs import Received, Sent, SentMessage
from oncemq.protocols.amqp import properties
from oncemq.protocols.sqs.digests import md5_of_attributes
from tests.protocols.sqs import client
from tests.protocols.sqs.client import FIFO_URL, JSON, QUERY, URL, error_of

MIB = 1_048_576


def _send(**members: Any) -> Any:
    command = client.command_of(client.request("SendMessage", {"QueueUrl": URL, "MessageBody": "x", **members}))
    assert isinstance(command, SendMessages)
    return command.messages[0]


def _attribute(value: str = "v", kind: str = "String") -> dict[str, Any]:
    return {"DataType": kind, "StringValue": value}


def _refused(protocol: str = JSON, **members: Any) -> tuple[str, str]:
    return error_of("SendMessage", {"QueueUrl": URL, "MessageBody": "x", **members}, protocol)


# Bodies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["\t\n\r ~", "\x7f\x80", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "çã€😀"])
@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_valid_characters_come_back_as_they_were(text: str, protocol: str) -> None:
    raw = client.request("SendMessage", {"QueueUrl": URL, "MessageBody": text}, protocol)
    command = client.command_of(raw)
    assert isinstance(command, SendMessages)
    message = command.messages[0]
    assert message.content.body == text.encode() and message.size_bytes == len(text.encode())
    output = Received("/", [client.received(text)])
    found = client.answer("ReceiveMessage", {"QueueUrl": URL}, output, protocol)
    assert found["Messages"][0]["Body"] == text


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ufffe", "\uffff"])
def test_invalid_characters(character: str, protocol: str) -> None:
    for text in ("a" + character, "é" + character):
        code, message = _refused(protocol, MessageBody=text)
        assert code == "InvalidMessageContents"
        assert message.startswith("Invalid characters found.")
    code, _ = _refused(protocol, MessageAttributes={"a": _attribute(character)})
    assert code == "InvalidMessageContents"


def test_a_lone_surrogate_is_refused() -> None:
    raw = client.json_request("SendMessage", b'{"QueueUrl":"' + URL.encode() + b'","MessageBody":"\\ud800"}')
    reply = client.Reply(client.only(client.open_connection(), raw).reply or b"")
    assert reply.status == 400


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_an_empty_or_missing_body(protocol: str) -> None:
    expected = ("MissingParameter", "The request must contain the parameter MessageBody.")
    assert _refused(protocol, MessageBody="") == expected
    assert error_of("SendMessage", {"QueueUrl": URL}, protocol) == expected


def test_sizes() -> None:
    assert _send(MessageBody="x" * MIB).size_bytes == MIB
    code, message = _refused(MessageBody="x" * (MIB + 1))
    assert code == "InvalidParameterValue"
    assert message == "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
    attributes = {"name": _attribute("value")}  # 4 + 6 + 5 bytes
    assert _send(MessageBody="é" * ((MIB - 16) // 2), MessageAttributes=attributes).size_bytes == MIB - 1
    assert _refused(MessageBody="x" * (MIB - 14), MessageAttributes=attributes)[0] == "InvalidParameterValue"


def _batch(*bodies: str) -> dict[str, Any]:
    return {"QueueUrl": URL, "Entries": [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]}


def test_sizes_of_batches() -> None:
    assert client.command_of(client.request("SendMessageBatch", _batch("x" * (MIB // 2), "y" * (MIB // 2))))
    code, message = error_of("SendMessageBatch", _batch("x" * (MIB // 2), "y" * (MIB // 2 + 1)))
    assert code == "AWS.SimpleQueueService.BatchRequestTooLong"
    assert message == "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."


# Attributes ---------------------------------------------------------------------------------------------------------

NAMES_REFUSED = ["", "a b", ".a", "a.", "a..b", "é", "AWS.x", "aws.x", "Amazon.x", "aMaZoN.y", "x" * 257, "a\n"]


@pytest.mark.parametrize("name", NAMES_REFUSED)
def test_attribute_names_refused(name: str) -> None:
    assert _refused(MessageAttributes={name: _attribute()})[0] == "InvalidParameterValue"


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "awsx", "x" * 256, "amazonian"])
def test_attribute_names_taken(name: str) -> None:
    assert _send(MessageAttributes={name: _attribute()})


@pytest.mark.parametrize(
    "value",
    [
        {"DataType": ""},
        {"DataType": "Str", "StringValue": "x"},
        {"DataType": "Strings", "StringValue": "x"},
        {"DataType": "String." + "x" * 250, "StringValue": "x"},
        {"DataType": "String"},
        {"DataType": "String", "StringValue": ""},
        {"DataType": "String", "BinaryValue": b"x"},
        {"DataType": "Number", "StringValue": ""},
        {"DataType": "Number", "StringValue": "one"},
        {"DataType": "Number", "StringValue": "1_0"},
        {"DataType": "Number", "StringValue": "NaN"},
        {"DataType": "Number", "StringValue": "1e128"},
        {"DataType": "Number", "StringValue": "1" * 39},
        {"DataType": "Number.int", "StringValue": "٣"},
        {"DataType": "Binary"},
        {"DataType": "Binary", "BinaryValue": b""},
        {"DataType": "Binary", "StringValue": "x"},
    ],
)
@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_attribute_values_refused(value: dict[str, Any], protocol: str) -> None:
    assert _refused(protocol, MessageAttributes={"a": value})[0] == "InvalidParameterValue"


@pytest.mark.parametrize("number", ["0", "-1.5", "+3", "1e127", "1" * 38, "0." + "0" * 40 + "1", ".5", "5.", "1E-5"])
def test_numbers_taken(number: str) -> None:
    assert _send(MessageAttributes={"a": _attribute(number, "Number")})


def test_attribute_lists_are_not_supported() -> None:
    value = {"DataType": "String", "StringListValues": ["x"]}
    assert _refused(MessageAttributes={"a": value})[0] == "AWS.SimpleQueueService.UnsupportedOperation"


def test_ten_attributes() -> None:
    ten = {f"a{number}": _attribute() for number in range(10)}
    assert _send(MessageAttributes=ten)
    code, message = _refused(MessageAttributes={**ten, "eleven": _attribute()})
    assert message == "Number of message attributes [11] exceeds the allowed maximum [10]."
    assert code == "InvalidParameterValue"


def test_binary_that_is_not_base64() -> None:
    body = b'{"QueueUrl":"%b","MessageBody":"x","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"?"}}}'
    reply = client.only(client.open_connection(), client.json_request("SendMessage", body % URL.encode())).reply
    assert reply is not None and b"SerializationException" in reply


MIXED = {
    "text": _attribute("Olá"),
    "kind": _attribute("x", "String.kind"),
    "count": _attribute("12.50", "Number"),
    "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff\xfe"},
}


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_what_is_sent_comes_back(protocol: str) -> None:
    trace = {"AWSTraceHeader": _attribute("Root=1-5759e988-bd862e3fe1be46a994272793")}
    members = {"QueueUrl": FIFO_URL, "MessageBody": "x", "MessageAttributes": MIXED, "MessageSystemAttributes": trace}
    members.update(MessageGroupId="g", MessageDeduplicationId="d")
    exchange = client.only(client.open_connection(), client.request("SendMessage", members, protocol))
    assert isinstance(exchange.command, SendMessages)
    message = exchange.command.messages[0]
    assert (message.group, message.deduplication) == ("g", b"d")
    sent = client.answered(exchange, "SendMessage", Sent([SentMessage(42, True)]), protocol)
    assert sent["MD5OfMessageAttributes"] == _md5(MIXED)
    assert sent["MD5OfMessageSystemAttributes"] == _md5(trace)
    shown = client.received("x", message.content.properties, fifo=True, source="orders.fifo")
    asked = {"QueueUrl": FIFO_URL, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    found = client.answer("ReceiveMessage", asked, Received("/", [shown]), protocol)["Messages"][0]
    assert found["MessageAttributes"] == MIXED
    assert found["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert found["Attributes"] == {
        "SenderId": "000000000000",
        "SentTimestamp": "1000",
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": "1500",
        "SequenceNumber": "00000000000000000042",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "d",
        "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "DeadLetterQueueSourceArn": "arn:aws:sqs:us-east-1:000000000000:orders.fifo",
    }


def _md5(attributes: dict[str, dict[str, Any]]) -> str:
    listed = [(n, v["DataType"], v.get("StringValue") or v["BinaryValue"]) for n, v in attributes.items()]
    return md5_of_attributes(listed)


def test_digests_are_those_of_aws() -> None:
    """Recorded from AWS by LocalStack's and moto's tests."""
    trio = [("General", "String", "Kenobi"), ("Hello", "String", "There"), ("Help.Me", "String", "Me")]
    assert md5_of_attributes(trio) == "4c360f3fdafd970e05fae2f149d997f5"
    assert md5_of_attributes(reversed(trio[:2])) == "fca026605781cb4126a1e9044df24232"
    assert md5_of_attributes([("Foo", "String", "Bar")]) == "ae7155c6026991b6d54b11589678bf9c"
    raw = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
    assert md5_of_attributes([("attr1", "Binary", raw)]) == "8cbe4db156db8a94db8b801b7addb984"


def test_attributes_come_only_when_asked_for() -> None:
    message = _send(MessageAttributes={"Hello": _attribute("There"), "Help.Me": _attribute("Me"), "b": _attribute()})
    output = Received("/", [client.received("x", message.content.properties)])
    for asked, expected in [
        (None, []),
        ([], []),
        (["All"], ["Hello", "Help.Me", "b"]),
        ([".*"], ["Hello", "Help.Me", "b"]),
        (["Hel.*"], ["Hello", "Help.Me"]),
        (["Help.*"], ["Help.Me"]),
        (["b", "missing"], ["b"]),
        (["missing"], []),
    ]:
        members = {"QueueUrl": URL} if asked is None else {"QueueUrl": URL, "MessageAttributeNames": asked}
        found = client.answer("ReceiveMessage", members, output)["Messages"][0]
        assert sorted(found.get("MessageAttributes", {})) == expected
        assert ("MD5OfMessageAttributes" in found) == bool(expected)
        assert "Attributes" not in found


@pytest.mark.parametrize("member", ["AttributeNames", "MessageSystemAttributeNames"])
def test_system_attributes_by_name(member: str) -> None:
    output = Received("/", [client.received()])
    found = client.answer("ReceiveMessage", {"QueueUrl": URL, member: ["SentTimestamp", "MessageGroupId"]}, output)
    assert found["Messages"][0]["Attributes"] == {"SentTimestamp": "1000"}
    code, message = error_of("ReceiveMessage", {"QueueUrl": URL, member: ["Nothing"]})
    assert (code, message) == ("InvalidAttributeName", "Unknown Attribute Nothing.")


def test_content_based_deduplication_shows_the_hash_of_the_body() -> None:
    output = Received("/", [client.received(fifo=True)])
    found = client.answer("ReceiveMessage", {"QueueUrl": FIFO_URL, "AttributeNames": ["All"]}, output)
    assert found["Messages"][0]["Attributes"]["MessageDeduplicationId"] == sha256(b"hello").hexdigest()


def test_the_sender_of_another_account_is_kept() -> None:
    headers, body = client.signed("SendMessage", {"QueueUrl": URL, "MessageBody": "x"}, key=("111122223333", "x"))
    command = client.command_of(client.raw_request("POST", "/", headers, body))
    assert isinstance(command, SendMessages)
    shown = client.received("x", command.messages[0].content.properties)
    asked = {"QueueUrl": URL, "AttributeNames": ["SenderId"]}
    found = client.answer("ReceiveMessage", asked, Received("/", [shown]))
    assert found["Messages"][0]["Attributes"] == {"SenderId": "111122223333"}


def test_nothing_is_kept_beside_a_plain_body() -> None:
    assert _send().content == Content(0, b"", b"x")
    assert _send(MessageAttributes={}).content == Content(0, b"", b"x")


@pytest.mark.parametrize("body", [b"\xff\x00", b"", b"a\x00b"])
def test_what_is_not_text_is_answered_in_base64(body: bytes) -> None:
    shown = client.received()
    header = properties.encode(properties.Properties(), len(body))
    shown.content = Content(CONTENT_AMQP, b"\0\1q" + header, body)
    asked = {"QueueUrl": URL, "MessageAttributeNames": ["All"]}
    found = client.answer("ReceiveMessage", asked, Received("/", [shown]))["Messages"][0]
    assert base64.b64decode(found["Body"]) == body
    assert found["MessageAttributes"]["oncemq.body"]["StringValue"] == "base64"


# Numbers and identifiers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize(
    ("action", "member", "minimum", "maximum", "rest"),
    [
        ("SendMessage", "DelaySeconds", 0, 900, {"MessageBody": "x"}),
        ("ReceiveMessage", "MaxNumberOfMessages", 1, 10, {}),
        ("ReceiveMessage", "VisibilityTimeout", 0, 43_200, {}),
        ("ReceiveMessage", "WaitTimeSeconds", 0, 20, {}),
        ("ChangeMessageVisibility", "VisibilityTimeout", 0, 43_200, {"ReceiptHandle": client.handle()}),
        ("ListDeadLetterSourceQueues", "MaxResults", 1, 1_000, {}),
    ],
)
def test_ranges(action: str, member: str, minimum: int, maximum: int, rest: dict[str, Any], protocol: str) -> None:
    for value in (minimum, maximum):
        assert client.command_of(client.request(action, {"QueueUrl": URL, member: value, **rest}, protocol))
    for value in (minimum - 1, maximum + 1, 10**40):
        code, message = error_of(action, {"QueueUrl": URL, member: value, **rest}, protocol)
        assert code == "InvalidParameterValue" and member in message


def test_a_number_out_of_range_is_worded_as_aws_does() -> None:
    assert error_of("ReceiveMessage", {"QueueUrl": URL, "MaxNumberOfMessages": 11}) == (
        "InvalidParameterValue",
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
    )


@pytest.mark.parametrize("member", ["MessageGroupId", "MessageDeduplicationId"])
def test_identifiers(member: str) -> None:
    assert _send(**{member: "!~" * 64})
    for value in ("x" * 129, "a b", "é", "", "a\n"):
        code, message = _refused(**{member: value})
        assert code == "InvalidParameterValue" and member in message


def test_attempt_identifiers() -> None:
    asked = {"QueueUrl": FIFO_URL, "ReceiveRequestAttemptId": "x" * 128}
    command = client.command_of(client.request("ReceiveMessage", asked))
    assert isinstance(command, ReceiveMessages) and command.attempt == b"x" * 128
    asked["ReceiveRequestAttemptId"] += "x"
    assert error_of("ReceiveMessage", asked)[0] == "InvalidParameterValue"


# Extensions ---------------------------------------------------------------------------------------------------------


def test_a_delay_of_more_than_15_minutes() -> None:
    message = _send(MessageAttributes={"oncemq.DelaySeconds": _attribute("86400", "Number")}, DelaySeconds=1)
    assert message.delay_ms == 86_400_000
    assert _send(MessageAttributes={"oncemq.DelaySeconds": _attribute("1209600", "Number")})
    for value, kind in (("1209601", "Number"), ("1.5", "Number"), ("-1", "Number"), ("5", "String")):
        code, _ = _refused(MessageAttributes={"oncemq.DelaySeconds": _attribute(value, kind)})
        assert code == "InvalidParameterValue"


# Batches ------------------------------------------------------------------------------------------------------------

ENTRIES: dict[str, dict[str, Any]] = {
    "SendMessageBatch": {"MessageBody": "x"},
    "DeleteMessageBatch": {"ReceiptHandle": client.handle()},
    "ChangeMessageVisibilityBatch": {"ReceiptHandle": client.handle(), "VisibilityTimeout": 1},
}


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("action", sorted(ENTRIES))
def test_rules_of_batches(action: str, protocol: str) -> None:
    def refused(*identifiers: str) -> str:
        entries = [{"Id": identifier, **ENTRIES[action]} for identifier in identifiers]
        return error_of(action, {"QueueUrl": URL, "Entries": entries}, protocol)[0].removeprefix(
            "AWS.SimpleQueueService."
        )

    taken = [{"Id": identifier, **ENTRIES[action]} for identifier in ("a", "B-_9", "x" * 80, *"1234567")]
    assert client.command_of(client.request(action, {"QueueUrl": URL, "Entries": taken}, protocol))
    assert refused() == "EmptyBatchRequest"
    assert refused(*map(str, range(11))) == "TooManyEntriesInBatchRequest"
    assert refused("a", "a") == "BatchEntryIdsNotDistinct"
    for identifier in ("x" * 81, "a b", "é", "a\n", ""):
        assert refused(identifier) == "InvalidBatchEntryId"
    missing = {"QueueUrl": URL, "Entries": [ENTRIES[action]]}
    assert error_of(action, missing, protocol)[0] == "MissingParameter"


def test_entries_that_are_refused_here_fail_alone() -> None:
    request = _batch("good", "bad\x00", "")
    exchange = client.only(client.open_connection(), client.request("SendMessageBatch", request))
    assert isinstance(exchange.command, SendMessages) and len(exchange.command.messages) == 1
    found = client.answered(exchange, "SendMessageBatch", Sent([SentMessage(42, False)]))
    assert [one["Id"] for one in found["Successful"]] == ["0"]
    assert [(one["Id"], one["Code"]) for one in found["Failed"]] == [
        ("1", "InvalidMessageContents"),
        ("2", "MissingParameter"),
    ]


def test_a_batch_for_a_fifo_queue_without_a_group_is_refused_whole() -> None:
    request = {**_batch("x"), "QueueUrl": FIFO_URL}
    expected = ("InvalidParameterValue", "The request must contain the parameter MessageGroupId.")
    assert error_of("SendMessageBatch", request) == expected
