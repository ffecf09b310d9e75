"""What the configuration says of users, virtual hosts and permissions, as commands to a server that starts.

The journal holds them; a setting is applied at each start to what it names, and to nothing else. A new data folder gets
one administrator besides, `guest` unless it is to be another.
"""

from collections.abc import Callable, Iterator

from oncemq.config import OFF, Configuration
from oncemq.core import system_refusals as refusals
from oncemq.core.commands import Command
from oncemq.core.host import DEFAULT_HOST, Partition
from oncemq.core.refusals import Refusal
from oncemq.core.system_commands import SetHost, SetPermission, SetTopicPermission, SetUser
from oncemq.core.user import Permission, TopicPermission
from oncemq.protocols.passwords import SALT_BYTES, hash_password, matches

ALL = Permission(".*", ".*", ".*")
ADMINISTRATOR = "administrator"

Random = Callable[[int], bytes]
"""So many random bytes."""


def first_user(configuration: Configuration, random: Random) -> Iterator[Command]:
    """For a data folder that is new."""
    name = configuration.default_user
    if name != OFF:
        yield SetUser(name, hash_password(configuration.default_password, random(SALT_BYTES)), [ADMINISTRATOR])
        yield SetPermission(name, DEFAULT_HOST, ALL)


def configured(configuration: Configuration, state: Partition, random: Random) -> Iterator[Command]:
    """For every start. `state` is looked at between the commands."""
    for host in configuration.vhosts:
        yield SetHost(host.name, host.description, list(host.tags))
    named = {permission.user for permission in configuration.permissions}
    for user in configuration.users:
        is_new = user.name not in state.users
        yield SetUser(user.name, _hash(user.name, user.password, state, random), list(user.tags))
        if is_new and user.name not in named and DEFAULT_HOST in state.hosts:
            yield SetPermission(user.name, DEFAULT_HOST, ALL)
    for given in configuration.permissions:
        yield SetPermission(given.user, given.vhost, Permission(given.configure, given.write, given.read))
    for topic in configuration.topic_permissions:
        permission = TopicPermission(topic.write, topic.read)
        yield SetTopicPermission(topic.user, topic.vhost, topic.exchange, permission)


def _hash(name: str, password: str | None, state: Partition, random: Random) -> str:
    """The hash that is there, if it is this password's."""
    if password is None:
        return ""
    user = state.users.get(name)
    if user is not None and matches(password, user.password_hash):
        return user.password_hash
    return hash_password(password, random(SALT_BYTES))


def refusal_in_words(refusal: Refusal) -> str:
    """What the operator is told."""
    match refusal:
        case refusals.UserDoesNotExist(user=user):
            return f"there is no user {user}"
        case refusals.HostDoesNotExist(host=host):
            return f"there is no virtual host {host}"
        case refusals.InvalidPattern(pattern=pattern, why=why):
            return f"{pattern!r} is no regular expression: {why}"
        case refusals.InvalidName(what=what, name=name):
            return f"{name!r} cannot be the name of {'an' if what == 'exchange' else 'a'} {what}"
        case refusals.TooManyUsers(maximum=maximum) | refusals.TooManyHosts(maximum=maximum):
            return f"more than {maximum}"
    raise AssertionError(refusal)
