"""`oncemq users`: who may log in through AMQP."""

import sys

import click

from oncemq.administration import changed_user
from oncemq.cli.administered import asked, data_option, described, show, told
from oncemq.core.system_commands import DeleteUser


@click.group()
def command() -> None:
    """Users of a data folder whose server is stopped."""


@command.command("list")
@data_option
def list_users(data: str) -> None:
    """A line for each: name, tags."""
    for user in described(data).users:
        show(user.name, ",".join(user.tags))


@command.command("set")
@data_option
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="The new password is the first line of standard input.")
@click.option("--no-password", is_flag=True, help="No password lets the user in, only a certificate.")
@click.option("--tag", "tags", multiple=True, help="administrator, monitoring, impersonator, …; may be given again.")
@click.option("--no-tags", is_flag=True)
def set_user(
    data: str, name: str, password_stdin: bool, no_password: bool, tags: tuple[str, ...], no_tags: bool
) -> None:
    """Make a user, or change what is given of one."""
    password: str | None = None
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
        if not password:
            raise click.UsageError("standard input gave no password")
    elif no_password:
        password = ""
    given = list(tags) if tags or no_tags else None
    asked(data, lambda state: [changed_user(state, name, password, given)])


@command.command("delete")
@data_option
@click.argument("name")
def delete_user(data: str, name: str) -> None:
    """The user and its permissions go."""
    told(data, DeleteUser(name))
