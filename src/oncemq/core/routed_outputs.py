"""What is answered to `routed_commands`."""

import msgspec

from oncemq.core.model import Afterlife, Content
from oncemq.core.outputs import Output, ReceivedMessage
from oncemq.core.policies import Policy
from oncemq.core.refusals import Refusal


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
    """To a channel: messages for one of its consumers. `host` is where leases go back if this cannot be written."""

    host: str
    consumer: int
    tag: str
    messages: list[RoutedMessage]


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
