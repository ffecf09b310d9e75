"""An AMQP connection with one channel over a real socket, with nothing else in the way."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Any

from pamqp import commands

from tests.crash.wire import ANSWER_SECONDS, Unanswered
from tests.simulate import amqp_wire as wire
from tests.simulate.amqp_wire import Heard

CHANNEL = 1
SELECT: dict[str, tuple[Any, int]] = {
    "confirm": (commands.Confirm.Select(), wire.CONFIRM_OK),
    "tx": (commands.Tx.Select(), wire.TX_OK),
}


class AmqpWire:
    """A client of one server process. `mode`: confirm, tx, or neither."""

    def __init__(self, port: int, mode: str = "") -> None:
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        except OSError as error:
            raise Unanswered from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = port
        self.reader = wire.Reader()
        self._heard: deque[Heard] = deque()
        self.published = 0
        self.send(wire.handshake())
        self.call(commands.Channel.Open(), wire.CHANNEL_OPEN_OK)
        if mode:
            method, answer = SELECT[mode]
            self.call(method, answer)

    def send(self, data: bytes) -> None:
        """Bytes. Raises Unanswered."""
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise AssertionError("the server does not read") from None
        except OSError as error:
            raise Unanswered from error

    def call(self, method: Any, *answers: int) -> Heard:
        """A method and its answer; what comes before it waits to be heard."""
        self.send(method if isinstance(method, bytes) else wire.method(CHANNEL, method))
        before: list[Heard] = []
        while (heard := self.hear(ANSWER_SECONDS)) is None or heard.method not in answers:
            if heard is None:
                raise AssertionError(f"{method} was not answered in {ANSWER_SECONDS} s")
            before.append(heard)
        self._heard.extendleft(reversed(before))
        return heard

    def hear(self, seconds: float) -> Heard | None:
        """The next that the server says on the channel, within so long. Raises Unanswered at the end."""
        deadline = time.monotonic() + seconds
        while not self._heard:
            left = deadline - time.monotonic()
            readable = left > 0 and select.select([self.socket], [], [], left)[0]
            if not readable:
                return None
            self._read()
        return self._heard.popleft()

    def _read(self) -> None:
        try:
            data = self.socket.recv(1 << 18)
        except OSError as error:
            raise Unanswered from error
        if not data:
            raise Unanswered
        for heard in self.reader.feed(data):
            if heard.method in (wire.CONNECTION_CLOSE, wire.CHANNEL_CLOSE):
                raise AssertionError(f"the server closed: {wire.decoded(heard).reply_text}")
            if heard.channel:
                self._heard.append(heard)

    def close(self) -> None:
        """Without a word."""
        self.socket.close()
