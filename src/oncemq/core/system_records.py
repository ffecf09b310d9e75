"""What happened in the `system` core. HostCreated and IdentitySet stand in `records`.

Users and virtual hosts go by their numbers, which are never used twice.
"""

from oncemq.core.records import HostRecord, Record
from oncemq.core.user import Permission, TopicPermission


class HostDescribed(HostRecord, array_like=True):
    description: str
    tags: list[str]


class HostDeleted(HostRecord, array_like=True):
    """With all that is in it, and all permissions in it."""


class UserSet(Record, array_like=True):
    """A new user, or what changed of it."""

    user: int
    name: str
    password_hash: str
    tags: list[str]


class UserDeleted(Record, array_like=True):
    user: int


class PermissionSet(Record, array_like=True):
    user: int
    host: int
    permission: Permission


class PermissionCleared(Record, array_like=True):
    user: int
    host: int


class TopicPermissionSet(Record, array_like=True):
    user: int
    host: int
    exchange: str
    permission: TopicPermission


class TopicPermissionCleared(Record, array_like=True):
    user: int
    host: int
    exchange: str
