"""What the commands on users, virtual hosts and permissions have in common. No server may hold the folder."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from oncemq.administration import Answers, NoDataFolder, administer
from oncemq.core.commands import Command
from oncemq.core.host import Partition
from oncemq.core.refusals import Refusal
from oncemq.core.system_commands import DescribeSystem
from oncemq.core.system_outputs import SystemInfo
from oncemq.journal.errors import JournalError
from oncemq.provisioning import refusal_in_words

REFUSED_STATUS = 1

data_option = click.option(
    "--data", envvar="ONCEMQ_DATA", default="oncemq-data", show_default=True, help="Folder of the journal."
)


def asked(data: str, ask: Callable[[Partition], Iterable[Command]]) -> Answers:
    """The answers; ends the command where one is a refusal, or the folder cannot be had."""
    try:
        answers = administer(Path(data), ask)
    except (NoDataFolder, JournalError) as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{data}: {error.strerror or error}")
    for answer in answers:
        if isinstance(answer, Refusal):
            _refuse(refusal_in_words(answer))
    return answers


def told(data: str, *commands: Command) -> None:
    """All of them are done."""
    asked(data, lambda state: commands)


def described(data: str) -> SystemInfo:
    """What there is."""
    answer: Any = asked(data, lambda state: [DescribeSystem()])[0]
    assert isinstance(answer, SystemInfo)
    return answer


def show(*columns: str) -> None:
    """A line of what is listed."""
    click.echo("\t".join(columns))


def _refuse(why: str) -> Any:
    click.echo(f"oncemq: {why}", err=True)
    sys.exit(REFUSED_STATUS)
