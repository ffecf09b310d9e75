"""One server for all tests of this folder that do not stop it, and pika connections to it."""

import itertools
from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import connect
from tools.server_process import ServerProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the user guest and another."""
    folder = tmp_path_factory.mktemp("amqp")
    settings = folder / "oncemq.toml"
    settings.write_text('[[users]]\nname = "anna"\npassword = "sécret"\n')
    running = ServerProcess(folder / "data", "--config", str(settings), amqp_port=0).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that the test may kill and start again."""
    running = ServerProcess(tmp_path_factory.mktemp("own") / "data", amqp_port=0).start()
    yield running
    if running.alive:
        assert running.stop() == 0


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[pika.BlockingConnection]:
    """A connection of the test's own."""
    opened = connect(server)
    yield opened
    if opened.is_open:
        opened.close()


@pytest.fixture
def channel(connection: pika.BlockingConnection) -> BlockingChannel:
    """A channel without confirms."""
    return connection.channel()


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"n{next(_numbers)}"


@pytest.fixture
def queue(channel: BlockingChannel, name: str) -> str:
    """A transient queue, gone with the test's connection."""
    channel.queue_declare(name, exclusive=True)
    return name
