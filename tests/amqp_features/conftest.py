"""A server with both doors, and clients of each."""

import itertools
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from tests.clients.clients import connect
from tools.server_process import ServerProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that both doors of are open."""
    folder = tmp_path_factory.mktemp("features") / "data"
    running = ServerProcess(folder, "--sqs-auth", "open", amqp_port=0).start()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="session")
def sqs(server: ServerProcess) -> Any:
    """A client of the SQS door."""
    return connect(server.url)


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[Any]:
    """A channel of a connection of its own, which confirms."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(port=int(server.amqp_port)))
    opened = connection.channel()
    opened.confirm_delivery()
    yield opened
    if connection.is_open:
        connection.close()


@pytest.fixture
def name() -> str:
    """A name of a queue that no other test has."""
    return f"f{next(_numbers)}"
