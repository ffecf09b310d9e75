"""Where figures go: bench/last.md, the README's table, the curves of docs/amqp-performance.md.

A page keeps its own words; what is between `<!-- bench NAME -->` and `<!-- end -->` is rewritten.
"""

import os
import re
from pathlib import Path

import msgspec

from bench.processes import ROOT
from bench.table import Row, machine, markdown

LOAD_BEFORE = os.getloadavg()[0]
"""Of the machine, when the benchmark began: figures from a busy machine say so."""
LAST = ROOT / "bench" / "last.md"
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "amqp-performance.md"


class Measured(msgspec.Struct):
    """What a measurement found: rows of the table, and sections of docs/amqp-performance.md by their names."""

    rows: list[Row]
    sections: dict[str, str] = {}


def publish_sections(sections: dict[str, str]) -> None:
    """Rewrite them in docs/amqp-performance.md, each with the machine that it was measured on."""
    for name, text in sections.items():
        rewrite(PERFORMANCE, name, f"On {machine()}, load before it {LOAD_BEFORE:.1f}:\n\n{text}")


def publish_table(rows: list[Row]) -> str:
    """Rewrite bench/last.md and the README's table. The text."""
    table = f"On {machine()}, load before it {LOAD_BEFORE:.1f} (`make bench`):\n\n{markdown(rows)}"
    LAST.write_text(table + "\n")
    rewrite(README, "table", table)
    return table


def rewrite(page: Path, name: str, text: str) -> None:
    """Put `text` between the page's markers of that name. KeyError if it has none."""
    old = page.read_text()
    marked = re.compile(rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    new, found = marked.subn(lambda match: f"{match[1]}{text}\n{match[2]}", old)
    if found != 1:
        raise KeyError(f"{page} has {found} places for {name}")
    page.write_text(new)


def table(heads: list[str], lines: list[list[str]]) -> str:
    """A table for a page; the first column to the left, figures to the right."""
    rules = ["---", *("---:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *lines))
