"""A socket that speaks AMQP by hand, well or badly."""

import socket
from typing import Any, Protocol

from pamqp import commands, frame, heartbeat

SECONDS = 10
HEADER = b"AMQP\x00\x00\x09\x01"


class Server(Protocol):
    """OnceMQ or RabbitMQ, on loopback."""

    @property
    def amqp_port(self) -> int | str:
        """Where it listens."""


class Wire:
    """One connection. `read` gives frames as pamqp decodes them."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", int(server.amqp_port)), SECONDS)
        self._rest = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Bytes."""
        self.socket.sendall(data)

    def method(self, channel: int, method: Any) -> None:
        """A method frame."""
        self.send(frame.marshal(method, channel))

    def read(self) -> Any:
        """The next frame but heartbeats; None at the end."""
        while True:
            if self._rest:
                size, _, value = frame.unmarshal(self._rest)
                if size:
                    self._rest = self._rest[size:]
                    if isinstance(value, heartbeat.Heartbeat):
                        continue
                    return value
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._rest += data

    def until(self, kind: type[Any]) -> Any:
        """The next frame of that kind."""
        while True:
            found = self.read()
            assert found is not None, f"closed while {kind.__name__} was awaited"
            if isinstance(found, kind):
                return found

    def open(self, channels: int = 1, heartbeat_seconds: int = 0, *capabilities: str) -> "Wire":
        """The whole handshake, and channels 1 …"""
        properties: Any = {"capabilities": dict.fromkeys(capabilities, True)}
        self.send(HEADER)
        self.until(commands.Connection.Start)
        self.method(0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US"))
        tune = self.until(commands.Connection.Tune)
        self.method(0, commands.Connection.TuneOk(tune.channel_max, tune.frame_max, heartbeat_seconds))
        self.method(0, commands.Connection.Open("/"))
        self.until(commands.Connection.OpenOk)
        for number in range(1, channels + 1):
            self.method(number, commands.Channel.Open())
            self.until(commands.Channel.OpenOk)
        return self

    def closed(self) -> tuple[int, str]:
        """The code and the text with which the server closes the connection; then it does."""
        close = self.until(commands.Connection.Close)
        self.method(0, commands.Connection.CloseOk())
        assert self.read() is None
        return close.reply_code, close.reply_text


def raw_frame(kind: int, channel: int, payload: bytes, end: int = 0xCE) -> bytes:
    """A frame of any sort."""
    return bytes((kind,)) + channel.to_bytes(2, "big") + len(payload).to_bytes(4, "big") + payload + bytes((end,))
