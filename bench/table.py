"""The table that `make bench` prints and the README shows."""

import platform
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Row(msgspec.Struct):
    """One figure. `reached`: whether the target is met, None where there is none."""

    what: str
    figure: str
    ratio: str
    target: str
    beside: str
    reached: bool | None


def markdown(rows: Iterable[Row]) -> str:
    """As a table."""
    lines = ["| | measured | ratio | at least / most | beside it | |", "|---|---|---|---|---|---|"]
    for row in rows:
        mark = {True: "reached", False: "**not reached**", None: ""}[row.reached]
        lines.append(f"| {row.what} | {row.figure} | {row.ratio} | {row.target} | {row.beside} | {mark} |")
    return "\n".join(lines)


def machine() -> str:
    """What this machine is."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"{cpu}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
