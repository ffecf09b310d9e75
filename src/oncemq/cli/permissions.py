"""`oncemq permissions`: what users may do in virtual hosts."""

import click

from oncemq.cli.administered import data_option, described, show, told
from oncemq.core.system_commands import ClearPermission, ClearTopicPermission, SetPermission, SetTopicPermission
from oncemq.core.user import Permission, TopicPermission


@click.group()
def command() -> None:
    """Permissions in a data folder whose server is stopped. Patterns are regular expressions, searched for in names."""


@command.command("list")
@data_option
def list_permissions(data: str) -> None:
    """A line for each: user, vhost, configure, write, read; those of topics: user, vhost, exchange, write, read."""
    found = described(data)
    for user, host, given in found.permissions:
        show(user, host, given.configure, given.write, given.read)
    for user, host, exchange, topic in found.topic_permissions:
        show(user, host, f"topic {exchange}", topic.write, topic.read)


@command.command("set")
@data_option
@click.argument("user")
@click.argument("vhost")
@click.argument("configure")
@click.argument("write")
@click.argument("read")
def set_permission(data: str, user: str, vhost: str, configure: str, write: str, read: str) -> None:
    """What a user may configure, write and read in a virtual host."""
    told(data, SetPermission(user, vhost, Permission(configure, write, read)))


@command.command("clear")
@data_option
@click.argument("user")
@click.argument("vhost")
def clear_permission(data: str, user: str, vhost: str) -> None:
    """The user may not even open the virtual host."""
    told(data, ClearPermission(user, vhost))


@command.command("set-topic")
@data_option
@click.argument("user")
@click.argument("vhost")
@click.argument("exchange")
@click.argument("write")
@click.argument("read")
def set_topic_permission(data: str, user: str, vhost: str, exchange: str, write: str, read: str) -> None:
    """The routing keys that a user may publish and bind with at a topic exchange."""
    told(data, SetTopicPermission(user, vhost, exchange, TopicPermission(write, read)))


@command.command("clear-topic")
@data_option
@click.argument("user")
@click.argument("vhost")
@click.argument("exchange", required=False)
def clear_topic_permission(data: str, user: str, vhost: str, exchange: str | None) -> None:
    """Any routing key again, at this exchange or at all."""
    told(data, ClearTopicPermission(user, vhost, exchange))
