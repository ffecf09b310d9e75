"""Runs wrk, the load generator, with the scripts in bench/load; installs it from Debian's packages if it is missing."""

import re
import shutil
import statistics
import subprocess
from pathlib import Path

import msgspec

LOAD = Path(__file__).resolve().parent / "load"
LINE = re.compile(r"load messages (\d+) seconds ([\d.]+) p50_ms ([\d.]+) p99_ms ([\d.]+) bad (\d+)")
CONNECTIONS = 64


class Load(msgspec.Struct):
    """What one turn gave."""

    messages: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bad: int

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


def install() -> None:
    """Have wrk on this machine."""
    if shutil.which("wrk") is None:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=True, stdout=subprocess.DEVNULL)


def run(script: str, url: str, *arguments: object, seconds: float, connections: int = CONNECTIONS) -> Load:
    """One turn. Raises RuntimeError when a request was refused or got no answer."""
    install()
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "--timeout",
        "10s",
        "-s",
        str(LOAD / script),
        url + "/",
    ]
    command += ["--", *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = LINE.search(output)
    if found is None:
        raise RuntimeError(f"wrk said: {output}")
    messages, took, p50_ms, p99_ms, bad = found.groups()
    load = Load(int(messages), float(took), float(p50_ms), float(p99_ms), int(bad))
    if load.bad:
        raise RuntimeError(f"{load.bad} requests failed: {output}")
    return load


def median(turns: list[Load]) -> float:
    """Messages a second."""
    return statistics.median(turn.per_second for turn in turns)
