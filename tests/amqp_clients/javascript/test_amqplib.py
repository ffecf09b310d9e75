"""amqplib, JavaScript's client, from the npm registry. Skipped where there is no Node."""

import shutil
from pathlib import Path

import pytest

from tests.amqp_clients.languages import STEPS, build, need, steps, url
from tools.server_process import ServerProcess

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def program(pytestconfig: pytest.Config) -> Path:
    """The program beside its installed dependencies, which stay in pytest's cache."""
    need("node", "npm")
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("amqplib")
    for name in ("package.json", "package-lock.json", "program.mjs"):
        shutil.copy(HERE / name, folder)
    build(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder / "program.mjs"


def test_amqplib(server: ServerProcess, program: Path) -> None:
    without_transactions = [step for step in STEPS if step != "transactions"]  # amqplib has no method for them
    assert steps(["node", program, url(server)], program.parent) == without_transactions
