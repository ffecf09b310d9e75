"""What may be asked of the `system` core: virtual hosts, users, permissions, and connections to a virtual host.

As in `commands`, every command answers one output to its address, or a refusal. Setting what is as it was changes
nothing.
"""

from typing import Any

from oncemq.core.commands import Command
from oncemq.core.user import Permission, TopicPermission


class SetUser(Command):
    """Answers Done. Makes the user, or changes it; its permissions stay."""

    user: str
    password_hash: str
    tags: list[str]


class DeleteUser(Command):
    """Answers Done. Its permissions go, and who is connected under its name is told so."""

    user: str


class FindUser(Command):
    """Answers UserInfo."""

    user: str


class SetHost(Command):
    """Answers Done. Makes the virtual host, or changes what is said of it."""

    host: str
    description: str
    tags: list[str]


class DeleteHost(Command):
    """Answers Done. All that is in it goes, permissions too, and who is connected to it is told so."""

    host: str


class SetPermission(Command):
    """Answers Done."""

    user: str
    host: str
    permission: Permission


class ClearPermission(Command):
    """Answers Done, also where there is none."""

    user: str
    host: str


class SetTopicPermission(Command):
    """Answers Done. The exchange need not exist."""

    user: str
    host: str
    exchange: str
    permission: TopicPermission


class ClearTopicPermission(Command):
    """Answers Done, also where there is none. `exchange` None: all of them."""

    user: str
    host: str
    exchange: str | None


class DescribeSystem(Command):
    """Answers SystemInfo."""


class OpenConnection(Command):
    """Answers Granted. Until CloseConnection, `owner` gets Granted anew when what the user may do has changed, and
    Expelled when the user or the virtual host is no more.
    """

    host: str
    user: str
    owner: Any
