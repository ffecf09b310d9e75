"""Requests signed ahead (Signature Version 4, header form), each with a signature of its own."""

import datetime
import hashlib
import hmac
import json
import socket
from urllib.parse import urlsplit

REQUESTS = 20_000
REGION, SERVICE = "us-east-1", "sqs"
KEY_ID, SECRET = "test", "test"


def signed_requests(url: str, body_bytes: int, count: int = REQUESTS) -> bytes:
    """`count` SendMessage requests to queue `bench`, which is created here, each behind a line with its length."""
    host = urlsplit(url).netloc
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    _create_queue(url, host, stamp)
    queue = f"{url}/000000000000/bench"
    parts = []
    for number in range(count):
        text = f"{number:08d}".ljust(body_bytes, "x")
        body = json.dumps({"QueueUrl": queue, "MessageBody": text}).encode()
        request = _request(host, stamp, "SendMessage", body)
        parts.append(b"%d\n" % len(request) + request)
    return b"".join(parts)


def _create_queue(url: str, host: str, stamp: str) -> None:
    body = json.dumps({"QueueName": "bench"}).encode()
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(_request(host, stamp, "CreateQueue", body))
        answer = connection.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"CreateQueue: {answer!r}")


def _request(host: str, stamp: str, action: str, body: bytes) -> bytes:
    target = f"AmazonSQS.{action}"
    signed = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": stamp,
        "x-amz-target": target,
    }
    names = ";".join(signed)
    headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = f"POST\n/\n\n{headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{REGION}/{SERVICE}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(stamp[:8]), text.encode(), "sha256").hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}"
    lines = [
        "POST / HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/x-amz-json-1.0",
        f"X-Amz-Target: {target}",
        f"X-Amz-Date: {stamp}",
        f"Authorization: {authorization}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _signing_key(date: str) -> bytes:
    key = b"AWS4" + SECRET.encode()
    for part in (date, REGION, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
