"""One server for all tests of this folder that do not kill it; a scene for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.scene import Scene
from tests.worker.scene import scene as open_scene
from tools.server_process import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """OnceMQ, both doors open."""
    running = ServerProcess(tmp_path_factory.mktemp("broker") / "data", amqp_port=0).start()
    yield running
    running.stop()


@pytest.fixture
def scene(server: ServerProcess, tmp_path: Path) -> Iterator[Scene]:
    """The AMQP door and SQLite."""
    broker = f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"
    with open_scene(broker, f"sqlite:///{tmp_path}/orders.db", tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene with one worker that runs for all tests of a module: each has orders of its own."""
    folder = tmp_path_factory.mktemp("shop")
    broker = f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"
    with open_scene(broker, f"sqlite:///{folder}/orders.db", folder) as opened:
        opened.worker()
        yield opened


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that the test may kill and start again."""
    running = ServerProcess(tmp_path / "broker", amqp_port=0).start()
    yield running
    running.stop()


@pytest.fixture
def own_scene(own_server: ServerProcess, tmp_path: Path) -> Iterator[Scene]:
    """A scene on that server."""
    broker = f"amqp://guest:guest@127.0.0.1:{own_server.amqp_port}/"
    with open_scene(broker, f"sqlite:///{tmp_path}/orders.db", tmp_path) as opened:
        yield opened


BROKERS = ("oncemq-amqp", "oncemq-sqs")
DATABASES = ("sqlite",)


@pytest.fixture(params=[f"{broker} {database}" for broker in BROKERS for database in DATABASES])
def each_scene(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Iterator[Scene]:
    """A scene on each broker and each database."""
    broker, _, _ = request.param.partition(" ")
    amqp = f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"
    url = f"sqs://test:test@127.0.0.1:{server.port}/" if broker == "oncemq-sqs" else amqp
    with open_scene(url, f"sqlite:///{tmp_path}/orders.db", tmp_path, amqp) as opened:
        yield opened
