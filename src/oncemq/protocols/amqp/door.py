"""The AMQP door: one per server; makes the protocol's side of each connection."""

import msgspec

from oncemq.core.host import DEFAULT_HOST
from oncemq.protocols.amqp.connection import AmqpConnection

DEFAULT_USER = "guest"


class Users(msgspec.Struct, frozen=True):
    """Who may log in: name → password. guest/guest is valid besides, for loopback peers only, unless it is named."""

    passwords: dict[str, str] = {}

    def valid(self, user: str, password: str, peer_is_loopback: bool) -> bool:
        """Whether this is the user's password."""
        known = self.passwords.get(user)
        if known is None:
            return peer_is_loopback and (user, password) == (DEFAULT_USER, DEFAULT_USER)
        return known == password


class AmqpDoor:
    """`product` and `version` are what clients read to know what they may ask: kombu uses RabbitMQ's channel-wide
    prefetch from 3.3 to below 4.0.
    """

    def __init__(self, users: Users, product: str = "RabbitMQ", version: str = "3.13.7", heartbeat_seconds: int = 60):
        self.users = users
        self.reply_secret = ""
        """In all names for direct replies: nobody guesses them, nor are they another server's."""
        self._reply_names = 0
        self.product, self.version = product, version
        self.heartbeat_seconds = heartbeat_seconds

    def connection(self, peer_is_loopback: bool) -> AmqpConnection:
        """For a new connection."""
        return AmqpConnection(self, peer_is_loopback)

    def new_reply_name(self) -> str:
        """For a channel that waits for direct replies."""
        self._reply_names += 1
        return f"{self.reply_secret}.{self._reply_names}"

    def host_of(self, virtual_host: str) -> str | None:
        """The core's virtual host of that name; None: there is none."""
        return DEFAULT_HOST if virtual_host in ("", DEFAULT_HOST) else None
