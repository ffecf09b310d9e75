"""`oncemq relay module:app`: publish an application's outbox, for processes without workers (a web service)."""

import signal
import threading

import click

from oncemq.cli.application import load
from oncemq.cli.logs import configure_logs
from oncemq.cli.worker import run


@click.command(context_settings={"auto_envvar_prefix": "ONCEMQ_RELAY", "show_default": True})
@click.argument("application")
@click.option("--log-level", default="info", help="debug, info, warning, error or critical.")
def command(application: str, log_level: str) -> None:
    """Publish what APPLICATION, as in module:app, has in its outbox. Several may run: one works, the others wait.

    Workers do the same; this is for where none runs. Prints `ready` when it has the broker.
    """
    configure_logs(log_level)
    from oncemq.worker.process import WorkerProcess

    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    run(WorkerProcess(load(application), consume=False), told)
