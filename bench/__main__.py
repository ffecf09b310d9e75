"""`make bench`: every figure of the README, as ratios in one run, in some twenty minutes.

`python -m bench NAME ...` measures what is named and rewrites its curves in docs/amqp-performance.md; the whole run
rewrites the README's table too. `--quick` only shows that a measurement runs: it writes nothing.
"""

import signal
import sys
import traceback
from collections.abc import Callable

from bench import amqp, amqp_backlog, amqp_curves, amqp_features, sizes, throughput
from bench.report import Measured, publish_sections, publish_table
from bench.scale import QUICK, WHOLE, Scale
from bench.table import Row, markdown

MEASUREMENTS: dict[str, Callable[[Scale], Measured]] = {
    "send": lambda scale: Measured(throughput.sends(scale.turns, scale.seconds)),
    "verify": lambda scale: Measured(throughput.verified(scale.turns, scale.seconds)),
    "batch": lambda scale: Measured(throughput.batches(scale.turns, scale.seconds)),
    "receive": lambda scale: Measured(throughput.receives(scale.turns, scale.seconds)),
    "backlog": lambda scale: Measured(sizes.backlog(scale.seconds, scale.backlog_messages)),
    "keys": lambda scale: Measured(sizes.deduplication_keys(scale.deduplication_keys)),
    "polls": lambda scale: Measured(sizes.long_polls(scale.connections)),
    "queues": lambda scale: Measured(sizes.idle_queues(scale.seconds)),
    "rest": lambda scale: Measured(sizes.at_rest()),
    "amqp": amqp.throughput,
    "amqp-latency": amqp.latency,
    "amqp-backlog": amqp_backlog.backlog,
    "amqp-fanout": amqp_curves.fan_out,
    "amqp-bindings": amqp_curves.bindings,
    "amqp-consumers": amqp_curves.consumers,
    "amqp-connections": amqp_curves.connections,
    "amqp-features": amqp_features.features,
}


def main(arguments: list[str]) -> int:
    """Measure all, or what is named. Exit status 1 if a measurement failed; the others are not lost."""
    quick = "--quick" in arguments
    named = [name for name in arguments if name != "--quick"]
    unknown = [name for name in named if name not in MEASUREMENTS]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    failed = []
    for name in named or MEASUREMENTS:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            found = MEASUREMENTS[name](QUICK if quick else WHOLE)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            rows.append(Row(name, "failed", "", "", "", False))
            continue
        rows += found.rows
        print(markdown(found.rows), *found.sections.values(), sep="\n\n", file=sys.stderr, flush=True)
        if not quick:
            publish_sections(found.sections)
    print(markdown(rows) if named or quick else publish_table(rows))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # servers are stopped on the way out
    sys.exit(main(sys.argv[1:]))
