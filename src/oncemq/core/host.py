"""A virtual host: its queues, messages, counters. A partition: the virtual hosts of one journal, and its users."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from oncemq.core.consumer import Channel, Consumer, Outlet
from oncemq.core.exchange import Exchange
from oncemq.core.messages import Messages
from oncemq.core.model import TRANSIENT_QUEUE, Content, MoveTask, Parked, Piece
from oncemq.core.pieces import HOST, SYSTEM, Pieces, key_of
from oncemq.core.policies import Policy
from oncemq.core.queue import Queue
from oncemq.core.refusals import MemoryShort
from oncemq.core.timers import Timers
from oncemq.core.transient import Contents, TransientMessages, Unwritten, first_number
from oncemq.core.user import User

DEFAULT_HOST = "/"
DEFAULT_ACCOUNT = "000000000000"


class Host(Piece):
    """As a piece it is its counters, move tasks and policies; queues and messages are pieces of their own."""

    __slots__ = (
        "account",
        "channels",
        "consumers",
        "contents",
        "deleted_ms",
        "description",
        "exchanges",
        "exchanges_by_number",
        "messages",
        "name",
        "next_consumer",
        "next_exchange",
        "next_parked",
        "next_queue",
        "next_task",
        "next_token",
        "next_transient_exchange",
        "next_transient_queue",
        "next_transient_task",
        "next_transient_token",
        "number",
        "operator_policies",
        "outlets",
        "parked_at",
        "pieces",
        "policies",
        "queues",
        "queues_by_number",
        "replies",
        "reply_names",
        "tags",
        "tasks",
    )

    def __init__(self, number: int, name: str, pieces: Pieces, contents: Contents) -> None:
        super().__init__(key_of(HOST, number))
        self.number, self.name, self.pieces = number, name, pieces
        self.account = DEFAULT_ACCOUNT if name == DEFAULT_HOST else name.split("/")[0]
        self.description = ""
        self.tags: list[str] = []
        self.queues: dict[str, Queue] = {}
        self.queues_by_number: dict[int, Queue] = {}
        self.contents = contents
        """Of transient messages."""
        self.messages = Messages(number, pieces, TransientMessages(number, contents))
        self.next_queue = 1
        self.next_token = 1
        self.next_transient_queue = self.next_transient_exchange = self.next_transient_task = TRANSIENT_QUEUE | 1
        self.next_transient_token = 0
        """As the message table's next transient number: set by `started`."""
        self.next_task = 1
        self.exchanges: dict[str, Exchange] = {}
        self.exchanges_by_number: dict[int, Exchange] = {}
        self.next_exchange = 1
        self.policies: dict[str, Policy] = {}
        self.operator_policies: dict[str, Policy] = {}
        self.channels: dict[object, Channel] = {}
        """By address. Not durable."""
        self.consumers: dict[int, Consumer] = {}
        """By number, those too that have ended and hold unsettled messages yet. Not durable."""
        self.next_consumer = 1
        self.outlets: dict[object, Outlet] = {}
        """Connection → what its consumers share. Not durable."""
        self.tasks: dict[int, MoveTask] = {}
        self.deleted_ms: dict[str, int] = {}
        """Names of queues deleted within the last minute, and when."""
        self.replies: dict[str, tuple[object, str]] = {}
        """Name for direct replies → the channel that waits for them, and its consumer's tag. Not durable."""
        self.reply_names: dict[object, str] = {}
        self.next_parked = 1
        self.parked_at: dict[object, Parked] = {}
        """Asker → its waiting receive. Not durable."""

    def started(self, starts: int, first_transient: int = 0) -> None:
        """The server has started that many times: what is transient gets numbers that were never given out."""
        first = max(first_number(starts), first_transient)
        self.next_transient_token = self.messages.transient.next = first

    def forget(self, consumer: Consumer) -> None:
        """It gets nothing more. What it holds counts on its channel until it is settled."""
        del consumer.channel.consumers[consumer.number]
        if consumer.unsettled:
            consumer.channel.ended[consumer.number] = consumer
        else:
            del self.consumers[consumer.number]

    def all_pieces(self) -> Iterator[Piece]:
        """Itself and all that is in it, in the order in which they load."""
        yield self
        yield from (exchange for exchange in self.exchanges.values() if exchange.number < TRANSIENT_QUEUE)
        yield from self.messages.blocks.values()
        for queue in self.queues.values():
            if queue.transient:
                continue
            yield queue
            yield from queue.blocks.values()
            yield from queue.deduplication.generations

    def touch(self) -> None:
        """The host itself is about to change."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)


class System(Piece):
    """The `system` core: what belongs to no virtual host."""

    __slots__ = (
        "connections",
        "first_consumer",
        "first_message",
        "first_queue",
        "first_transient",
        "identity_key",
        "next_host",
        "next_user",
        "starts",
    )

    def __init__(self) -> None:
        super().__init__(key_of(SYSTEM))
        self.identity_key = b""
        """Under this key numbers become MessageIds and receipt handles."""
        self.next_host = 1
        self.next_user = 1
        self.first_queue = self.first_message = 1
        """What a new virtual host counts from: above what one that is deleted has given out."""
        self.first_consumer = 1
        self.first_transient = 0
        """The same. Not durable."""
        self.connections: dict[Any, tuple[int, int]] = {}
        """Owner → numbers of its user and of its virtual host. Not durable."""
        self.starts = 0
        """How often the server has started."""


def _no_headers(content: Content) -> Mapping[str, Any]:
    return {}


class Partition:
    """All that one journal holds."""

    def __init__(self, pieces: Pieces, contents: Contents) -> None:
        self.pieces = pieces
        self.contents = contents
        """Of transient messages."""
        self.unwritten = Unwritten()
        """The pieces of transient queues and exchanges."""
        self.system = System()
        pieces.created(self.system)
        self.hosts: dict[str, Host] = {}
        self.hosts_by_number: dict[int, Host] = {}
        self.users: dict[str, User] = {}
        self.users_by_number: dict[int, User] = {}
        self.timers = Timers()
        self.name_reuse_wait_ms = 0
        """How long the name of a deleted queue stays taken. A setting of the server, not durable."""
        self.headers_of: Callable[[Content], Mapping[str, Any]] = _no_headers
        """How the headers of a stored message are read, by whom it came from. Not durable."""
        self.short_of_memory: MemoryShort | None = None
        """What sends are told, while memory is short. Not durable."""
        self.nearly_full = False
        self.free_bytes = 0
        """Free space as last reported, while `nearly_full`. Not durable."""

    def live_in_segment(self, segment: int) -> bool:
        """Whether a message that somebody holds is stored in this segment of the journal."""
        return any(segment in host.messages.live_in_segment for host in self.hosts.values())
