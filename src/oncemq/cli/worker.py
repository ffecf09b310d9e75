"""`oncemq worker module:app`: run an application's consumers until told to stop."""

import importlib
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from oncemq.cli.logs import configure_logs

if TYPE_CHECKING:
    from oncemq.worker.app import App

USAGE_STATUS = 2
POLL_S = 0.1


@click.command(context_settings={"auto_envvar_prefix": "ONCEMQ_WORKER", "show_default": True})
@click.argument("application")
@click.option("--concurrency", type=click.IntRange(1, 1_000), default=16, help="Messages at a time; on SQLite one.")
@click.option("--log-level", default="info", help="debug, info, warning, error or critical.")
def command(application: str, concurrency: int, log_level: str) -> None:
    """Run the consumers of APPLICATION, as in module:app. Prints `ready` when it consumes."""
    configure_logs(log_level)
    app = load(application)
    from oncemq.worker.process import WorkerProcess

    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    process = WorkerProcess(app, concurrency=concurrency)
    process.start()
    while not told.is_set() and not process.wait_connected(POLL_S):
        pass
    print("ready", flush=True)
    told.wait()
    process.stop()


def load(application: str) -> "App":
    """The object that `module:app` names; the module is looked for in the present folder too."""
    module, _, name = application.partition(":")
    sys.path.insert(0, "")
    try:
        app = getattr(importlib.import_module(module), name or "app")
    except (ImportError, AttributeError) as error:
        click.echo(f"oncemq: {application}: {error}", err=True)
        sys.exit(USAGE_STATUS)
    from oncemq.worker.app import App

    if not isinstance(app, App):
        click.echo(f"oncemq: {application} is no oncemq.worker.App", err=True)
        sys.exit(USAGE_STATUS)
    return app
