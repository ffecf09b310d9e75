"""amqp091-go, Go's client, from the module proxy. Skipped where there is no Go."""

import os
import shutil
from pathlib import Path

import pytest

from tests.amqp_clients.languages import STEPS, build, need, steps, url
from tools.server_process import ServerProcess

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled: Go keeps what it fetched and compiled in its own caches."""
    need("go")
    folder = tmp_path_factory.mktemp("go")
    for name in ("go.mod", "go.sum", "program.go"):
        shutil.copy(HERE / name, folder)
    build(["go", "build", "-o", "program", "."], folder, {**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"})
    return folder / "program"


def test_amqp091(server: ServerProcess, program: Path) -> None:
    assert steps([program, url(server)], program.parent) == STEPS
