"""A server with users of many kinds, and clients of them."""

import itertools
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.amqp_clients.clients import parameters, until
from tools.server_process import ServerProcess

ADMINISTERED = (sys.executable, "-m", "tests.amqp_tenancy.administered")
SETTINGS = """
[[keys]]
id = "one"
secret = "s"

[[keys]]
id = "two"
secret = "s"
account = "111122223333"
[[vhosts]]
name = "shop"
description = "what is sold"

[[vhosts]]
name = "111122223333/eu-west-1"

[[users]]
name = "anna"
password = "sécret"

[[users]]
name = "ben"
password = "b"
tags = ["impersonator"]

[[users]]
name = "no-password"

[[permissions]]
user = "anna"
configure = "^[cd]-"
write = "^w-"
read = "^[rd]-"

[[permissions]]
user = "ben"
configure = ".*"
write = ".*"
read = ".*"

[[permissions]]
user = "ben"
vhost = "111122223333/eu-west-1"
configure = ".*"
write = ".*"
read = ".*"

[[topic-permissions]]
user = "anna"
exchange = "w-topic"
write = "^ok"
read = "^seen"

[[topic-permissions]]
user = "anna"
exchange = "r-topic"
write = ""
read = "^ok-{username}$"

[[topic-permissions]]
user = "anna"
exchange = "w-direct"
write = "^ok"
read = ""
"""


class Administered(ServerProcess):
    """A server that is told things by SIGUSR1, as `administered.py` says."""

    def administer(self, *commands: list[Any]) -> None:
        """Decide these commands; all must be done."""
        folder = self.data.parent
        (folder / "answers").unlink(missing_ok=True)
        (folder / "commands").write_text("".join(json.dumps(each) + "\n" for each in commands))
        os.kill(self.process_id, signal.SIGUSR1)
        until((folder / "answers").exists)
        assert json.loads((folder / "answers").read_text()) == ["Done"] * len(commands)

    def connect(self, user: str = "guest", password: str = "guest", host: str = "/") -> pika.BlockingConnection:
        """A connection as this user."""
        credentials = pika.PlainCredentials(user, password)
        return pika.BlockingConnection(parameters(self, credentials=credentials, virtual_host=host))


def started(folder: Path, *options: str, settings: str = SETTINGS) -> Administered:
    """A server on a new folder."""
    (folder / "oncemq.toml").write_text(settings)
    options = ("--config", str(folder / "oncemq.toml"), *options)
    server = Administered(folder / "data", *options, amqp_port=0, command=ADMINISTERED)
    server.start()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    """One for the tests of a module."""
    running = started(tmp_path_factory.mktemp("tenancy"))
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    """One that the test may stop, kill and start again."""
    running = started(tmp_path_factory.mktemp("own"))
    yield running
    if running.alive:
        assert running.stop() == 0


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{next(_numbers)}"
