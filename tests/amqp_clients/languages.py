"""Programs in other languages: built and run as processes, which print a line for each step that they have done."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tools.server_process import ServerProcess

BUILD_SECONDS = 240
RUN_SECONDS = 120

STEPS = [
    "exchanges and bindings",
    "confirms and returns",
    "acks, nacks and rejects",
    "transactions",
    "queues",
    "headers",
    "channel errors",
    "cancel notify",
    "direct reply-to",
    "heartbeats",
    "close",
]
"""What every program does, in this order, and says as it is done."""


def url(server: ServerProcess) -> str:
    """Where the server is."""
    return f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"


def need(*tools: str) -> None:
    """Skip the test, and say so, where the language is not on this machine."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")


def build(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run what fetches or compiles; what it said is shown if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, timeout=BUILD_SECONDS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


def steps(command: Sequence[str | Path], folder: Path) -> list[str]:
    """What the program said it has done. It must end well."""
    done = subprocess.run(command, cwd=folder, timeout=RUN_SECONDS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"after {done.stdout!r}: {done.stderr[-3000:]}"
    return done.stdout.splitlines()
