"""AWS JSON over one connection, with nothing else in the way: boto3 would be the slowest part of the load."""

from __future__ import annotations

import json
import socket
from typing import Any

ANSWER_SECONDS = 30
URL = "http://localhost/000000000000/"


class Unanswered(Exception):
    """The connection ended before the answer: it may have been done or not."""


class Refused(Exception):
    """An answer that is an error."""


class Wire:
    """A client of one server process."""

    def __init__(self, port: int) -> None:
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        except OSError as error:
            raise Unanswered from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, action: str, **fields: Any) -> dict[str, Any]:
        """Ask and wait for the answer. `QueueUrl` may be a queue's name."""
        if "QueueUrl" in fields:
            fields["QueueUrl"] = URL + fields["QueueUrl"]
        body = json.dumps(fields).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"X-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            self.socket.sendall(head.encode() + body)
            status, answer = self._answer()
        except TimeoutError:
            raise AssertionError(f"{action} was not answered in {ANSWER_SECONDS} s") from None
        except OSError as error:
            raise Unanswered from error
        if status != 200:
            raise Refused(f"{action}: {status} {answer}")
        return answer

    def close(self) -> None:
        self.socket.close()

    def _answer(self) -> tuple[int, dict[str, Any]]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._read()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        while len(body) < length:
            body += self._read()
        return int(lines[0].split(" ")[1]), json.loads(body) if body else {}

    def _read(self) -> bytes:
        data = self.socket.recv(1 << 18)
        if not data:
            raise Unanswered
        return data
