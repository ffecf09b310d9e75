"""Requests that mean nothing: a clear error in the caller's protocol."""

import pytest

from oncemq.protocols.sqs import limits
from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, SqsError
from oncemq.protocols.sqs.query import write_error
from tests.protocols.sqs import client
from tests.protocols.sqs.client import QUERY, URL


def _json_error(action: str, body: bytes) -> tuple[int, str, str]:
    exchange = client.only(client.open_connection(), client.json_request(action, body))
    assert exchange.reply is not None and not exchange.close
    reply = client.Reply(exchange.reply)
    error = reply.parsed("SendMessage")["Error"]
    return reply.status, error["Code"], error["Message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"\xff",
        b'{"MessageBody":"\xff"}',
        b'{"MessageBody":1}',
        b'{"MessageBody":true}',
        b'{"MessageBody":["x"]}',
        b'{"MessageBody":{"a":1}}',
        b'{"DelaySeconds":"1"}',
        b'{"DelaySeconds":1.5}',
        b'{"DelaySeconds":1e400}',
        b'{"DelaySeconds":[]}',
        b'{"MessageAttributes":[]}',
        b'{"MessageAttributes":{"a":"b"}}',
        b'{"MessageAttributes":{"a":{"BinaryValue":"***"}}}',
        b'{"x":' + b"[" * 100_000,
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":1}}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_malformed_json(body: bytes) -> None:
    status, code, message = _json_error("SendMessage", body)
    assert (status, code) == (400, "SerializationException")
    assert 0 < len(message) < 400


def test_wrong_types_are_named() -> None:
    message = _json_error("SendMessage", b'{"MessageBody":1}')[2]
    assert message == "NUMBER_VALUE cannot be converted to String, at $.MessageBody."
    message = _json_error("SendMessage", b'{"DelaySeconds":"x"}')[2]
    assert message == "STRING_VALUE cannot be converted to Integer, at $.DelaySeconds."


def test_null_is_absent_and_unknown_members_are_passed_over() -> None:
    body = b'{"QueueUrl":"%b","MessageBody":"x","DelaySeconds":null,"New":{"a":[1]}}' % URL.encode()
    assert client.command_of(client.json_request("SendMessage", body))


@pytest.mark.parametrize("target", ["AmazonSQS.Nothing", "Nothing", "AmazonSNS.Publish", "AmazonSQS.sendMessage", ""])
def test_unknown_operations(target: str) -> None:
    raw = client.raw_request("POST", "/", {"Host": "a", "X-Amz-Target": target}, b"{}")
    reply = client.Reply(client.only(client.open_connection(), raw).reply or b"")
    assert reply.status == 400
    assert b"#UnknownOperationException" in reply.body


def test_json_without_a_target() -> None:
    raw = client.raw_request("POST", "/", {"Host": "a", "Content-Type": "application/x-amz-json-1.0"}, b"{}")
    assert b"#UnknownOperationException" in (client.only(client.open_connection(), raw).reply or b"")


def _query_error(body: bytes, target: str = "/") -> tuple[int, str]:
    headers = {"Host": "a", "Content-Type": "application/x-www-form-urlencoded"}
    exchange = client.only(client.open_connection(), client.raw_request("POST", target, headers, body))
    assert exchange.reply is not None, exchange.command
    reply = client.Reply(exchange.reply)
    assert reply.headers["content-type"] == "text/xml"
    parsed = reply.parsed("SendMessage", QUERY)
    assert parsed["ResponseMetadata"]["RequestId"] == reply.headers["x-amzn-requestid"]
    return reply.status, parsed["Error"]["Code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"Action=", "MissingAction"),
        (b"Action=Nothing", "InvalidAction"),
        (b"Action=SendMessage", "MissingParameter"),
        (b"Action=SendMessage&MessageBody=%ff", "MalformedQueryString"),
        (b"\xff", "MalformedQueryString"),
        (b"&".join([b"a=b"] * (limits.FORM_FIELDS + 1)), "MalformedQueryString"),
        (b"Action=ReceiveMessage&WaitTimeSeconds=x", "InvalidParameterValue"),
        (b"Action=ReceiveMessage&WaitTimeSeconds=1.5", "InvalidParameterValue"),
        (b"Action=ReceiveMessage&WaitTimeSeconds=" + b"9" * 5_000, "InvalidParameterValue"),
        (b"Action=SendMessage&MessageBody.a=b", "MissingParameter"),
        (b"Action=SendMessageBatch&SendMessageBatchRequestEntry=x", "MissingParameter"),
        (b"Action=SendMessage" + b".a" * 50_000 + b"=x&Action=SendMessage", "MissingParameter"),
        (b"Action=SendMessage&MessageAttribute.1.Name=a&MessageAttribute.1.Value=b", "InvalidParameterValue"),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_malformed_forms(body: bytes, code: str) -> None:
    assert _query_error(body) == (400, code)


def test_members_of_a_form_may_not_be_of_the_wrong_shape() -> None:
    queue = b"&QueueUrl=http://a/000000000000/q"
    for body in (b"Attribute=x", b"Attribute.1=x", b"Attribute.x.Name=a", b"Attribute.1.Name.x=a"):
        assert _query_error(b"Action=SetQueueAttributes" + queue + b"&" + body)[0] == 400


def test_what_xml_cannot_carry_is_shown_as_a_replacement() -> None:
    text = write_error(SqsError(INVALID_PARAMETER_VALUE, "a\x00\ud800\uffff<&>\"'\r\n"), "id").decode()
    assert "<Message>a\ufffd\ufffd\ufffd&lt;&amp;&gt;&quot;'&#13;\n</Message>" in text


def test_errors_repeat_what_was_given_only_in_part() -> None:
    code, message = client.error_of("SendMessage", {"QueueUrl": "x" * 100_000, "MessageBody": "x"})
    assert code == "InvalidAddress" and len(message) < 2_000
    members = {"QueueUrl": URL, "Attributes": {"RedrivePolicy": '{"x":"' + "y" * 1_000_000 + '"}'}}
    assert len(client.error_of("SetQueueAttributes", members)[1]) < 5_000
    body = b'{"QueueUrl":"%b","MaxNumberOfMessages":%b}' % (URL.encode(), b"9" * 4_300)
    assert _json_error("ReceiveMessage", body)[1] == "InvalidParameterValue"
    body = b'{"QueueUrl":"%b","MaxNumberOfMessages":%b}' % (URL.encode(), b"9" * 5_000)
    assert _json_error("ReceiveMessage", body)[1] == "SerializationException"
