"""A bug in showing one answer costs one connection, and its leases go back."""

import asyncio
from typing import Any, cast
from unittest import mock

from oncemq.core.commands import ReceiveMessages
from oncemq.core.outputs import Received
from oncemq.core.refusals import Refusal
from oncemq.engine.engine import Engine
from oncemq.net.http_listener import HttpConnection, HttpDoor
from oncemq.net.listener import Connections


class Unshowable:
    """An exchange whose answer cannot be rendered."""

    command = ReceiveMessages("/", "q", None, 1, None, 0)
    reply: bytes | None = None
    close = False

    def render(self, output: Any) -> bytes:
        raise ValueError("a bug")


class FakeEngine:
    """Keeps who asked."""

    congested = False

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def submit(self, command: Any, address: Any) -> None:
        self.asked.append(address)


def connected(engine: FakeEngine, *exchanges: Any) -> tuple[HttpConnection, mock.Mock]:
    """A connection over a transport that does nothing, on which these exchanges come."""
    http = mock.Mock(unfinished=False)
    http.feed.return_value = list(exchanges)
    door = mock.Mock()
    door.connection.return_value = http
    transport = mock.Mock(spec=asyncio.Transport)
    transport.get_extra_info.return_value = ("127.0.0.1", 1)
    transport.is_closing.return_value = False
    connection = HttpConnection(Connections(lambda: 0), cast(Engine, engine), cast(HttpDoor, door))
    connection.connection_made(transport)
    return connection, transport


def test_an_answer_that_cannot_be_rendered_counts_as_not_delivered() -> None:
    engine = FakeEngine()
    connection, transport = connected(engine, Unshowable())
    connection.data_received(b"request")
    (asked,) = engine.asked
    for output in (Received("/", []), Refusal()):
        assert asked.deliver(output) is False
    transport.abort.assert_called()
    transport.write.assert_not_called()
