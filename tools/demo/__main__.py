"""Runs the demo; exit status 1 if anything was lost, doubled, out of order or left over at either door."""

import os
import sys
import tempfile
import time
from pathlib import Path

from tools.demo.demo import Demo
from tools.demo.flow import Flow
from tools.demo.notes import Findings
from tools.demo.screen import Screen
from tools.server_process import ServerDidNotStart, ServerProcess

ROWS = (
    ("sent", "answered or confirmed: on disk"),
    ("processed", "then deleted or acknowledged"),
    ("retried", "failed at first, then processed"),
    ("dead-lettered", "could never be processed"),
    ("… planted poison", "must be as many"),
    ("requests repeated", "unanswered: the server was down"),
    ("recognised", "came back done: not done again"),
    ("doubled", "sent, done or dead twice"),
    ("out of order", "within a customer's orders"),
    ("lost", "acknowledged, never seen again"),
    ("left over", "never sent, or still queued"),
    ("recovery", "new process to first acknowledged"),
    ("down", "last acknowledged to the next"),
)


def rows(demo: Demo, found: list[Findings]) -> list[list[str]]:
    """The table: a column for each door."""
    columns = [_column(demo, flow, each) for flow, each in zip(demo.flows, found, strict=True)]
    return [[name, *figures, remark] for (name, remark), *figures in zip(ROWS, *columns, strict=True)]


def _column(demo: Demo, flow: Flow, found: Findings) -> list[str]:
    notes = flow.notes
    first = notes.first_acknowledged_after
    figures = [found.sent, found.processed, found.retried, found.dead_lettered, found.poison]
    figures += [notes.repeated_requests, notes.recognised]
    figures += [found.duplicates, found.out_of_order, found.lost, found.unsent + found.left]
    times = ("never", "never")
    if first is not None:
        seconds = (first - demo.restarted_at, first - notes.last_acknowledged_before)
        times = (f"{seconds[0] * 1000:,.0f} ms", f"{seconds[1] * 1000:,.0f} ms")
    return [*(f"{figure:,}" for figure in figures), *times]


def verdict(demo: Demo, found: list[Findings], seconds: float) -> int:
    """Show the table, the refusals and one last line; exit status 0 when nothing went wrong."""
    heads = [["", *(flow.title for flow in demo.flows), ""], ["", *(flow.way for flow in demo.flows), ""]]
    demo.screen.table(heads, rows(demo, found))
    for flow in demo.flows:
        for refusal in flow.notes.refused:
            print(f"{flow.title}: {refusal}")
    sound = all(each.sound for each in found)
    sent, lost = sum(each.sent for each in found), sum(each.lost for each in found)
    doubled, swapped = sum(each.duplicates for each in found), sum(each.out_of_order for each in found)
    figures = f"{sent:,} orders sent, lost {lost:,}, doubled {doubled:,}, out of order {swapped:,}"
    print(f"{'All well' if sound else 'SOMETHING WENT WRONG'}: {figures}, in {seconds:.0f} s.")
    return 0 if sound else 1


def show(demo: Demo) -> int:
    """Run it, and say what came of it. Exit status 0 when nothing went wrong."""
    began = time.monotonic()
    try:
        demo.run()
        administrator = demo.administrator()
        found = [flow.findings(administrator) for flow in demo.flows]
    except ServerDidNotStart as error:
        print(f"The server did not start:\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    finally:
        demo.end()
        if demo.server.alive:
            demo.server.stop()
    return verdict(demo, found, time.monotonic() - began)


def main() -> int:
    """The exit status."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a developer's own profile must not matter
    with tempfile.TemporaryDirectory(prefix="oncemq-demo-") as folder:
        return show(Demo(ServerProcess(Path(folder) / "data", amqp_port=0), Screen()))


if __name__ == "__main__":
    sys.exit(main())
