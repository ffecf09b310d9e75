"""`oncemq journal`: look at a journal without changing it.

Both commands hold the folder while they read, and refuse when a server has it: what it is writing looks torn.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from oncemq.cli.journal_dump import dump_lines
from oncemq.cli.journal_report import report_lines
from oncemq.journal.errors import FolderLocked, JournalError
from oncemq.journal.inventory import Inventory
from oncemq.journal.read_only import ReadOnlyFolder
from oncemq.journal.verify import verify

CORRUPT_STATUS = 1
REFUSED_STATUS = 2


@click.group()
def command() -> None:
    """Look at a data folder without changing it. Its server must be stopped."""


@command.command("verify")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def verify_command(folder: Path) -> None:
    """Read the whole journal and say what is there.

    Exit status: 0 whole (a torn tail, which a start cuts, is no damage), 1 corrupt, 2 not looked at.
    """

    def look(disk: ReadOnlyFolder) -> int:
        inventory = Inventory()
        report = verify(disk, inventory.look)
        for line in report_lines(folder, report, inventory):
            click.echo(line)
        return 0 if report.is_sound and not inventory.flaws else CORRUPT_STATUS

    sys.exit(_looked_at(folder, look))


@command.command("dump")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--contents", is_flag=True, help="Print the text of messages too.")
def dump_command(folder: Path, contents: bool) -> None:
    """Print a line of JSON for each record: its batch, its time, its name, its fields.

    Exit status: 0 to the end, 1 up to a place that is corrupt, 2 not looked at.
    """

    def look(disk: ReadOnlyFolder) -> int:
        for line in dump_lines(disk, contents):
            sys.stdout.buffer.write(line)
        return 0

    sys.exit(_looked_at(folder, look))


def _looked_at(folder: Path, look: Callable[[ReadOnlyFolder], int]) -> int:
    """The status of `look`, or of what kept it from looking."""
    try:
        with ReadOnlyFolder(folder) as disk:
            return look(disk)
    except FolderLocked as error:
        click.echo(f"oncemq: {error}: stop it first, its journal changes while it runs", err=True)
        return REFUSED_STATUS
    except JournalError as error:
        sys.stdout.flush()
        click.echo(f"oncemq: {error}", err=True)
        return CORRUPT_STATUS
    except BrokenPipeError:
        raise  # click's: whoever reads has seen enough
    except OSError as error:
        click.echo(f"oncemq: {folder}: {error.strerror or error}", err=True)
        return REFUSED_STATUS
