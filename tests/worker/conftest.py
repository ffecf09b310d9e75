"""One server and one PostgreSQL for all tests of this folder that do not kill them; a scene for each test.

A scene is on SQLite, unless its module or test asks for others by `ON_EACH_DATABASE`.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rabbitmq import RabbitMq, install
from tests.worker.scene import Scene
from tests.worker.scene import scene as open_scene
from tools.postgres_server import PostgresServer
from tools.server_process import ServerProcess

DATABASES = ("sqlite", "postgres")
ON_EACH_DATABASE = pytest.mark.parametrize("database", DATABASES, indirect=True, scope="module")
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="module")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """OnceMQ, both doors open."""
    running = ServerProcess(tmp_path_factory.mktemp("broker") / "data", amqp_port=0).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Each scene has a database of its own on it."""
    running = PostgresServer()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> str:
    """Which kind, of DATABASES."""
    return str(getattr(request, "param", "sqlite"))


def database_url(database: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A new one of this kind. PostgreSQL is started when it is first asked for."""
    if database == "sqlite":
        return f"sqlite:///{folder}/orders.db"
    running: PostgresServer = request.getfixturevalue("postgres")
    return running.database()


@pytest.fixture
def scene(server: ServerProcess, database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """The AMQP door and the database."""
    broker = f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"
    with open_scene(broker, database_url(database, request, tmp_path), tmp_path) as opened:
        yield opened


@contextlib.contextmanager
def _write_lock_held(scene: Scene) -> Iterator[None]:
    with sqlite3.connect(scene.folder / "orders.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def _halted(postgres: PostgresServer) -> Iterator[None]:
    postgres.halt()
    yield
    postgres.start()


@pytest.fixture
def database_away(
    scene: Scene, database: str, request: pytest.FixtureRequest
) -> contextlib.AbstractContextManager[None]:
    """While it is entered: PostgreSQL is halted; SQLite's write lock is held for longer than a worker waits for it."""
    if database == "postgres":
        return _halted(request.getfixturevalue("postgres"))
    scene.database += "?timeout=0.3"
    return _write_lock_held(scene)


@pytest.fixture(scope="module")
def shop(
    server: ServerProcess, database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A scene with one worker that runs for all tests of a module: each has orders of its own."""
    folder = tmp_path_factory.mktemp("shop")
    broker = f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"
    with open_scene(broker, database_url(database, request, folder), folder) as opened:
        opened.worker()
        yield opened


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that the test may kill and start again."""
    running = ServerProcess(tmp_path / "broker", amqp_port=0).start()
    yield running
    running.stop()


@pytest.fixture
def own_scene(
    own_server: ServerProcess, database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Scene]:
    """A scene on that server."""
    broker = f"amqp://guest:guest@127.0.0.1:{own_server.amqp_port}/"
    with open_scene(broker, database_url(database, request, tmp_path), tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    """Debian's."""
    install()
    with RabbitMq() as running:
        yield running


BROKERS = ("oncemq-amqp", "oncemq-sqs", "rabbitmq")


@pytest.fixture(params=BROKERS)
def each_scene(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Iterator[Scene]:
    """A scene on each broker, with SQLite. RabbitMQ is started when it is first asked for; it has no leases, and hears
    by a short heartbeat that a process sleeps."""
    broker = request.param
    running = request.getfixturevalue("rabbitmq").port if broker == "rabbitmq" else server.amqp_port
    amqp = url = f"amqp://guest:guest@127.0.0.1:{running}/"
    if broker == "oncemq-sqs":
        url = f"sqs://test:test@127.0.0.1:{server.port}/"
    elif broker == "rabbitmq":
        url += "?heartbeat=2"
    with open_scene(url, f"sqlite:///{tmp_path}/orders.db", tmp_path, amqp) as opened:
        yield opened
