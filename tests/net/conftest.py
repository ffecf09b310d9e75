"""A server in open mode, which after each test must be up and do its work."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.wire import Wire
from tools.server_process import ServerProcess

_numbers = itertools.count(1)
OPEN = ("--sqs-auth", "open")


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path_factory.mktemp("net") / "data", *OPEN).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def _hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    command = (sys.executable, "-m", "tests.net.hasty")
    running = ServerProcess(tmp_path_factory.mktemp("hasty") / "data", *OPEN, command=command).start()
    yield running
    assert running.stop() == 0


def works(server: ServerProcess) -> None:
    """A normal send and receive."""
    with Wire(server.port) as wire:
        queue = wire.ask("CreateQueue", {"QueueName": "works"}).json["QueueUrl"]
        assert wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": "m"}).status == 200
        (message,) = wire.ask("ReceiveMessage", {"QueueUrl": queue}).json["Messages"]
        handle = message["ReceiptHandle"]
        assert wire.ask("DeleteMessage", {"QueueUrl": queue, "ReceiptHandle": handle}).status == 200


def unharmed(server: ServerProcess) -> None:
    """It runs, works, and has logged no exception."""
    assert server.alive
    works(server)
    log = Path(server.log).read_text()
    assert "Traceback" not in log and "exception" not in log, log[-4000:]


@pytest.fixture
def server(_server: ServerProcess) -> Iterator[ServerProcess]:
    """The server that most tests share."""
    yield _server
    unharmed(_server)


@pytest.fixture
def hasty(_hasty: ServerProcess) -> Iterator[ServerProcess]:
    """A server that gives up after half a second."""
    yield _hasty
    unharmed(_hasty)


@pytest.fixture
def queue(server: ServerProcess) -> str:
    """URL of a new queue."""
    with Wire(server.port) as wire:
        url: str = wire.ask("CreateQueue", {"QueueName": f"q{next(_numbers)}"}).json["QueueUrl"]
        return url
