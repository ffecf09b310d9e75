"""One turn of the machine: what the decisions of one batch share."""

from collections.abc import Sequence
from typing import Any, Protocol

from oncemq.core.apply import APPLY, NOWHERE, Places
from oncemq.core.commands import QueueCommand
from oncemq.core.host import Host, Partition
from oncemq.core.model import TRANSIENT, Content
from oncemq.core.outputs import Output
from oncemq.core.queue import Queue
from oncemq.core.records import Record
from oncemq.core.refusals import Refusal

Addressed = tuple[Any, Output | Refusal]


class Log(Protocol):
    """Takes records in their order into the batch that gathers, and says where their contents will be kept."""

    def write(self, record: Record) -> Places | None:
        """Places for a Published or Rewritten record, None for any other."""

    def content(self, position: int, length_bytes: int) -> Content:
        """A stored content. It never changes, so a decision may rest on it."""


class Turn:
    """The state, the time of the batch, and where records and outputs go."""

    __slots__ = ("log", "now_ms", "outputs", "state", "woken")

    def __init__(self, state: Partition, now_ms: int, log: Log, outputs: list[Addressed]) -> None:
        self.state, self.now_ms, self.log, self.outputs = state, now_ms, log, outputs
        self.woken: dict[Queue, Host] = {}
        """Queues in which something may now be delivered, or is too much: see `decide.waking`."""

    def emit(self, record: Record) -> None:
        """It happened: into the batch, and into the state."""
        APPLY[type(record)](self.state, record, self.now_ms, self.log.write(record) or NOWHERE)

    def emit_transient(self, record: Record, places: Places = NOWHERE) -> None:
        """It happened to what lives no longer than the server: into the state alone."""
        APPLY[type(record)](self.state, record, self.now_ms, places)

    def content(self, host: Host, message: int) -> Content:
        """The content of a held message."""
        position, length_bytes = host.messages.place(message)
        if message >= TRANSIENT:
            return host.contents.content(position, length_bytes)
        return self.log.content(position, length_bytes)

    def wake(self, host: Host, queue: Queue) -> None:
        """Look after the command whether this queue has something for those who wait on it."""
        self.woken[queue] = host

    def answer(self, address: Any, output: Output | Refusal) -> None:
        """To be released when this batch is durable."""
        self.outputs.append((address, output))

    def find(self, command: QueueCommand) -> tuple[Host, Queue] | None:
        """The queue that the command names; None: it does not exist."""
        host = self.state.hosts.get(command.host)
        if host is None:
            return None
        queue = host.queues.get(command.queue)
        return None if queue is None else (host, queue)

    def queues(self, host: str) -> Sequence[Queue]:
        """All queues of a virtual host, which need not exist, in order of name."""
        found = self.state.hosts.get(host)
        return [] if found is None else [found.queues[name] for name in sorted(found.queues)]
