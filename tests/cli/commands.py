"""Runs the real command."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.server_process import COMMAND, environment

SECONDS = 30


class Ended(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


def oncemq(*arguments: str | Path, cwd: Path | None = None, **env: str) -> Ended:
    """Run `oncemq` to its end."""
    done = subprocess.run(
        [COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment(**env),
        cwd=cwd,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def refusal(ended: Ended) -> str:
    """The one line on standard error with which a command refused, without traceback and without an answer."""
    assert ended.status in (1, 2), ended
    assert ended.out == "", ended
    lines = [line for line in ended.err.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ended
    assert lines[0].startswith("oncemq: "), ended
    assert "Traceback" not in ended.err
    return lines[0].removeprefix("oncemq: ")
