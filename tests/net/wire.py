"""HTTP by hand over a socket, unsigned: for servers in open mode."""

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

SECONDS = 20.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body) if self.body else {}
        return found


def request(action: str, members: dict[str, Any] | bytes, *headers: str) -> bytes:
    """A request in AWS JSON."""
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    lines = [
        "POST / HTTP/1.1",
        "Host: 127.0.0.1",
        f"X-Amz-Target: AmazonSQS.{action}",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Wire:
    """A connection to a server under test."""

    def __init__(self, port: int, seconds: float = SECONDS) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._data = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def answer(self) -> Answer:
        """The next response."""
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, _, rest = self._data.partition(b"\r\n\r\n")
        found = _LENGTH.search(head + b"\r\n")
        length = int(found[1]) if found else 0
        self._data = rest
        while len(self._data) < length:
            self._more()
        body, self._data = self._data[:length], self._data[length:]
        return Answer(int(head.split(b" ", 2)[1]), head, body)

    def ask(self, action: str, members: dict[str, Any] | bytes) -> Answer:
        """A request and its response."""
        self.send(request(action, members))
        return self.answer()

    def _more(self) -> None:
        data = self.socket.recv(1 << 20)
        assert data, f"closed by the server after {self._data!r}"
        self._data += data

    def closed(self) -> bool:
        """Read until the server closes; False when it has not within the time."""
        try:
            while self.socket.recv(1 << 20):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True


def wait_until(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `true` answers once it is something; fails after some seconds."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found
