"""What each record of the `system` core does to the state. `apply` takes these into its table."""

from collections.abc import Callable
from typing import Any

from oncemq.core import system_records as records
from oncemq.core.host import Partition
from oncemq.core.model import BLOCK_SHIFT
from oncemq.core.records import Record
from oncemq.core.user import User


def _host_described(state: Partition, record: records.HostDescribed, now_ms: int, places: Any) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    host.description, host.tags = record.description, record.tags


def _host_deleted(state: Partition, record: records.HostDeleted, now_ms: int, places: Any) -> None:
    """One that is made under the same name later gives no number again that a client may still name."""
    system, host = state.system, state.hosts_by_number.pop(record.host)
    state.pieces.touch(system)
    system.first_queue = max(system.first_queue, host.next_queue)
    system.first_message = max(system.first_message, (host.messages.next >> BLOCK_SHIFT) + 1 << BLOCK_SHIFT)
    system.first_consumer = max(system.first_consumer, host.next_consumer)
    transient = host.messages.transient
    system.first_transient = max(system.first_transient, transient.next, host.next_transient_token)
    transient.let_all_go()
    for user in state.users.values():
        user.forget_host(host.number)
    for piece in host.all_pieces():
        state.pieces.dropped(piece)
    del state.hosts[host.name]


def _user_set(state: Partition, record: records.UserSet, now_ms: int, places: Any) -> None:
    user = state.users_by_number.get(record.user)
    if user is None:
        state.pieces.touch(state.system)
        state.system.next_user = record.user + 1
        user = User(record.user, record.name, record.password_hash, record.tags, state.pieces)
        state.pieces.created(user)
        state.users[user.name] = state.users_by_number[user.number] = user
    else:
        user.touch()
        user.password_hash, user.tags = record.password_hash, record.tags


def _user_deleted(state: Partition, record: records.UserDeleted, now_ms: int, places: Any) -> None:
    user = state.users_by_number.pop(record.user)
    state.pieces.dropped(user)
    del state.users[user.name]


def _permission_set(state: Partition, record: records.PermissionSet, now_ms: int, places: Any) -> None:
    user = state.users_by_number[record.user]
    user.touch()
    user.permissions[record.host] = record.permission


def _permission_cleared(state: Partition, record: records.PermissionCleared, now_ms: int, places: Any) -> None:
    user = state.users_by_number[record.user]
    user.touch()
    del user.permissions[record.host]


def _topic_permission_set(state: Partition, record: records.TopicPermissionSet, now_ms: int, places: Any) -> None:
    user = state.users_by_number[record.user]
    user.touch()
    user.topic_permissions.setdefault(record.host, {})[record.exchange] = record.permission


def _topic_permission_cleared(
    state: Partition, record: records.TopicPermissionCleared, now_ms: int, places: Any
) -> None:
    user = state.users_by_number[record.user]
    user.touch()
    of_host = user.topic_permissions[record.host]
    del of_host[record.exchange]
    if not of_host:
        del user.topic_permissions[record.host]


APPLY: dict[type[Record], Callable[[Partition, Any, int, Any], None]] = {
    records.HostDescribed: _host_described,
    records.HostDeleted: _host_deleted,
    records.UserSet: _user_set,
    records.UserDeleted: _user_deleted,
    records.PermissionSet: _permission_set,
    records.PermissionCleared: _permission_cleared,
    records.TopicPermissionSet: _topic_permission_set,
    records.TopicPermissionCleared: _topic_permission_cleared,
}
