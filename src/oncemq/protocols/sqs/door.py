"""The SQS door of one server: what its connections share. No clock, no socket."""

from email.utils import formatdate

from oncemq.protocols.sqs.access import DEFAULT_ACCOUNT, Access
from oncemq.protocols.sqs.authentication import Authentication
from oncemq.protocols.sqs.connection import SqsConnection
from oncemq.protocols.sqs.handles import Identity
from oncemq.protocols.sqs.urls import Addresses

DEFAULT_REGION = "us-east-1"


class SqsDoor:
    """Makes connections that speak SQS.

    `identity_key` (32 bytes, kept in the journal) makes MessageIds and handles; `default_authority` (host and port)
    stands in queue URLs for callers that send no usable Host header.
    """

    def __init__(
        self,
        access: Access,
        identity_key: bytes,
        default_region: str = DEFAULT_REGION,
        default_account: str = DEFAULT_ACCOUNT,
        tls: bool = False,
        default_authority: str = "localhost:9324",
    ) -> None:
        self.identity = Identity(identity_key)
        self.addresses = Addresses(default_account, default_region, "https" if tls else "http", default_authority)
        self.authentication = Authentication(access, default_region)
        self._requests = 0
        self._second = -1
        self._before_count = b""
        self._after_count = b""

    def connection(self, peer_is_loopback: bool) -> SqsConnection:
        """A new connection of a client."""
        return SqsConnection(self, peer_is_loopback)

    def stamp(self, now_ms: int) -> bytes:
        """The header lines that give the id of a new request and the date.

        An id is the second and a count: it tells requests apart in logs, and nobody needs to be unable to guess it.
        """
        second = now_ms // 1_000
        if second != self._second:
            self._second = second
            self._before_count = b"x-amzn-RequestId: %08x-%04x-4000-8000-" % (
                second & 0xFFFFFFFF,
                second >> 32 & 0xFFFF,
            )
            self._after_count = b"\r\nDate: " + formatdate(second, usegmt=True).encode("ascii") + b"\r\n"
        self._requests += 1
        return b"%b%012x%b" % (self._before_count, self._requests & 0xFFFFFFFFFFFF, self._after_count)
