"""A user: who may log in, with which tags, and what it may do in which virtual host.

Patterns are regular expressions in Python's syntax, searched for in a name (`^` and `$` bind them); an empty one
matches the empty name only, as in RabbitMQ.
"""

import msgspec

from oncemq.core.model import Piece
from oncemq.core.pieces import USER, Pieces, key_of


class Permission(msgspec.Struct, frozen=True, array_like=True):
    """What a user may do in a virtual host: patterns for names of queues and exchanges."""

    configure: str
    write: str
    read: str


class TopicPermission(msgspec.Struct, frozen=True, array_like=True):
    """Patterns for routing keys of one topic exchange: published with (`write`), bound with (`read`)."""

    write: str
    read: str


class User(Piece):
    """One user. As a piece it is all of this."""

    __slots__ = ("name", "number", "password_hash", "permissions", "pieces", "tags", "topic_permissions")

    def __init__(self, number: int, name: str, password_hash: str, tags: list[str], pieces: Pieces) -> None:
        super().__init__(key_of(USER, 0, 0, number))
        self.number, self.name, self.pieces = number, name, pieces
        self.password_hash = password_hash
        """As `protocols.passwords` makes it; empty: no password lets the user in."""
        self.tags = tags
        """In order of name."""
        self.permissions: dict[int, Permission] = {}
        """By virtual host."""
        self.topic_permissions: dict[int, dict[str, TopicPermission]] = {}
        """By virtual host, then by exchange."""

    def touch(self) -> None:
        """The user is about to change."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)

    def forget_host(self, host: int) -> None:
        """The virtual host is no more."""
        if host in self.permissions or host in self.topic_permissions:
            self.touch()
            self.permissions.pop(host, None)
            self.topic_permissions.pop(host, None)
