"""The command `oncemq`: one subcommand a file, loaded when it is called."""

import importlib
from typing import ClassVar

import click

from oncemq import __version__


class Subcommands(click.Group):
    """Subcommands by name, each in a module of this package that is imported when it is wanted."""

    modules: ClassVar[dict[str, str]] = {
        "serve": "oncemq.cli.serve",
        "journal": "oncemq.cli.journal",
        "users": "oncemq.cli.users",
        "vhosts": "oncemq.cli.vhosts",
        "permissions": "oncemq.cli.permissions",
        "worker": "oncemq.cli.worker",
        "relay": "oncemq.cli.relay",
        "dead-letters": "oncemq.cli.dead_letters",
    }

    def list_commands(self, context: click.Context) -> list[str]:
        """Click's."""
        return sorted(self.modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Click's."""
        if name not in self.modules:
            return None
        command: click.Command = importlib.import_module(self.modules[name]).command
        return command


@click.command(cls=Subcommands)
@click.version_option(__version__)
def main() -> None:
    """OnceMQ: a durable message queue server."""
