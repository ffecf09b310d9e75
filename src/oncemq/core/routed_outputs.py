"""What is answered to `routed_commands`."""

from collections.abc import Sequence

import msgspec

from oncemq.core.content import StoredRun
from oncemq.core.model import Afterlife, Content
from oncemq.core.outputs import Output, ReceivedMessage
from oncemq.core.policies import Policy
from oncemq.core.refusals import Refusal
from oncemq.core.routed_commands import LeaseRun


class Declared(Output):
    """A queue as it was found or made."""

    queue: str
    ready: int
    consumers: int


class Emptied(Output):
    """So many messages went."""

    messages: int


ROUTED, UNROUTED, REJECTED = range(3)
"""What became of a run: it is in a queue; nothing matched; a full queue refused it. REJECTED + n: the first n of its
messages are in a queue, the others were refused.
"""


Outcome = int | Refusal
"""One of the constants, or a Refusal that ends the channel."""


class PublishedRuns(Output):
    """One for each run, or for each message of a run whose messages went ways of their own."""

    outcomes: list[Outcome | list[Outcome]]


class Consuming(Output):
    """The consumer's number."""

    consumer: int


class RoutedMessage(msgspec.Struct, gc=False):
    """A message on its way to a consumer. `received.content` is filled in before it leaves."""

    received: ReceivedMessage
    redelivered: bool
    afterlife: Afterlife | None


class Deliveries(Output):
    """To a channel: messages for one of its consumers, as columns, in the order in which they are to be sent.

    `host` is where the leases go back if it cannot be written.
    """

    host: str
    consumer: int
    tag: str
    leases: list[LeaseRun]
    positions: Sequence[int]
    lengths: Sequence[int]
    sent_ms: Sequence[int]
    redelivered: bytes
    """1 for each that was delivered before, else 0."""
    afterlives: dict[int, Afterlife]
    """Place in the columns → what dead-lettering added."""
    contents: list[Content]
    """Those of transient messages come along; of others the engine fills in `stored` before this leaves."""
    stored: list[StoredRun] = msgspec.field(default_factory=list)


class Got(Output):
    """`message` None: the queue was empty. `ready` are left."""

    host: str
    message: RoutedMessage | None
    ready: int


class Replies(Output):
    """To a channel: what was published to its name for direct replies."""

    tag: str
    contents: list[Content]


class ConsumerCancelled(Output):
    """To a channel: the queue of this consumer is gone."""

    consumer: int
    tag: str


class Policies(Output):
    """Of a virtual host."""

    policies: list[Policy]


class TransactionDone(Output):
    """The outcomes of its publishes, in order."""

    outcomes: list[Outcome | list[Outcome]]
