"""`oncemq journal`: look at a journal without changing it."""

import click


@click.group()
def command() -> None:
    """Look at a data folder without changing it."""
