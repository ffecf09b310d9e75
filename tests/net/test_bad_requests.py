"""Requests that cannot be: a clear error in the caller's protocol, or the connection closed; the server goes on."""

import json
import random
import ssl
from typing import Any

import pytest

from tests.net.wire import Wire, request
from tools.server_process import ServerProcess

MEBIBYTE = 1 << 20


def refused(server: ServerProcess, raw: bytes) -> tuple[int, str]:
    """Status and error of a JSON request that is answered; the connection must go on."""
    with Wire(server.port) as wire:
        wire.send(raw)
        answer = wire.answer()
        assert wire.ask("ListQueues", {}).status == 200
        return answer.status, answer.json["__type"].rsplit("#", 1)[-1]


@pytest.mark.parametrize("seed", range(10))
def test_garbage(server: ServerProcess, seed: int) -> None:
    chance = random.Random(seed)
    with Wire(server.port) as wire:
        wire.send(chance.randbytes(chance.choice((1, 100, 5_000))) + b"\r\n\r\n")
        assert wire.answer().status == 400
        assert wire.closed()


def test_tls_to_a_plain_port(server: ServerProcess) -> None:
    context = ssl.create_default_context()
    with Wire(server.port) as wire, pytest.raises((ssl.SSLError, ConnectionResetError)):
        context.wrap_socket(wire.socket, server_hostname="localhost")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"QueueName": "a"',
        b'{"QueueName": "a"} trailing',
        b'{"QueueName": NaN}',
        b"[" * 500_000,
        b'{"Attributes":' * 100_000,
        b'{"QueueName": ["a"]}',
        b'{"QueueName": 5}',
        b'{"QueueName": {"a": "b"}}',
        b'{"Attributes": {"DelaySeconds": 5}, "QueueName": "a"}',
        b'{"Attributes": ["DelaySeconds"], "QueueName": "a"}',
        b'{"tags": {"a": null}, "QueueName": "a"}',
        b'{"QueueName": "' + b"\\u12",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_json_that_cannot_be_read(server: ServerProcess, body: bytes) -> None:
    assert refused(server, request("CreateQueue", body)) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("action", "members", "error"),
    [
        ("MakeCoffee", {}, "UnknownOperationException"),
        ("", {}, "UnknownOperationException"),
        ("CreateQueue", {}, "MissingRequiredParameterException"),
        ("CreateQueue", {"QueueName": "a/b"}, "InvalidParameterValueException"),
        ("CreateQueue", {"QueueName": "a" * 81}, "InvalidParameterValueException"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"Colour": "red"}}, "InvalidAttributeName"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"DelaySeconds": "1e2"}}, "InvalidAttributeValue"),
        ("SendMessage", {"QueueUrl": "nonsense", "MessageBody": "m"}, "InvalidAddress"),
        ("SendMessage", {"QueueUrl": "http://a/000000000000/../q", "MessageBody": "m"}, "InvalidAddress"),
        ("SendMessage", {"QueueUrl": "http://a/000000000000/none", "MessageBody": "m"}, "QueueDoesNotExist"),
        ("ReceiveMessage", {"QueueUrl": "http://[/000000000000/a"}, "InvalidAddress"),
    ],
)
def test_requests_that_make_no_sense(server: ServerProcess, action: str, members: dict[str, Any], error: str) -> None:
    assert refused(server, request(action, members)) in ((400, error), (404, error))


def test_members_that_nobody_knows_are_passed_over(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        assert wire.ask("ListQueues", {"Colour": "red", "Deep": [[{"a": [1]}]]}).status == 200


@pytest.mark.parametrize("size", [8 * MEBIBYTE + 1, 1 << 40, 1 << 80])
def test_a_body_that_says_it_is_too_large_is_not_waited_for(server: ServerProcess, size: int) -> None:
    with Wire(server.port) as wire:
        wire.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
        assert wire.answer().status in (400, 413)
        assert wire.closed()


def test_a_body_that_is_too_large_in_chunks(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(10):
                wire.send(b"%x\r\n%b\r\n" % (MEBIBYTE, bytes(MEBIBYTE)))
            assert wire.answer().status == 413
        except ConnectionError:
            return  # closed while more was coming
        assert wire.closed()


def test_chunks_make_up_a_body(server: ServerProcess, queue: str) -> None:
    body = json.dumps({"QueueUrl": queue, "MessageBody": "in pieces"}).encode()
    chunks = b"".join(b"%x;extension=1\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\nTrailer: t\r\n\r\n"
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with Wire(server.port) as wire:
        wire.send(head + chunks)
        assert wire.answer().status == 200
        assert wire.ask("ReceiveMessage", {"QueueUrl": queue}).json["Messages"][0]["Body"] == "in pieces"


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nName : value\r\n\r\n",
    ],
)
def test_heads_that_two_readers_could_read_apart(server: ServerProcess, head: bytes) -> None:
    with Wire(server.port) as wire:
        wire.send(head)
        assert wire.answer().status == 400
        assert wire.closed()


def test_floods_of_headers(server: ServerProcess) -> None:
    for flood in (b"".join(b"N%d: v\r\n" % n for n in range(500)), b"N: " + b"v" * 100_000 + b"\r\n"):
        with Wire(server.port) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + flood + b"\r\n")
            assert wire.answer().status == 431
            assert wire.closed()


def test_a_header_that_never_ends(server: ServerProcess) -> None:
    with Wire(server.port) as wire:
        wire.send(b"GET / HTTP/1.1\r\nN: ")
        try:
            for _ in range(200):
                wire.send(b"v" * 10_000)
            assert wire.answer().status == 431
        except ConnectionError:
            return
        assert wire.closed()


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/000000000000/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//", "/000000000000/a%00b"],
)
def test_a_path_that_climbs_leads_nowhere(server: ServerProcess, path: str) -> None:
    for action in ("ReceiveMessage", "DeleteQueue"):
        with Wire(server.port) as wire:
            wire.send(f"GET {path}?Action={action}&Version=2012-11-05 HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = wire.answer()
            assert answer.status in (400, 404)
            assert b"root:" not in answer.body
            assert b"InvalidAddress" in answer.body or b"NonExistentQueue" in answer.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])
def test_methods_that_mean_nothing_here(server: ServerProcess, method: str) -> None:
    with Wire(server.port) as wire:
        wire.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        answer = wire.answer()
        assert answer.status == 405
        assert b"allow: get, post" in answer.head.lower()


def test_batches_whose_ids_are_equal(server: ServerProcess, queue: str) -> None:
    entries = [{"Id": "a", "MessageBody": "m"}, {"Id": "a", "MessageBody": "n"}]
    raw = request("SendMessageBatch", {"QueueUrl": queue, "Entries": entries})
    assert refused(server, raw) == (400, "BatchEntryIdsNotDistinct")
