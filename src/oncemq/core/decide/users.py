"""Users, and what they may do. Who is connected hears at once what has changed for it."""

import re
from typing import Any

from oncemq.core import system_commands as commands
from oncemq.core.host import Host
from oncemq.core.limits import NAME_BYTES, PATTERN_BYTES, USERS
from oncemq.core.outputs import Done
from oncemq.core.refusals import Refusal
from oncemq.core.system_outputs import Expelled, Granted, HostInfo, SystemInfo, UserInfo
from oncemq.core.system_records import (
    PermissionCleared,
    PermissionSet,
    TopicPermissionCleared,
    TopicPermissionSet,
    UserDeleted,
    UserSet,
)
from oncemq.core.system_refusals import HostDoesNotExist, InvalidName, InvalidPattern, TooManyUsers, UserDoesNotExist
from oncemq.core.turn import Turn
from oncemq.core.user import User


def refused_name(what: str, name: str) -> Refusal | None:
    """A name that cannot be."""
    return None if 0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES else InvalidName(what, name)


def _refused_pattern(patterns: tuple[str, ...]) -> Refusal | None:
    for pattern in patterns:
        if len(pattern.encode("utf-8", "replace")) > PATTERN_BYTES:
            return InvalidPattern(pattern, f"longer than {PATTERN_BYTES} bytes")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            return InvalidPattern(pattern, str(error))
    return None


def granted(user: User, host: int) -> Granted:
    """What the user may do there."""
    return Granted(user.tags, user.permissions.get(host), dict(user.topic_permissions.get(host, {})))


def _tell(turn: Turn, user: User, only_host: int | None = None) -> None:
    for owner, (number, host) in turn.state.system.connections.items():
        if number == user.number and only_host in (None, host):
            turn.answer(owner, granted(user, host))


# Users ----------------------------------------------------------------------------------------------------------


def set_user(turn: Turn, command: commands.SetUser, address: Any) -> None:
    """Answers Done."""
    tags = sorted(dict.fromkeys(command.tags))
    refused = refused_name("user", command.user)
    for tag in tags:
        refused = refused or refused_name("tag", tag)
    user = turn.state.users.get(command.user)
    if refused is None and user is None and len(turn.state.users) >= USERS:
        refused = TooManyUsers(USERS)
    if refused is None and (user is None or (user.password_hash, user.tags) != (command.password_hash, tags)):
        number = turn.state.system.next_user if user is None else user.number
        turn.emit(UserSet(number, command.user, command.password_hash, tags))
        if user is not None:
            _tell(turn, user)
    turn.answer(address, refused or Done())


def delete_user(turn: Turn, command: commands.DeleteUser, address: Any) -> None:
    """Answers Done."""
    user = turn.state.users.get(command.user)
    if user is None:
        turn.answer(address, UserDoesNotExist(command.user))
        return
    turn.emit(UserDeleted(user.number))
    connections = turn.state.system.connections
    for owner in [each for each, (number, _) in connections.items() if number == user.number]:
        del connections[owner]
        turn.answer(owner, Expelled("user", user.name))
    turn.answer(address, Done())


def find_user(turn: Turn, command: commands.FindUser, address: Any) -> None:
    """Answers UserInfo."""
    user = turn.state.users.get(command.user)
    turn.answer(address, UserDoesNotExist(command.user) if user is None else _info(user))


def _info(user: User) -> UserInfo:
    return UserInfo(user.name, user.password_hash, user.tags)


# Permissions ----------------------------------------------------------------------------------------------------


def _found(turn: Turn, user: str, host: str) -> tuple[User, Host] | Refusal:
    if user not in turn.state.users:
        return UserDoesNotExist(user)
    if host not in turn.state.hosts:
        return HostDoesNotExist(host)
    return turn.state.users[user], turn.state.hosts[host]


def set_permission(turn: Turn, command: commands.SetPermission, address: Any) -> None:
    """Answers Done."""
    given = command.permission
    found = _found(turn, command.user, command.host)
    refused = _refused_pattern((given.configure, given.write, given.read))
    if isinstance(found, Refusal) or refused is not None:
        turn.answer(address, found if isinstance(found, Refusal) else refused or Done())
        return
    user, host = found
    if user.permissions.get(host.number) != given:
        turn.emit(PermissionSet(user.number, host.number, given))
        _tell(turn, user, host.number)
    turn.answer(address, Done())


def clear_permission(turn: Turn, command: commands.ClearPermission, address: Any) -> None:
    """Answers Done. Who is connected stays so, and may do nothing more."""
    found = _found(turn, command.user, command.host)
    if isinstance(found, Refusal):
        turn.answer(address, found)
        return
    user, host = found
    if host.number in user.permissions:
        turn.emit(PermissionCleared(user.number, host.number))
        _tell(turn, user, host.number)
    turn.answer(address, Done())


def set_topic_permission(turn: Turn, command: commands.SetTopicPermission, address: Any) -> None:
    """Answers Done."""
    given = command.permission
    found = _found(turn, command.user, command.host)
    refused = refused_name("exchange", command.exchange) or _refused_pattern((given.write, given.read))
    if isinstance(found, Refusal) or refused is not None:
        turn.answer(address, found if isinstance(found, Refusal) else refused or Done())
        return
    user, host = found
    if user.topic_permissions.get(host.number, {}).get(command.exchange) != given:
        turn.emit(TopicPermissionSet(user.number, host.number, command.exchange, given))
        _tell(turn, user, host.number)
    turn.answer(address, Done())


def clear_topic_permission(turn: Turn, command: commands.ClearTopicPermission, address: Any) -> None:
    """Answers Done."""
    found = _found(turn, command.user, command.host)
    if isinstance(found, Refusal):
        turn.answer(address, found)
        return
    user, host = found
    there = user.topic_permissions.get(host.number, {})
    gone = [exchange for exchange in there if command.exchange in (None, exchange)]
    for exchange in gone:
        turn.emit(TopicPermissionCleared(user.number, host.number, exchange))
    if gone:
        _tell(turn, user, host.number)
    turn.answer(address, Done())


def describe_system(turn: Turn, command: commands.DescribeSystem, address: Any) -> None:
    """Answers SystemInfo."""
    users, names = turn.state.users.values(), {host.number: host.name for host in turn.state.hosts.values()}
    turn.answer(
        address,
        SystemInfo(
            [_info(user) for user in users],
            [HostInfo(host.name, host.description, host.tags) for host in turn.state.hosts.values()],
            [(user.name, names[host], given) for user in users for host, given in user.permissions.items()],
            [
                (user.name, names[host], exchange, given)
                for user in users
                for host, of_host in user.topic_permissions.items()
                for exchange, given in of_host.items()
            ],
        ),
    )
