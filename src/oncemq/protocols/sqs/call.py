"""One request under way: who asks, from where, and what its addresses mean."""

from collections.abc import Callable

from oncemq.core.commands import Command
from oncemq.core.outputs import Output
from oncemq.protocols.sqs.errors import missing_parameter
from oncemq.protocols.sqs.handles import HostIdentity, Identity
from oncemq.protocols.sqs.responses import Response
from oncemq.protocols.sqs.urls import Addresses, Place, QueuePlace

Answer = Callable[[Output], Response]
"""Makes the response of a core's output; a refusal of the whole command never comes here."""

Asked = tuple[Command, Answer] | Response
"""A command and how to answer it, or at once the response of a request that needs no command."""


class Call:
    """The circumstances of one request. `caller` is the account that policies apply to, None where none do."""

    __slots__ = ("account", "addresses", "base_url", "caller", "identity", "region")

    def __init__(
        self, addresses: Addresses, identity: Identity, account: str, region: str, caller: str | None, base_url: str
    ) -> None:
        self.addresses = addresses
        self.identity = identity
        self.account = account
        self.region = region
        self.caller = caller
        self.base_url = base_url

    def own_place(self) -> Place:
        """Where the caller's own queues are."""
        return self.addresses.place(self.account, self.region)

    def queue(self, url: str | None) -> QueuePlace:
        """The queue of a QueueUrl. Rejected: MissingParameter, InvalidAddress, QueueDoesNotExist."""
        if not url:
            raise missing_parameter("QueueUrl")
        return self.addresses.queue(url, self.region)

    def ids(self, place: Place) -> HostIdentity:
        """Identifiers of the virtual host at `place`."""
        return self.identity.of_host(place.host)

    def queue_url(self, place: Place, queue: str) -> str:
        """The queue URL that this caller can use."""
        return f"{self.base_url}/{place.account}/{queue}"
