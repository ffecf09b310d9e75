"""`oncemq worker module:app`: run an application's consumers until told to stop."""

import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from oncemq.cli.application import load
from oncemq.cli.logs import configure_logs

if TYPE_CHECKING:
    from oncemq.worker.process import WorkerProcess

POLL_S = 0.1


@click.command(context_settings={"auto_envvar_prefix": "ONCEMQ_WORKER", "show_default": True})
@click.argument("application")
@click.option(
    "--workers",
    type=click.IntRange(1, 1_000),
    help="Processes, started again when they end and killed when they are silent for a lease.  "
    "[default: this process, with nobody to start it again]",
)
@click.option("--concurrency", type=click.IntRange(1, 1_000), default=16, help="Messages at a time; on SQLite one.")
@click.option("--log-level", default="info", help="debug, info, warning, error or critical.")
def command(application: str, workers: int | None, concurrency: int, log_level: str) -> None:
    """Run the consumers of APPLICATION, as in module:app. Prints `ready` when it consumes."""
    configure_logs(log_level)
    app = load(application)
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    if workers is None:
        from oncemq.worker.process import WorkerProcess

        run(WorkerProcess(app, concurrency=concurrency), told)
    else:
        from oncemq.worker.supervisor import Supervisor

        child = ["worker", application, "--concurrency", str(concurrency), "--log-level", log_level]
        program = [sys.executable, "-c", "from oncemq.cli.main import main; main()"]
        Supervisor([*program, *child], workers, app.lease_s, told.is_set, say_ready).run()


def run(process: "WorkerProcess", told: threading.Event) -> None:
    """Until told to stop."""
    process.start()
    while not told.is_set() and not process.wait_connected(POLL_S):
        pass
    if not process.tell_ready():
        say_ready()
    told.wait()
    process.stop()


def say_ready() -> None:
    """For whoever started this and reads its output."""
    print("ready", flush=True)
