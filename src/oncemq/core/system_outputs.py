"""What is answered to `system_commands`."""

from oncemq.core.outputs import Output
from oncemq.core.user import Permission, TopicPermission


class UserInfo(Output):
    """A user as it stands."""

    name: str
    password_hash: str
    tags: list[str]


class HostInfo(Output):
    """A virtual host."""

    name: str
    description: str
    tags: list[str]


class SystemInfo(Output):
    """Users, virtual hosts, permissions as (user, host, permission), topic permissions as (user, host, exchange,
    permission); each in the order in which they were made.
    """

    users: list[UserInfo]
    hosts: list[HostInfo]
    permissions: list[tuple[str, str, Permission]]
    topic_permissions: list[tuple[str, str, str, TopicPermission]]


class Granted(Output):
    """What the user of a connection may do from now on. `permission` None: nothing more."""

    tags: list[str]
    permission: Permission | None
    topics: dict[str, TopicPermission]
    """By exchange. One that is not named: any routing key."""


class Expelled(Output):
    """The `what` (user or vhost) of that name that the connection belongs to is no more."""

    what: str
    name: str
