"""`make bench`: every figure of the README, as a ratio in one run. Takes some ten minutes; names narrow it down."""

import sys
from collections.abc import Callable
from pathlib import Path

from bench import amqp, sizes, throughput, wrk
from bench.table import Row, machine, markdown

TURNS = 5
SECONDS = 5.0

MEASUREMENTS: dict[str, Callable[[], list[Row]]] = {
    "send": lambda: throughput.sends(TURNS, SECONDS),
    "verify": lambda: throughput.verified(TURNS, SECONDS),
    "batch": lambda: throughput.batches(TURNS, SECONDS),
    "receive": lambda: throughput.receives(TURNS, SECONDS),
    "backlog": lambda: sizes.backlog(SECONDS),
    "keys": sizes.deduplication_keys,
    "polls": sizes.long_polls,
    "queues": lambda: sizes.idle_queues(SECONDS),
    "rest": sizes.at_rest,
    "amqp": lambda: amqp.throughput(TURNS, 300_000),
    "amqp-latency": lambda: amqp.latency(3, 30_000),
}


def main(names: list[str]) -> None:
    """Measure all, or what is named, and write the table to bench/last.md too."""
    wrk.install()
    rows: list[Row] = []
    for name in names or list(MEASUREMENTS):
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found = MEASUREMENTS[name]()
        rows += found
        print(markdown(found), file=sys.stderr, flush=True)
    table = f"On {machine()}:\n\n{markdown(rows)}"
    print(table)
    if not names:
        (Path(__file__).parent / "last.md").write_text(table + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
