"""Signature Version 4: what botocore signs is taken, and nothing else."""

import pytest

from oncemq.core.commands import CreateQueue, DescribeQueue, SendMessages
from oncemq.protocols.sqs.connection import SqsConnection
from oncemq.protocols.sqs.exchange import Exchange
from tests.protocols.sqs import client
from tests.protocols.sqs.client import JSON, NOW_MS, QUERY, URL

SEND = {"QueueUrl": URL, "MessageBody": "hello"}
ALICE = ("AKIDALICE", "alice's secret")
KEYS = {"AKIDALICE": ("alice's secret", "111122223333")}
MINUTE_MS = 60_000


def _connection(loopback: bool = True) -> SqsConnection:
    return client.verifying_door(KEYS).connection(loopback)


def _exchange(headers: dict[str, str], body: bytes, now_ms: int = NOW_MS, loopback: bool = True) -> Exchange:
    return client.only(_connection(loopback), client.raw_request("POST", "/", headers, body), now_ms)


def _error(exchange: Exchange) -> tuple[int, str, str]:
    assert exchange.reply is not None, exchange.command
    reply = client.Reply(exchange.reply)
    error = reply.parsed("SendMessage")["Error"]
    return reply.status, error["Code"], error["Message"]


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize("token", [None, "a session token"])
def test_a_right_signature_is_taken(protocol: str, token: str | None) -> None:
    exchange = _exchange(*client.signed("SendMessage", SEND, protocol, token=token))
    assert isinstance(exchange.command, SendMessages)
    assert exchange.command.caller == "000000000000"


def test_the_second_request_of_a_signer_is_verified_too() -> None:
    connection = _connection()
    headers, body = client.signed("SendMessage", SEND)
    good = client.raw_request("POST", "/", headers, body)
    assert client.only(connection, good).command is not None
    bad = good.replace(b'"hello"', b'"jello"')
    assert _error(client.only(connection, bad))[1] == "SignatureDoesNotMatch"
    assert client.only(connection, good).command is not None


def test_the_caller_is_the_account_of_the_key_and_the_queue_that_of_its_url() -> None:
    exchange = _exchange(*client.signed("SendMessage", SEND, key=ALICE))
    assert isinstance(exchange.command, SendMessages)
    assert (exchange.command.caller, exchange.command.host) == ("111122223333", "/")
    exchange = _exchange(*client.signed("CreateQueue", {"QueueName": "q"}, key=ALICE, region="eu-west-1"))
    assert isinstance(exchange.command, CreateQueue)
    assert exchange.command.host == "111122223333/eu-west-1"


def test_the_default_key_is_for_loopback_peers() -> None:
    headers, body = client.signed("SendMessage", SEND)
    assert _error(_exchange(headers, body, loopback=False))[:2] == (403, "InvalidClientTokenId")
    headers, body = client.signed("SendMessage", SEND, key=ALICE)
    assert _exchange(headers, body, loopback=False).command is not None


def test_a_key_verified_for_a_loopback_peer_is_not_valid_for_others() -> None:
    door = client.verifying_door()
    raw = client.raw_request("POST", "/", *client.signed("SendMessage", SEND))
    assert client.only(door.connection(True), raw).command is not None
    assert client.only(door.connection(False), raw).command is None


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_errors_carry_their_code_in_both_protocols(protocol: str) -> None:
    headers, body = client.serialised("SendMessage", SEND, protocol)
    reply = client.Reply(_exchange(headers, body).reply or b"")
    assert reply.status == 403
    assert reply.parsed("SendMessage", protocol)["Error"]["Code"] == "MissingAuthenticationToken"


def test_a_wrong_secret() -> None:
    status, code, message = _error(_exchange(*client.signed("SendMessage", SEND, key=("test", "wrong"))))
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


def test_an_unknown_key() -> None:
    status, code, message = _error(_exchange(*client.signed("SendMessage", SEND, key=("nobody", "x"))))
    assert (status, code) == (403, "InvalidClientTokenId")
    assert message == "The security token included in the request is invalid."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "elsewhere:9324"),
        ("X-Amz-Target", "AmazonSQS.DeleteQueue"),
        ("Content-Type", "text/plain"),
        ("X-Amz-Security-Token", "another"),
    ],
)
def test_a_signed_header_changed_on_the_way(name: str, value: str) -> None:
    headers, body = client.signed("SendMessage", SEND, token="mine")
    headers[name] = value
    assert _error(_exchange(headers, body))[:2] == (403, "SignatureDoesNotMatch")


def test_headers_that_must_be_signed() -> None:
    headers, body = client.signed("SendMessage", SEND)
    unsigned = dict(headers, Authorization=headers["Authorization"].replace("content-type;host;", "content-type;"))
    assert "'Host' or ':authority' must be" in _error(_exchange(unsigned, body))[2]
    headers["X-Amz-Extra"] = "added"
    assert "'x-amz-extra' must be a 'SignedHeader'" in _error(_exchange(headers, body))[2]


def test_a_body_that_is_not_the_one_that_was_hashed() -> None:
    headers, body = client.signed("SendMessage", SEND)
    headers["X-Amz-Content-SHA256"] = "0" * 64
    assert _error(_exchange(headers, body))[1] == "SignatureDoesNotMatch"
    headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    assert _error(_exchange(headers, body))[1] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(("skew_ms", "is_taken"), [(-15, True), (15, True), (-16, False), (16, False)])
def test_the_clocks_may_differ_by_15_minutes(skew_ms: int, is_taken: bool) -> None:
    headers, body = client.signed("SendMessage", SEND, at_ms=NOW_MS + skew_ms * MINUTE_MS)
    exchange = _exchange(headers, body)
    assert (exchange.command is not None) == is_taken
    if not is_taken:
        _, code, message = _error(exchange)
        assert code == "SignatureDoesNotMatch"
        assert message.startswith("Signature expired: " if skew_ms < 0 else "Signature not yet current: ")


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "Basic dGVzdDp0ZXN0",
        "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, Signature=00",
        "AWS4-HMAC-SHA256 Credential=////, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 , Signature=00",
        "",
    ],
)
def test_malformed_authorization(authorization: str) -> None:
    headers, body = client.signed("SendMessage", SEND)
    headers["Authorization"] = authorization
    assert _error(_exchange(headers, body))[:2] == (403, "IncompleteSignature")


def test_a_missing_or_malformed_date() -> None:
    headers, body = client.signed("SendMessage", SEND)
    for date in ("yesterday", "20261399T000000Z", "2026-11-21T00:00:00Z"):
        assert _error(_exchange(dict(headers, **{"X-Amz-Date": date}), body))[1] == "IncompleteSignature"
    del headers["X-Amz-Date"]
    assert _error(_exchange(headers, body))[1] == "IncompleteSignature"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("/sqs/", "/s3/", "correct service"),
        ("/us-east-1/", "/US_EAST/", "valid region"),
        ("/aws4_request", "/aws5_request", "valid terminator"),
        ("/20261121/", "/20261120/", "Date in Credential scope"),
        ("/20261121/", "/2026/", "YYYYMMDD"),
    ],
)
def test_scopes(old: str, new: str, word: str) -> None:
    at_ms = NOW_MS
    headers, body = client.signed("SendMessage", SEND, at_ms=at_ms)
    day = headers["X-Amz-Date"][:8]
    old, new = old.replace("20261121", day), new.replace("20261120", "20200101")
    headers["Authorization"] = headers["Authorization"].replace(old, new)
    _, code, message = _error(_exchange(headers, body))
    assert code == "SignatureDoesNotMatch" and word in message


PRESIGNED = URL + "?Action=GetQueueAttributes&AttributeName.1=All&Note=a%20b%2Fc%2Bd~"


def test_presigned() -> None:
    exchange = client.only(_connection(), client.presigned(PRESIGNED))
    assert exchange.command == DescribeQueue("/", "orders", "000000000000", "GetQueueAttributes")


def test_presigned_get_with_a_header_signature() -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    made = AWSRequest("GET", PRESIGNED, headers={"Host": "localhost:9324"})
    with client.signing_time(NOW_MS):
        SigV4Auth(Credentials("test", "test"), "sqs", "us-east-1").add_auth(made)
    target = made.url.removeprefix("http://localhost:9324")
    raw = client.raw_request("GET", target, dict(made.headers.items()))
    assert client.only(_connection(), raw).command is not None


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"AttributeName.1=All", b"AttributeName.1=QueueArn", "SignatureDoesNotMatch"),
        (b"/orders?", b"/secrets?", "SignatureDoesNotMatch"),
        (b"X-Amz-Expires=300", b"X-Amz-Expires=301", "SignatureDoesNotMatch"),
        (b"X-Amz-Expires=300", b"X-Amz-Expires=604801", "IncompleteSignature"),
        (b"X-Amz-Expires=300", b"X-Amz-Expires=-1", "IncompleteSignature"),
        (b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"X-Amz-Algorithm=none", "IncompleteSignature"),
        (b"X-Amz-SignedHeaders=host", b"X-Amz-SignedHeaders=", "IncompleteSignature"),
        (b"Host: localhost", b"Host: elsewhere", "SignatureDoesNotMatch"),
        (b"Credential=test", b"Credential=nobody", "InvalidClientTokenId"),
    ],
)
def test_presigned_and_changed(old: bytes, new: bytes, code: str) -> None:
    raw = client.presigned(PRESIGNED)
    assert old in raw
    exchange = client.only(_connection(), raw.replace(old, new, 1))
    reply = client.Reply(exchange.reply or b"")
    assert reply.status == 403
    assert reply.parsed("GetQueueAttributes", QUERY)["Error"]["Code"] == code


def test_presigned_and_expired() -> None:
    raw = client.presigned(PRESIGNED, expires=60)
    assert client.only(_connection(), raw, NOW_MS + 60_000).command is not None
    late = client.only(_connection(), raw, NOW_MS + 60_001)
    assert client.Reply(late.reply or b"").parsed("GetQueueAttributes", QUERY)["Error"]["Code"] == "RequestExpired"


def test_open_mode_believes_what_it_is_told() -> None:
    door = client.open_door()
    for key, region, host in [
        ("anything", "us-east-1", "/"),
        ("123456789012", "us-east-1", "123456789012/us-east-1"),
        ("1234567890123", "eu-west-1", "000000000000/eu-west-1"),
    ]:
        headers, body = client.signed("CreateQueue", {"QueueName": "q"}, key=(key, "wrong"), region=region, at_ms=0)
        command = client.only(door.connection(True), client.raw_request("POST", "/", headers, body)).command
        assert isinstance(command, CreateQueue)
        assert (command.host, command.caller) == (host, None)


def test_open_mode_reads_the_credential_of_a_presigned_url() -> None:
    raw = client.presigned("http://localhost:9324/?Action=CreateQueue&QueueName=q", key=("123456789012", "x"))
    command = client.command_of(raw)
    assert isinstance(command, CreateQueue) and command.host == "123456789012/us-east-1"


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_open_mode_refuses_web_pages(header: dict[str, str]) -> None:
    headers, body = client.serialised("DeleteQueue", {"QueueUrl": URL}, QUERY)
    raw = client.raw_request("POST", "/", {**headers, **header}, body)
    exchange = client.only(client.open_connection(), raw)
    assert client.Reply(exchange.reply or b"").status == 403
