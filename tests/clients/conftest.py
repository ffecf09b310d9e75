"""One server for all tests of this folder, and clients of it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import GUEST, OWNER, PROTOCOLS, connect
from tools.server_process import ServerProcess

_numbers = itertools.count(1)


def keys_file(folder: Path) -> Path:
    """A configuration with the keys of two accounts."""
    text = "".join(
        f'[[keys]]\nid = "{key}"\nsecret = "{secret}"\naccount = "{account}"\n'
        for key, secret, account in (OWNER, GUEST)
    )
    path = folder / "oncemq.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that verifies signatures, with the keys of two accounts and the default one."""
    folder = tmp_path_factory.mktemp("server")
    running = ServerProcess(folder / "data", "--config", str(keys_file(folder))).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes any caller."""
    running = ServerProcess(tmp_path_factory.mktemp("open") / "data", "--sqs-auth", "open").start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session", params=PROTOCOLS)
def sqs(request: pytest.FixtureRequest, server: ServerProcess) -> Any:
    """A client of the default account; each test runs once in each protocol."""
    return connect(server.url, protocol=request.param)


@pytest.fixture
def name() -> str:
    """A name of a queue that no other test has."""
    return f"q{next(_numbers)}"


@pytest.fixture
def queue(sqs: Any, name: str) -> str:
    """URL of a new standard queue."""
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url


@pytest.fixture
def fifo(sqs: Any, name: str) -> str:
    """URL of a new FIFO queue."""
    url: str = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    return url
