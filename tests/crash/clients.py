"""Concurrent clients, a thread each, that go on over every kill: what is not answered is asked again, or forgotten."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.crash.record import MAXIMUM_RECEIVES, Fact, Record
from tests.crash.wire import URL, Unanswered, Wire

RESTART_SECONDS = 90
VISIBILITY_SECONDS = 2
HELD_SECONDS = 600
BACKLOG_MAX = 100
HELD_MAX = 6
"""Each keeps a segment from being deleted."""
SURE_SHARE = 0.6
"""A delete within this share of the lease's time is certainly in time."""
ARN = "arn:aws:sqs:us-east-1:000000000000:"
QUEUES: dict[str, dict[str, str]] = {
    "standard": {},
    "groups.fifo": {"FifoQueue": "true"},
    "held.fifo": {"FifoQueue": "true"},
    "dead": {},
    "retry": {"RedrivePolicy": f'{{"deadLetterTargetArn":"{ARN}dead","maxReceiveCount":{MAXIMUM_RECEIVES}}}'},
    "bulk": {},
}


class Gate:
    """Where the server is now. Clients wait here while it is down."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.port = self.amqp_port = 0
        self.stopping = False
        self.failure: BaseException | None = None
        self.in_flight = 0
        self.answers = 0
        self.committing = 0
        """Transactions whose commit is sent and not answered."""

    def open(self, port: int, amqp_port: int) -> None:
        self._set(port, amqp_port)

    def shut(self) -> int:
        """The server is about to be killed; how many requests it has in hand."""
        self._set(0, 0)
        return self.in_flight

    def stop(self) -> None:
        """Clients end after what they are doing."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """A client found a promise broken."""
        self.failure = self.failure or error
        self.stop()

    def wait_open(self) -> int:
        """The port of a server that serves; 0: there will be none."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.port or self.stopping, RESTART_SECONDS):
                raise AssertionError("no server for too long")
            return self.port

    def wait_stopping(self, seconds: float) -> bool:
        """Let them work for a while; whether they are to end."""
        with self.changed:
            return self.changed.wait_for(lambda: self.stopping, seconds)

    def wait_answer(self, seconds: float) -> None:
        """Until somebody has just been answered."""
        with self.changed:
            answers = self.answers
            self.changed.wait_for(lambda: self.answers > answers, seconds)

    def wait_commit(self, seconds: float) -> None:
        """Until somebody has just asked to commit a transaction."""
        with self.changed:
            self.changed.wait_for(lambda: self.committing, seconds)

    def commits(self, by: int) -> None:
        """A commit is sent, or is over."""
        with self.changed:
            self.committing += by
            self.changed.notify_all()

    def asked(self) -> None:
        with self.changed:
            self.in_flight += 1

    def answered(self, is_answer: bool) -> None:
        with self.changed:
            self.in_flight -= 1
            self.answers += is_answer
            self.changed.notify_all()

    def _set(self, port: int, amqp_port: int) -> None:
        with self.changed:
            self.port, self.amqp_port = port, amqp_port
            self.changed.notify_all()


class Client(threading.Thread):
    """Runs `turn` again and again, each time on a connection that works."""

    def __init__(self, name: str, gate: Gate, record: Record, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.gate, self.record = gate, record
        self.dice = random.Random(f"{seed} {name}")
        self.wire: Wire | None = None

    def run(self) -> None:
        try:
            while not self.gate.stopping:
                try:
                    self.turn()
                except Unanswered:
                    self.wire = None
        except BaseException as error:
            self.gate.fail(error)

    def turn(self) -> None:
        """One thing that this client does."""
        raise NotImplementedError

    def call(self, action: str, **fields: Any) -> dict[str, Any]:
        """Ask, on a new connection if need be. Raises Unanswered."""
        if self.wire is None:
            port = self.gate.wait_open()
            if not port:
                raise Unanswered
            self.wire = Wire(port)
        self.gate.asked()
        is_answer = False
        try:
            answer = self.wire.call(action, **fields)
            is_answer = True
        finally:
            self.gate.answered(is_answer)
        return answer

    def holds_back(self, queue: str) -> bool:
        """Whether there is enough in the queue: what lies there keeps segments from being deleted."""
        return self.record.backlog[queue] > BACKLOG_MAX and not self.gate.wait_stopping(0.01)

    def receive(self, queue: str, visibility: int, maximum: int = 10, wait: int = 1) -> tuple[list[Fact], list[Any]]:
        """What came, and as it came."""
        asked_at = self.record.tick()
        answer = self.call(
            "ReceiveMessage",
            QueueUrl=queue,
            MaxNumberOfMessages=maximum,
            VisibilityTimeout=visibility,
            WaitTimeSeconds=wait,
            AttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        return self.record.received(queue, messages, asked_at), messages

    def delete(self, queue: str, taken: list[tuple[Fact, str]], deadline: float) -> None:
        """Delete them; certain if it is answered before the deadline."""
        self.record.ask_delete([fact for fact, _ in taken])
        entries = [{"Id": str(at), "ReceiptHandle": handle} for at, (_, handle) in enumerate(taken)]
        answer = self.call("DeleteMessageBatch", QueueUrl=queue, Entries=entries)
        if time.monotonic() < deadline:
            done = {int(entry["Id"]) for entry in answer.get("Successful", [])}
            if len(done) != len(taken):
                raise AssertionError(f"a delete in time was refused: {answer}")
            self.record.deleted([fact for fact, _ in taken])


class StandardProducer(Client):
    """Sends, singly and in batches; what is not answered is not sent again."""

    sent = 0

    def turn(self) -> None:
        if self.holds_back("standard"):
            return
        facts = []
        for _ in range(self.dice.choice((1, 1, 4))):
            facts.append(Fact(f"{self.name}-{self.sent}", "standard"))
            self.sent += 1
        for fact in facts:
            self.record.ask_send(fact)
        if len(facts) == 1:
            answer = self.call("SendMessage", QueueUrl="standard", MessageBody=facts[0].name)
            self.record.sent(facts[0], answer["MessageId"])
            return
        entries = [{"Id": str(at), "MessageBody": fact.name} for at, fact in enumerate(facts)]
        answer = self.call("SendMessageBatch", QueueUrl="standard", Entries=entries)
        for entry in answer["Successful"]:
            self.record.sent(facts[int(entry["Id"])], entry["MessageId"])


class GroupProducer(Client):
    """Sends to FIFO groups of its own: each message again, under its id, until it is answered, then the next; and now
    and then one that was answered long ago.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sequences = [0, 0, 0]
        self.open: Fact | None = None
        self.answered: list[Fact] = []

    def turn(self) -> None:
        if self.holds_back("groups.fifo"):
            return
        fact = self.open or self._next()
        self.open = fact
        self._send(fact)
        self.open = None
        self.answered = [*self.answered[-200:], fact]

    def _next(self) -> Fact:
        if self.answered and self.dice.random() < 0.2:
            return self.dice.choice(self.answered)
        lane = self.dice.randrange(len(self.sequences))
        group, sequence = f"{self.name}-{lane}", self.sequences[lane]
        self.sequences[lane] += 1
        fact = Fact(f"{group}-{sequence}", "groups.fifo", group, sequence)
        self.record.ask_send(fact)
        return fact

    def _send(self, fact: Fact) -> None:
        answer = self.call(
            "SendMessage",
            QueueUrl="groups.fifo",
            MessageBody=fact.name,
            MessageGroupId=fact.group,
            MessageDeduplicationId=fact.name,
        )
        self.record.sent(fact, answer["MessageId"])


class Consumer(Client):
    """Receives from one queue; deletes most, and lets the rest come again."""

    def __init__(self, name: str, gate: Gate, record: Record, seed: int, queue: str) -> None:
        super().__init__(name, gate, record, seed)
        self.queue = queue

    def turn(self) -> None:
        deadline = time.monotonic() + VISIBILITY_SECONDS * SURE_SHARE
        facts, messages = self.receive(self.queue, VISIBILITY_SECONDS)
        if facts and self.dice.random() < 0.9:
            taken = [(fact, message["ReceiptHandle"]) for fact, message in zip(facts, messages, strict=True)]
            keep = self.dice.choice((len(taken), len(taken), len(taken), 1))  # from the front: groups allow no gaps
            self.delete(self.queue, taken[:keep], deadline)


class Retrier(Client):
    """Sends to a queue with a dead-letter queue and never deletes there; deletes some of the dead."""

    sent = 0

    def turn(self) -> None:
        roll = self.dice.random()
        if roll < 0.3:
            fact = Fact(f"{self.name}-{self.sent}", "retry")
            self.sent += 1
            self.record.ask_send(fact)
            answer = self.call("SendMessage", QueueUrl="retry", MessageBody=fact.name)
            self.record.sent(fact, answer["MessageId"])
        elif roll < 0.75:
            self.receive("retry", 0, wait=0)
        else:
            deadline = time.monotonic() + VISIBILITY_SECONDS * SURE_SHARE
            facts, messages = self.receive("dead", VISIBILITY_SECONDS, wait=0)
            if facts:
                taken = [(fact, message["ReceiptHandle"]) for fact, message in zip(facts, messages, strict=True)]
                self.delete("dead", taken, deadline)


class Holder(Client):
    """Takes leases that outlast every kill, uses their handles again and again, and sees that nobody else gets them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sent = 0
        self.held: dict[str, tuple[Fact, str, int]] = {}
        """Body → fact, handle, and in which life of the server it was leased."""

    def turn(self) -> None:
        roll = self.dice.random()
        if roll < 0.4 and len(self.held) < HELD_MAX:
            self._send()
        elif roll < 0.6:
            self._take()
        elif self.held:
            name = self.dice.choice(list(self.held)[:3])  # the oldest
            (self._use if roll < 0.85 else self._end)(name)

    def _send(self) -> None:
        name = f"{self.name}-{self.sent}"
        fact = Fact(name, "held.fifo", name)
        self.sent += 1
        self.record.ask_send(fact)
        answer = self.call(
            "SendMessage", QueueUrl="held.fifo", MessageBody=name, MessageGroupId=name, MessageDeduplicationId=name
        )
        self.record.sent(fact, answer["MessageId"])

    def _take(self) -> None:
        facts, messages = self.receive("held.fifo", HELD_SECONDS, maximum=2, wait=0)
        for fact, message in zip(facts, messages, strict=True):
            if fact.name in self.held:
                raise AssertionError(f"{fact.name} was received again while its lease held")
            self.held[fact.name] = (fact, message["ReceiptHandle"], self.gate.port)

    def _use(self, name: str) -> None:
        _, handle, port = self.held[name]
        self.call("ChangeMessageVisibility", QueueUrl="held.fifo", ReceiptHandle=handle, VisibilityTimeout=HELD_SECONDS)
        if port != self.gate.port:
            self.record.hits["leases used after a kill"] += 1

    def _end(self, name: str) -> None:
        fact, handle, _ = self.held.pop(name)
        self.delete("held.fifo", [(fact, handle)], time.monotonic() + HELD_SECONDS)


class Bulk(Client):
    """Large messages, sent and deleted: they fill segments, so that some become free."""

    sent = 0
    large = "." * 120_000

    def turn(self) -> None:
        fact = Fact(f"{self.name}-{self.sent}", "bulk")
        self.sent += 1
        self.record.ask_send(fact)
        answer = self.call("SendMessage", QueueUrl="bulk", MessageBody=fact.name + self.large)
        self.record.sent(fact, answer["MessageId"])
        deadline = time.monotonic() + VISIBILITY_SECONDS * SURE_SHARE
        facts, messages = self.receive("bulk", VISIBILITY_SECONDS, maximum=3, wait=0)
        if facts:
            self.delete("bulk", [(f, m["ReceiptHandle"]) for f, m in zip(facts, messages, strict=True)], deadline)


def create_queues(port: int) -> None:
    """All queues, the dead-letter queue before the one that names it."""
    wire = Wire(port)
    for name, attributes in QUEUES.items():
        answer = wire.call("CreateQueue", QueueName=name, Attributes=attributes)
        assert answer["QueueUrl"].endswith(URL[-14:] + name)
    wire.close()


def all_clients(gate: Gate, record: Record, seed: int) -> list[Client]:
    """The load of one data folder."""
    made: list[Callable[[], Client]] = [
        lambda: StandardProducer("s0", gate, record, seed),
        lambda: StandardProducer("s1", gate, record, seed),
        lambda: Consumer("cs0", gate, record, seed, "standard"),
        lambda: Consumer("cs1", gate, record, seed, "standard"),
        lambda: GroupProducer("g0", gate, record, seed),
        lambda: GroupProducer("g1", gate, record, seed),
        lambda: Consumer("cg0", gate, record, seed, "groups.fifo"),
        lambda: Consumer("cg1", gate, record, seed, "groups.fifo"),
        lambda: Retrier("r0", gate, record, seed),
        lambda: Holder("h0", gate, record, seed),
        lambda: Bulk("b0", gate, record, seed),
    ]
    return [make() for make in made]
