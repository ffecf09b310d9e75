"""The AMQP door: one per server; makes the protocol's side of each connection."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

from oncemq.core.host import DEFAULT_HOST
from oncemq.core.system_outputs import Granted
from oncemq.protocols.amqp.access import Access
from oncemq.protocols.amqp.certificates import Certificate, user_of
from oncemq.protocols.amqp.connection import AmqpConnection
from oncemq.protocols.passwords import Passwords

NAME_BYTES = 16
ACCESSES_SHARED = 1_000
"""Users in virtual hosts whose connections share what was found out; when there are more, all are forgotten."""


class AmqpDoor:
    """`secret` (32 random bytes) is in all names that the server makes: nobody guesses them, nor are they another
    server's. `product` and `version` are what clients read to know what they may ask: kombu uses RabbitMQ's
    channel-wide prefetch from 3.3 to below 4.0.
    """

    def __init__(
        self,
        passwords: Passwords,
        secret: bytes,
        *,
        default_place: str = "",
        loopback_users: Sequence[str] = (),
        login_from: str | None = None,
        product: str = "RabbitMQ",
        version: str = "3.13.7",
        heartbeat_seconds: int = 60,
    ) -> None:
        self.passwords = passwords
        self._secret, self._names = secret, 0
        self.default_place = default_place
        """The account and region that the SQS door knows as the default virtual host."""
        self.loopback_users = frozenset(loopback_users)
        """Who may log in from this machine only."""
        self.login_from = login_from
        """How certificates name their users; None: clients are not asked for one."""
        self._accesses: dict[tuple[str, str], tuple[Granted, Access]] = {}
        self.product, self.version = product, version
        self.heartbeat_seconds = heartbeat_seconds

    def connection(self, peer_is_loopback: bool, certificate: Certificate | None = None) -> AmqpConnection:
        """For a new connection. `certificate` is what the client has shown (maybe nothing); None: without TLS."""
        takes = certificate is not None and self.login_from is not None
        user = user_of(certificate, self.login_from) if takes and certificate and self.login_from else ""
        return AmqpConnection(self, peer_is_loopback, user if takes else None)

    def access(self, user: str, host: str, granted: Granted) -> Access:
        """What the user may do there; the same for all its connections that were told the same."""
        shared = self._accesses.get((user, host))
        if shared is None or shared[0] != granted:
            if len(self._accesses) >= ACCESSES_SHARED:
                self._accesses.clear()
            shared = self._accesses[user, host] = (granted, Access(user, host, granted))
        return shared[1]

    def _new_name(self) -> str:
        self._names += 1
        made = blake2b(self._names.to_bytes(8, "big"), key=self._secret, digest_size=NAME_BYTES).digest()
        return urlsafe_b64encode(made).decode().rstrip("=")

    def new_reply_name(self) -> str:
        """For a channel that waits for direct replies."""
        return self._new_name()

    def new_queue_name(self) -> str:
        """For a queue that is declared without one."""
        return f"amq.gen-{self._new_name()}"

    def host_of(self, virtual_host: str) -> str:
        """The core's name of a virtual host; whether there is one only the core knows."""
        return DEFAULT_HOST if virtual_host in ("", self.default_place) else virtual_host
