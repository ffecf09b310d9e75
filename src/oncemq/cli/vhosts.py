"""`oncemq vhosts`: virtual hosts."""

import click

from oncemq.cli.administered import asked, data_option, described, show, told
from oncemq.core.commands import Command
from oncemq.core.host import Partition
from oncemq.core.system_commands import DeleteHost, SetHost


@click.group()
def command() -> None:
    """Virtual hosts of a data folder whose server is stopped; those too that SQS made, <account>/<region>."""


@command.command("list")
@data_option
def list_hosts(data: str) -> None:
    """A line for each: name, tags, description."""
    for host in described(data).hosts:
        show(host.name, ",".join(host.tags), host.description)


@command.command("set")
@data_option
@click.argument("name")
@click.option("--description", help="In words.")
@click.option("--tag", "tags", multiple=True, help="May be given again.")
def set_host(data: str, name: str, description: str | None, tags: tuple[str, ...]) -> None:
    """Make a virtual host, or change what is given of one."""

    def changed(state: Partition) -> list[Command]:
        host = state.hosts.get(name)
        said, tagged = (host.description, host.tags) if host is not None else ("", [])
        return [SetHost(name, said if description is None else description, list(tags) or tagged)]

    asked(data, changed)


@command.command("delete")
@data_option
@click.argument("name")
def delete_host(data: str, name: str) -> None:
    """The virtual host goes, with all its queues, messages, exchanges and permissions."""
    told(data, DeleteHost(name))
