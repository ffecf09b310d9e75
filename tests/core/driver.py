"""Drives the machine without an engine: a log in memory, a clock that is turned by hand, answers by asker.

Each command is a batch of its own; the batches are kept as journal bytes. `check` holds the state against them:
replayed into a fresh machine, and loaded from pieces, it must be the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from oncemq.core import commands, snapshot
from oncemq.core.apply import NOWHERE
from oncemq.core.host import Host, Partition
from oncemq.core.limits import TIMER_BUCKET_MS
from oncemq.core.machine import Machine
from oncemq.core.messages import SEGMENT_SHIFT
from oncemq.core.model import TRANSIENT, Block, Content
from oncemq.core.outputs import Output, Received, ReceivedMessage, Results, Sent, SentMessage
from oncemq.core.queue import Queue
from oncemq.core.refusals import Refusal
from oncemq.core.turn import Addressed
from oncemq.journal.codec import decode_payload
from oncemq.journal.gathering import Gathering
from tests.core.counting import wrong_counts

START_MS = 1_700_000_000_000 // TIMER_BUCKET_MS * TIMER_BUCKET_MS
IDENTITY_KEY = bytes(range(32))
BATCHES_PER_SEGMENT = 20
BATCH_BYTES = 1 << 20
NEXT_ENTRY = 4
"""Among the fields of a queue in a checkpoint."""


class Batch(NamedTuple):
    """One batch of the journal."""

    payload: bytes
    now_ms: int
    position: int


class Checkpoint(NamedTuple):
    """A published checkpoint: the pieces as after that many batches."""

    pieces: dict[bytes, bytes]
    batches: int


def pieces_of(state: Partition) -> dict[bytes, bytes]:
    """The whole state as bytes."""
    return {piece.key: snapshot.encode_piece(piece) for piece in snapshot.all_pieces(state)}


def durable_part(state: Partition) -> dict[bytes, Any]:
    """The state without transient messages and the places that they had: of a block only its rows."""
    part: dict[bytes, Any] = {}
    for piece in snapshot.all_pieces(state):
        if isinstance(piece, Block):
            part.update((piece.key + index.to_bytes(4, "big"), row) for index, row in durable_rows(piece))
        elif isinstance(piece, Queue):
            fields = msgspec.msgpack.decode(snapshot.encode_piece(piece))
            part[piece.key] = [each for number, each in enumerate(fields) if number != NEXT_ENTRY]
        else:
            part[piece.key] = snapshot.encode_piece(piece)
    return part


def durable_rows(block: Block) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Index and columns of each entry that is not gone and not transient."""
    columns = [getattr(block, name) for name in ("state", *snapshot.BLOCK_COLUMNS, *snapshot.OPTIONAL_COLUMNS)]
    for index, message in enumerate(block.message):
        if block.state[index] and message < TRANSIENT:
            yield index, tuple(0 if column is None else column[index] for column in columns)


def message(body: bytes | str = b"x", **fields: Any) -> commands.NewMessage:
    """A message to send, from the fields that matter."""
    body = body.encode() if isinstance(body, str) else body
    return commands.NewMessage(Content(0, b"", body), len(body), **fields)


class Driver:
    """One machine, its journal and its askers."""

    def __init__(self, *, start: bool = True) -> None:
        self.machine = Machine()
        self.now_ms = START_MS
        self.batches: list[Batch] = []
        self.answers: dict[Any, Output | Refusal] = {}
        """Asker → its answer, once it came."""
        self.channels: dict[Any, list[Output | Refusal]] = {}
        """Address of a channel → what was sent to its consumers. One that is not in here takes no deliveries."""
        self.contents: dict[int, Content] = {}
        self.bodies: dict[int, bytes] = {}
        """Position → body."""
        self.askers = 0
        self.checkpoint: Checkpoint | None = None
        self.transient = False
        """Whether transient messages were published."""
        self._keys: list[bytes] = []
        self._gathered: dict[bytes, bytes] = {}
        self._expected: dict[bytes, bytes] = {}
        self._begun_after: int | None = None
        if start:
            self.ask(commands.StartServer(IDENTITY_KEY))

    # Asking -----------------------------------------------------------------------------------------------------

    def ask(self, command: commands.Command) -> Any:
        """Decide a command for a new asker; its answer, or None if it has none yet."""
        return self.answers.get(self.ask_later(command))

    def ask_later(self, command: commands.Command) -> int:
        """The same; returns the asker, whose answer comes into `answers`."""
        self.askers += 1
        number = len(self.batches)
        segment, place = divmod(number, BATCHES_PER_SEGMENT)
        gathering = Gathering(segment << SEGMENT_SHIFT | (place + 1) * BATCH_BYTES, self._stored)
        outputs: list[Addressed] = []
        self.machine.decide(command, self.askers, self.now_ms, gathering, outputs)
        if gathering.parts:
            self.batches.append(Batch(b"".join(gathering.parts), self.now_ms, gathering.position))
        self.contents.update(gathering.contents)
        self.bodies.update((position, content.body) for position, content in gathering.contents.items())
        for address, output in outputs:
            if address in self.channels:
                self.channels[address].append(output)
            elif address is not None:
                assert address not in self.answers, "one asker, one answer"
                self.answers[address] = output
        return self.askers

    def _stored(self, position: int, length_bytes: int) -> Content:
        return self.contents[position]

    def advance(self, milliseconds: int) -> None:
        """Turn the clock and let happen what is due."""
        self.now_ms += milliseconds
        self.tick()

    def tick(self) -> None:
        """Tick until nothing is due."""
        while (due_ms := self.machine.next_due_ms()) is not None and due_ms <= self.now_ms:
            self.ask(commands.Tick())

    # Shorter words for what is asked most -----------------------------------------------------------------------

    def create(self, queue: str = "q", **settings: Any) -> Any:
        """CreateQueue."""
        return self.ask(commands.CreateQueue("/", queue, None, settings, {}))

    def change(self, queue: str, **settings: Any) -> Any:
        """SetQueueAttributes."""
        return self.ask(commands.ChangeQueue("/", queue, None, settings))

    def send_all(self, queue: str, messages: list[commands.NewMessage]) -> list[SentMessage | Refusal]:
        """SendMessages; the results."""
        answer = self.ask(commands.SendMessages("/", queue, None, messages))
        assert isinstance(answer, Sent), answer
        return answer.results

    def send(self, queue: str = "q", body: bytes | str = b"x", **fields: Any) -> int:
        """Send one message, which must be taken; its number."""
        (result,) = self.send_all(queue, [message(body, **fields)])
        assert isinstance(result, SentMessage), result
        return result.message

    def receive(
        self, queue: str = "q", maximum: int = 10, visibility_ms: int | None = None, attempt: bytes | None = None
    ) -> list[ReceivedMessage]:
        """Receive without waiting; must be answered."""
        answer = self.ask(commands.ReceiveMessages("/", queue, None, maximum, visibility_ms, 0, attempt))
        assert isinstance(answer, Received), answer
        return answer.messages

    def receive_bodies(self, queue: str = "q", maximum: int = 10, visibility_ms: int | None = None) -> list[str]:
        """Receive, and only look at the bodies."""
        return [self.body(each) for each in self.receive(queue, maximum, visibility_ms)]

    def wait(self, queue: str = "q", wait_ms: int = 20_000, maximum: int = 10, visibility_ms: int | None = None) -> int:
        """A receive that waits; its asker."""
        return self.ask_later(commands.ReceiveMessages("/", queue, None, maximum, visibility_ms, wait_ms))

    def waited(self, asker: int) -> list[str] | None:
        """The bodies that a waiting receive was answered with; None: it still waits."""
        answer = self.answers.get(asker)
        if answer is None:
            return None
        assert isinstance(answer, Received), answer
        return [self.body(each) for each in answer.messages]

    def delete(self, queue: str, *leases: commands.Lease) -> list[Refusal | None]:
        """DeleteMessages; the results."""
        answer = self.ask(commands.DeleteMessages("/", queue, None, list(leases)))
        assert isinstance(answer, Results), answer
        return answer.results

    def change_visibility(self, queue: str, lease: commands.Lease, timeout_ms: int) -> Refusal | None:
        """ChangeVisibility of one lease; its result."""
        answer = self.ask(commands.ChangeVisibility("/", queue, None, [lease], [timeout_ms]))
        assert isinstance(answer, Results), answer
        return answer.results[0]

    def body(self, received: ReceivedMessage) -> str:
        """The body of a received message, from where the journal keeps it."""
        if received.content is not None:
            return received.content.body.decode()
        return self.bodies[received.position].decode()

    def host(self, name: str = "/") -> Host:
        """A virtual host's state."""
        return self.machine.state.hosts[name]

    def queue(self, name: str = "q") -> Queue:
        """A queue's state."""
        return self.host().queues[name]

    def counts(self, name: str = "q") -> tuple[int, int, int]:
        """How many are ready, leased and delayed."""
        queue = self.queue(name)
        return queue.ready, queue.leased, queue.delayed

    # Holding the state against its journal ----------------------------------------------------------------------

    def check(self) -> None:
        """The state is what its journal and its pieces say, and its counts are those of its columns.

        Byte for byte, if no transient message ever took a place; else by what is in those places.
        """
        view = durable_part if self.transient else pieces_of
        assert wrong_counts(self.machine.state) == []
        live = pieces_of(self.machine.state)
        expected = view(self.machine.state)
        assert view(replayed(Machine(), self.batches).state) == expected
        loaded = Machine()
        snapshot.load(loaded.state, reversed(live.items()))
        assert view(loaded.state) == expected
        assert wrong_counts(loaded.state, timers=False) == []
        if self.checkpoint is not None:
            recovered = self.recovered()
            assert view(recovered.state) == expected
            assert wrong_counts(recovered.state) == []

    def begin_checkpoint(self) -> None:
        """A checkpoint of the state as it stands now; the state may go on changing."""
        state = self.machine.state
        self._expected = pieces_of(state)
        self._keys = [piece.key for piece in snapshot.all_pieces(state)]
        self._begun_after = len(self.batches)
        self._gathered = {}
        state.pieces.begin()

    def gather(self, maximum: int = 8) -> None:
        """Go on with the checkpoint."""
        for key, data in self.machine.state.pieces.gather(maximum):
            assert key not in self._gathered, "a piece is written once a checkpoint"
            self._gathered[key] = data

    @property
    def checkpoint_under_way(self) -> bool:
        """Between begin and publish."""
        return self._begun_after is not None

    def publish_checkpoint(self) -> None:
        """Gather what is left; what was not gathered is kept from the checkpoint before, as the engine does it."""
        while not self.machine.state.pieces.complete:
            self.gather()
        assert self._begun_after is not None
        before = self.checkpoint.pieces if self.checkpoint is not None else {}
        kept = {key: before[key] for key in self._keys if key not in self._gathered}
        published = {**kept, **self._gathered}
        assert published == self._expected, "a checkpoint is the state as it stood when it began"
        self.checkpoint = Checkpoint(published, self._begun_after)
        self._begun_after = None

    def recovered(self) -> Machine:
        """The machine that a server started now would have."""
        machine = Machine()
        checkpoint = self.checkpoint or Checkpoint({}, 0)
        if checkpoint.pieces:
            snapshot.load(machine.state, checkpoint.pieces.items())
        replayed(machine, self.batches[checkpoint.batches :])
        machine.recovered(self.now_ms)
        return machine

    def restart(self) -> None:
        """Kill the server and start it again: who waited is gone, all else is as it was."""
        if self.checkpoint_under_way:
            self._begun_after = None
        self.machine = self.recovered()
        self.ask(commands.StartServer(b"another key, not used"))
        self.tick()


def replayed(machine: Machine, batches: list[Batch]) -> Machine:
    """The machine, with these batches applied."""
    for batch in batches:
        for record, places in decode_payload(batch.payload, batch.position):
            machine.replay(record, batch.now_ms, places or NOWHERE)
    return machine
