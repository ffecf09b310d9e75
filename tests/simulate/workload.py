"""What the clients of a simulation do: a seeded choice of everything that SQS offers, with a few asking at a time."""

from __future__ import annotations

import random
from collections.abc import Callable

from oncemq.core import commands
from oncemq.core.commands import NewMessage
from oncemq.core.settings import FIFO
from oncemq.engine.engine import Engine
from tests.simulate.askers import (
    HOST,
    AdminAsker,
    Asker,
    ChangeAsker,
    DeleteAsker,
    EmptyAsker,
    ReceiveAsker,
    SendAsker,
    TaskAsker,
)
from tests.simulate.facts import AttemptFact, Fact, Hold, QueueFact, content_of
from tests.simulate.ledger import DEDUPLICATION_WINDOW_MS, Ledger
from tests.simulate.runtime import SeededRuntime

ASKING_MAX = 10
VISIBILITIES_MS = (0, 300, 2_000, 20_000, 100_000)
GROUPS = ("a", "b", "c")
FIFO_SETTINGS = {"kind": FIFO, "deduplication_window_ms": DEDUPLICATION_WINDOW_MS}
BY_GROUP = {"deduplication_scope": "messageGroup", "deduplicates_by_group": True}
CHURNED = ("churn-0", "churn-1")

STANDING_QUEUES = {
    "orders-dead": QueueFact("orders-dead", []),
    "orders": QueueFact("orders", [], "orders-dead", 2),
    "fair": QueueFact("fair", []),
    "line-dead.fifo": QueueFact("line-dead.fifo", [], fifo=True),
    "line.fifo": QueueFact("line.fifo", [], "line-dead.fifo", 2, fifo=True),
    "lanes.fifo": QueueFact("lanes.fifo", [], fifo=True),
}
"""Created first, in this order, and never deleted."""


def settings_of(fact: QueueFact) -> dict[str, object]:
    """What a standing queue is created with."""
    settings: dict[str, object] = dict(FIFO_SETTINGS) if fact.fifo else {}
    if fact.dead_letter_queue is not None:
        settings |= {"dead_letter_queue": fact.dead_letter_queue, "maximum_receives": fact.maximum_receives}
    if fact.name == "lanes.fifo":
        settings |= BY_GROUP
    return settings


class Workload:
    """The clients of one life of the server; the ledger is that of all lives."""

    def __init__(self, ledger: Ledger, engine: Engine, runtime: SeededRuntime, dice: random.Random) -> None:
        self.ledger, self.engine, self.runtime, self.dice = ledger, engine, runtime, dice
        self.asking: list[Asker] = []
        self.actions: list[tuple[Callable[[], Asker | None], int]] = [
            (self.send_standard, 20),
            (self.send_fifo, 16),
            (self.send_again, 8),
            (self.receive, 26),
            (self.receive_attempt, 6),
            (self.delete, 14),
            (self.change_visibility, 7),
            (self.empty, 1),
            (self.administer, 5),
            (self.move_task, 3),
        ]
        self._weights = [weight for _, weight in self.actions]

    def act(self) -> None:
        """Somebody asks something, or goes."""
        self.asking = [asker for asker in self.asking if not asker.answered and not asker.gone]
        if len(self.asking) >= ASKING_MAX:
            self._go(self.dice.choice(self.asking))
            return
        fact = self._queue_to_create()
        asker = self.create(fact) if fact is not None else None
        if asker is None:
            [(action, _)] = self.dice.choices(self.actions, self._weights)
            asker = action()
        if asker is not None:
            self.submit(asker)

    def submit(self, asker: Asker) -> None:
        """Ask."""
        self.asking.append(asker)
        deliver = asker.deliver

        def on_time(output: object) -> bool:
            asker.now_ms = self.runtime.now_ms()
            return deliver(output)  # type: ignore[arg-type]

        asker.deliver = on_time  # type: ignore[method-assign]
        self.engine.submit(asker.command, asker)

    def end(self) -> None:
        """The server has ended: whoever is answered now is answered wrongly."""
        for asker in self.asking:
            asker.server_ended = True

    def _go(self, asker: Asker) -> None:
        """The asker's connection is lost; sometimes the engine is told, sometimes its answer comes first."""
        asker.gone = True
        if isinstance(asker, ReceiveAsker) and self.dice.random() < 0.7:
            self.engine.submit(commands.CancelWaiting(HOST, asker), None)

    @property
    def _since_ms(self) -> int:
        return self.runtime.decided_since_ms

    # Sends ------------------------------------------------------------------------------------------------------

    def send_standard(self) -> Asker | None:
        """One message or a batch; some delayed, some in fair groups."""
        queue = self.dice.choice(("orders", "orders", "fair", *CHURNED))
        if self.ledger.queues[queue].possible == [None]:
            return None
        count = self.dice.choice((1, 1, 2, 5))
        delays = [self.dice.choice((0, 0, 0, 1_500)) for _ in range(count)]
        group = self.dice.choice((*GROUPS, None)) if queue == "fair" else None
        return self._send(queue, self._new_ids(count), group, delays)

    def send_fifo(self) -> Asker:
        queue, count = self.dice.choice(("line.fifo", "lanes.fifo")), self.dice.choice((1, 1, 1, 3))
        return self._send(queue, self._new_ids(count), self.dice.choice(GROUPS), [0] * count)

    def send_again(self) -> Asker | None:
        """A message of a FIFO queue once more, within the window: answered or not, deleted or not."""
        oldest_ms = self.runtime.now_ms() - DEDUPLICATION_WINDOW_MS
        recent = list(self.ledger.facts.values())[-60:]
        able = [
            fact
            for fact in recent
            if self.ledger.queues[fact.queue].fifo
            and fact.number_promised
            and fact.asked_ms > oldest_ms
            and (fact.number is not None or not (fact.may_be_gone or fact.gone_at))
        ]
        if not able:
            return None
        fact = self.dice.choice(able)
        fact.attempts += 1
        if not fact.known:  # a restarted server's clock may be behind
            fact.asked_ms = min(fact.asked_ms, self._since_ms)
        return self._sender(fact.queue, [fact], [0])

    def _new_ids(self, count: int) -> list[str]:
        first = len(self.ledger.facts)
        return [f"m{first + at}" for at in range(count)]

    def _send(self, queue: str, ids: list[str], group: str | None, delays_ms: list[int]) -> SendAsker:
        return self._sender(queue, self.ledger.ask_send(queue, ids, group, delays_ms, self._since_ms), delays_ms)

    def _sender(self, queue: str, facts: list[Fact], delays_ms: list[int]) -> SendAsker:
        fifo = self.ledger.queues[queue].fifo
        messages = []
        for fact, delay_ms in zip(facts, delays_ms, strict=True):
            content = content_of(fact.id, fact.attempts)
            deduplication = fact.id.encode() if fifo else None
            messages.append(NewMessage(content, len(content.body), delay_ms or None, fact.group, deduplication))
        return SendAsker(self.ledger, self._since_ms, facts, commands.SendMessages(HOST, queue, None, messages))

    # Receives and leases ----------------------------------------------------------------------------------------

    def receive(self) -> Asker | None:
        queue = self.dice.choice((*STANDING_QUEUES, "orders", "line.fifo", *CHURNED))
        if self.ledger.queues[queue].possible == [None]:
            return None
        wait_ms = self.dice.choice((0, 0, 200, 3_000))
        visibility_ms = self.dice.choice(VISIBILITIES_MS)
        command = commands.ReceiveMessages(HOST, queue, None, self.dice.choice((1, 3, 10)), visibility_ms, wait_ms)
        return ReceiveAsker(self.ledger, self._since_ms, command, None)

    def receive_attempt(self) -> Asker | None:
        """With an attempt id that is new, or asked again."""
        free = [fact for fact in self.ledger.attempts.values() if not self._is_busy(fact)]
        if free and self.dice.random() < 0.6:
            fact = self.dice.choice(free)
        else:
            queue = self.dice.choice(("line.fifo", "lanes.fifo"))
            fact = AttemptFact(queue, b"attempt %d" % len(self.ledger.attempts), self._since_ms)
            self.ledger.attempts[fact.id] = fact
        visibility_ms = self.dice.choice(VISIBILITIES_MS[1:])
        command = commands.ReceiveMessages(HOST, fact.queue, None, 3, visibility_ms, 0, fact.id)
        return ReceiveAsker(self.ledger, self._since_ms, command, fact)

    @staticmethod
    def _is_busy(fact: AttemptFact) -> bool:
        return fact.busy or any(hold.busy for hold in fact.holds)

    def _held(self) -> list[tuple[Fact, Hold]]:
        """Some leases on one queue, most of them still good."""
        recent = list(self.ledger.facts.values())[-80:]
        held = [(fact, fact.hold) for fact in recent if fact.hold is not None and not fact.hold.busy]
        if not held:
            return []
        queue = self.dice.choice(held)[1].queue
        held = [(fact, hold) for fact, hold in held if hold.queue == queue]
        return self.dice.sample(held, min(len(held), self.dice.choice((1, 1, 2, 5))))

    def delete(self) -> Asker | None:
        held = self._held()
        return DeleteAsker(self.ledger, self._since_ms, held) if held else None

    def change_visibility(self) -> Asker | None:
        held = self._held()
        if not held:
            return None
        timeouts_ms = [self.dice.choice(VISIBILITIES_MS) for _ in held]
        return ChangeAsker(self.ledger, self._since_ms, held, timeouts_ms)

    # Queues -----------------------------------------------------------------------------------------------------

    def _queue_to_create(self) -> QueueFact | None:
        """The standing queues come first, each when the one before certainly exists."""
        for fact in self.ledger.queues.values():
            if fact.name in STANDING_QUEUES and not fact.exists:
                return fact
        return None

    def create(self, fact: QueueFact) -> Asker | None:
        if fact.busy:
            return None
        settings = settings_of(fact)
        command = commands.CreateQueue(HOST, fact.name, None, dict(settings), {})
        return AdminAsker(self.ledger, self._since_ms, fact, command, (settings, {}))

    def empty(self) -> Asker | None:
        fact = self.ledger.queues[self.dice.choice(("fair", "lanes.fifo", *CHURNED))]
        if fact.busy or not fact.exists:
            return None
        if fact.name in CHURNED and self.dice.random() < 0.7:
            command: commands.PurgeQueue | commands.DeleteQueue = commands.DeleteQueue(HOST, fact.name, None)
        else:
            command = commands.PurgeQueue(HOST, fact.name, None)
        return EmptyAsker(self.ledger, self._since_ms, fact, command)

    def administer(self) -> Asker | None:
        """Create, change or tag one of the queues that come and go."""
        fact = self.ledger.queues[self.dice.choice(CHURNED)]
        if fact.busy or len(fact.possible) != 1:
            return None
        now = fact.possible[0]
        if now is None:
            return self.create(fact)
        settings, tags = now
        if self.dice.random() < 0.5:
            changes = {"visibility_timeout_ms": self.dice.randrange(1, 9) * 1_000, "receive_wait_ms": self.ledger.at}
            change = commands.ChangeQueue(HOST, fact.name, None, changes)
            return AdminAsker(self.ledger, self._since_ms, fact, change, ({**settings, **changes}, tags))
        added = {f"t{self.dice.randrange(4)}": str(self.ledger.at)}
        tag = commands.TagQueue(HOST, fact.name, None, added)
        return AdminAsker(self.ledger, self._since_ms, fact, tag, (settings, {**tags, **added}))

    def move_task(self) -> Asker | None:
        queue = self.dice.choice(("orders-dead", "line-dead.fifo"))
        if self._queue_to_create() is not None:
            return None
        running = [number for number, (_, status, _) in self.ledger.tasks.items() if status == "RUNNING"]
        roll = self.dice.random()
        command: commands.Command = commands.StartMoveTask(HOST, queue, None, None, self.dice.choice((None, 2, 50)))
        if roll < 0.2 and running:
            command = commands.CancelMoveTask(HOST, self.dice.choice(running), None)
        elif roll < 0.5:
            command = commands.ListMoveTasks(HOST, queue, None, 10)
        return TaskAsker(self.ledger, self._since_ms, command)
