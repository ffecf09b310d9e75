"""`oncemq dead-letters list | show | redrive | purge`: of one queue of an application."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from oncemq.cli.application import load

if TYPE_CHECKING:
    from oncemq.worker.dead_letters import DeadLetters, Letter

FAILED_STATUS = 1
STACK = "x-oncemq-stack"
MAXIMUM = click.option(
    "--maximum", type=click.IntRange(1, 100_000), default=1_000, show_default=True, help="Look at most at so many."
)
IDS = click.option("--id", "ids", multiple=True, help="Only this message id; may be given again.")
DRY = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@click.group()
def command() -> None:
    """Look at dead letters, send them back, drop them. QUEUE is a consumer's queue, APPLICATION is as in module:app."""


@command.command("list")
@click.argument("application")
@click.argument("queue")
@MAXIMUM
def list_them(application: str, queue: str, maximum: int) -> None:
    """One line of JSON for each."""
    for letter in asyncio.run(_letters(application, queue).look(maximum)):
        click.echo(json.dumps(letter.described()))


@command.command()
@click.argument("application")
@click.argument("queue")
@click.argument("message_id")
@MAXIMUM
def show(application: str, queue: str, message_id: str, maximum: int) -> None:
    """One, with its stack and its body."""
    found = [each for each in asyncio.run(_letters(application, queue).look(maximum)) if each.message_id == message_id]
    if not found:
        click.echo(f"oncemq: no dead letter {message_id}", err=True)
        sys.exit(FAILED_STATUS)
    for letter in found:
        click.echo(json.dumps(letter.described(), indent=2))
        click.echo(str(letter.delivery.headers.get(STACK, "")))
        click.echo(letter.delivery.body.decode(errors="replace"))


@command.command()
@click.argument("application")
@click.argument("queue")
@MAXIMUM
@IDS
@DRY
@click.option("--rate", type=click.FloatRange(0.01, 10_000), default=10.0, show_default=True, help="Messages a second.")
def redrive(application: str, queue: str, maximum: int, ids: tuple[str, ...], dry_run: bool, rate: float) -> None:
    """Send them back to where they came from. Stops when one of them is dead again.

    A dry run says which are committed already, and which are refused.
    """
    from oncemq.worker.dead_letters import FailedAgain

    letters = _letters(application, queue)
    if dry_run:
        _say(asyncio.run(letters.look(maximum)), _wanted(ids))
        return
    try:
        count = asyncio.run(letters.redrive(maximum, rate, _wanted(ids)))
    except FailedAgain as error:
        click.echo(f"oncemq: stopped: {error}", err=True)
        sys.exit(FAILED_STATUS)
    click.echo(json.dumps({"redriven": count}))


@command.command()
@click.argument("application")
@click.argument("queue")
@MAXIMUM
@IDS
@DRY
def purge(application: str, queue: str, maximum: int, ids: tuple[str, ...], dry_run: bool) -> None:
    """Drop them. Their messages stay dead: a later copy is not run."""
    letters = _letters(application, queue)
    if dry_run:
        _say(asyncio.run(letters.look(maximum)), _wanted(ids))
        return
    click.echo(json.dumps({"purged": asyncio.run(letters.purge(maximum, _wanted(ids)))}))


def _letters(application: str, queue: str) -> "DeadLetters":
    app = load(application)
    from oncemq.worker.dead_letters import DeadLetters

    return DeadLetters(app, queue)


def _wanted(ids: tuple[str, ...]) -> "Callable[[Letter], bool]":
    return lambda letter: not ids or letter.message_id in ids


def _say(letters: "list[Letter]", wanted: "Callable[[Letter], bool]") -> None:
    for letter in letters:
        if wanted(letter):
            click.echo(json.dumps({"message_id": letter.message_id, "redrive": letter.verdict}))
