"""The application that `module:app` names."""

import importlib
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from oncemq.worker.app import App

USAGE_STATUS = 2


def load(application: str) -> "App":
    """The module is looked for in the present folder too. Ends the command if there is none."""
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
