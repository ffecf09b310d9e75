"""What may be asked of exchanges, of queues as AMQP declares them, and of consumers.

`owner` is the connection that asks and `channel` its channel: opaque, compared only. As in `commands`, every command
answers one output to its address unless it says otherwise.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from oncemq.core.commands import Command
from oncemq.core.exchanges.bindings import Binding
from oncemq.core.model import Content
from oncemq.core.policies import Policy
from oncemq.core.refusals import Refusal


class LeaseRun(msgspec.Struct, gc=False):
    """Entries that follow one another, leased to a consumer (0: got by basic.get) under tokens that do."""

    queue: int
    first_entry: int
    count: int
    first_token: int
    consumer: int


class HostCommand(Command):
    """A command on a virtual host."""

    host: str


class DeclareExchange(HostCommand):
    """Answers Done. `traits` None: only ask whether it exists."""

    exchange: str
    traits: dict[str, Any] | None
    refusal_if_new: Refusal | None = None
    """The answer where there is none yet: who asks may not make one with these traits."""


class DeleteExchange(HostCommand):
    """Answers Done, also where there is none."""

    exchange: str
    if_unused: bool


class Bind(HostCommand):
    """Answers Done."""

    binding: Binding
    owner: Any
    refusal_if_topic: Refusal | None = None
    """The answer where the source is a topic exchange: who asks may not bind with this routing key."""


class Unbind(HostCommand):
    """Answers Done, also where there is none."""

    binding: Binding
    owner: Any
    refusal_if_topic: Refusal | None = None
    """As Bind's."""


class DeclareQueue(HostCommand):
    """Answers Declared. `queue` "": the server names it. `settings` None: only ask whether it exists."""

    queue: str
    settings: dict[str, Any] | None
    owner: Any
    refusal_if_new: Refusal | None = None
    """As DeclareExchange's; also where arguments are changed."""
    changes_arguments: bool = False
    """A queue that is there gets these arguments instead of its own, where they can be changed."""


class RemoveQueue(HostCommand):
    """Answers Emptied, also where there is none."""

    queue: str
    if_unused: bool
    if_empty: bool
    owner: Any


class EmptyQueue(HostCommand):
    """Answers Emptied. Takes what is ready, not what is in flight (queue.purge)."""

    queue: str
    owner: Any


class SetPolicy(HostCommand):
    """Answers Done. It holds at once, for what is there already too."""

    policy: Policy


class ClearPolicy(HostCommand):
    """Answers Done. `operator`: of the operator's policies."""

    name: str
    operator: bool


class ListPolicies(HostCommand):
    """Answers Policies: the operator's, or the others."""

    operator: bool


class ConfigurePolicies(Command):
    """Answers nothing. Virtual host → its policies in the configuration file: each is valid, others of the file are
    cleared. Those for a virtual host that is not there are passed over.
    """

    policies: dict[str, list[Policy]]


def copies(headers: Mapping[str, Any], name: str) -> list[str]:
    """The further routing keys that a header names (CC or BCC)."""
    found = headers.get(name)
    return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []


class Run(msgspec.Struct):
    """Messages published one after another in the same way. `keys` are the routing key, then those of CC and BCC."""

    exchange: str
    keys: list[str]
    headers: dict[str, Any]
    contents: list[Content]
    priority: int = 0
    expiration_ms: int | None = None
    mandatory: bool = False
    group: str | None = None
    """Message group: one after another in a FIFO queue, in turn with others elsewhere."""
    persistent: bool = True
    """Whether it is to outlive the server (delivery mode 2)."""
    deduplication: bytes | None = None
    """Deduplication id, for the queues that look at it."""
    deduplication_window_ms: int | None = None
    """How long it is to be remembered; None: as long as the queue says."""
    refusal_if_topic: Refusal | None = None
    """The outcome where the exchange is a topic exchange: who asks may not publish with these keys."""


class CheckRuns(HostCommand):
    """Answers Done, or what would refuse to publish them: asked while a transaction gathers them."""

    runs: list[Run]


class Publish(HostCommand):
    """Answers PublishedRuns: an outcome for each run."""

    runs: list[Run]


class Consume(HostCommand):
    """Answers Consuming, and from then on Deliveries come to `channel`. `limit` 0: none."""

    queue: str
    channel: Any
    tag: str
    limit: int
    no_ack: bool
    exclusive: bool
    priority: int
    owner: Any
    lease_ms: int = 0
    """How long it may hold a message; 0: as long as the channel lives."""
    follows_limit: bool = False
    """Whether LimitConsumers changes its limit."""


class LimitConsumers(HostCommand):
    """Answers Done. The channel's consumers that follow it hold at most `limit` unsettled messages each from now on; 0:
    any number. What they hold beyond it they keep.
    """

    channel: Any
    limit: int


class ExtendLeases(HostCommand):
    """Answers nothing. What consumers hold for a time, they may hold for that time from now on."""

    held: list[LeaseRun]


class AwaitReplies(HostCommand):
    """Answers Done if it has an address; from then on Replies come to `channel` for what is published to `name`.

    `tag` None: no more.
    """

    name: str
    channel: Any
    tag: str | None


class Cancel(HostCommand):
    """Answers Done. What the consumer holds it may still settle."""

    consumer: int


class LimitChannel(HostCommand):
    """Answers Done. At most `limit` unsettled messages on the whole channel; 0: any number."""

    channel: Any
    limit: int


class GrantRoom(HostCommand):
    """Answers nothing. The connection has written so many bytes of what its consumers were sent. `held`: its peer does
    not read, so they are sent nothing more for now.
    """

    owner: Any
    room_bytes: int
    held: bool = False


class Get(HostCommand):
    """Answers Got."""

    queue: str
    no_ack: bool
    owner: Any


ACK, REQUEUE, REJECT = range(3)


class Settle(HostCommand):
    """Answers nothing."""

    held: list[LeaseRun]
    outcome: int


class Transact(HostCommand):
    """Answers TransactionDone: all of these (Publish and Settle) in one batch."""

    commands: list[Publish | Settle]


class CloseChannel(HostCommand):
    """Answers Done if it has an address. Its consumers end, what it holds goes back, each to its place."""

    channel: Any
    held: list[LeaseRun]
    failed: bool
    """Whether the leases count as failures: the channel was lost."""


class CloseConnection(HostCommand):
    """Answers Done if it has an address. Exclusive queues of `owner` go."""

    owner: Any
