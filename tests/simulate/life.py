"""A seed: several lives of one server on one forgetful disk, each ended by a crash, each checked against the ledger.

Everything but the disk, the clock and the clients is the shipped code: engine, checkpointer, contents, recovery,
journal and core.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from oncemq.core.apply import NOWHERE
from oncemq.core.host import Host, Partition
from oncemq.core.machine import Machine
from oncemq.core.model import CONTENT_AMQP
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.engine import Engine
from oncemq.engine.recovery import Recovered, recover
from oncemq.journal.batch import HEADER_BYTES
from oncemq.journal.codec import decode_payload
from oncemq.journal.journal import Batch
from oncemq.journal.segment import offset_of, segment_name, segment_of
from tests.core.driver import durable_part
from tests.simulate.amqp_ledger import AmqpLedger
from tests.simulate.amqp_order import OrderWatch
from tests.simulate.amqp_survivors import check_amqp_survivors
from tests.simulate.amqp_workload import AmqpWorkload
from tests.simulate.clients import DOORS, Clients
from tests.simulate.disk import Crashed, ForgetfulDisk
from tests.simulate.facts import Broken, QueueFact
from tests.simulate.found import bytes_of, entries_of
from tests.simulate.hits import BEFORE_OPERATION, Hits, Operation, kind_of
from tests.simulate.ledger import Ledger
from tests.simulate.runtime import SeededRuntime
from tests.simulate.survivors import check_survivors
from tests.simulate.workload import CHURNED, STANDING_QUEUES, Workload

LIVES = 4
EVENTS_MAX = 420
LONGEST_JUMP_MS = 120_000
"""Never to the next retention time: the clients know nothing of it."""
SEGMENT_BYTES = 16 * 1024
CHECKPOINT_EVERY_BYTES = 3_000
CACHE_BYTES = 4_000
START_MS = 1_700_000_000_000
AIMS = [key for key in BEFORE_OPERATION if key[0] != "recovery"]
RARE = ("recovery", "remove", "segment", "")
RECOVERY_AIMS = [key for key in BEFORE_OPERATION if key[0] == "recovery"] + [RARE] * 5


@dataclass
class Plant:
    """A bug planted on purpose, for tests of the tests."""

    on_disk: Callable[[ForgetfulDisk], None] = lambda disk: None
    on_start: Callable[[Engine], None] = lambda engine: None
    checkpointer: type[Checkpointer] = Checkpointer


@dataclass
class Simulation:
    """All lives of one seed. `play` raises Broken, or what the code under test raises."""

    seed: int
    hits: Hits = field(default_factory=Hits)
    plant: Plant = field(default_factory=Plant)
    doors: str = ""
    """Which doors the clients use; empty: the dice say."""

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.ledger = Ledger()
        self.ledger.queues = {
            name: QueueFact(name, [None], fact.dead_letter_queue, fact.maximum_receives, fact.fifo)
            for name, fact in (*STANDING_QUEUES.items(), *((name, QueueFact(name, [])) for name in CHURNED))
        }
        self.amqp_ledger = AmqpLedger()
        self.order_watch = OrderWatch(self.amqp_ledger)
        self.doors = self.doors or self.dice.choice(DOORS)
        self.disk = ForgetfulDisk()
        self.clock_ms = START_MS
        self.shadow = Machine()
        self.shadow_number = 0
        self.batches: dict[int, tuple[int, bytes, int]] = {}
        """Batches closed since the last recovery: number → (now, payload, position of the payload)."""
        self.durable_number = 0
        self.runtime = SeededRuntime(self.dice, START_MS)
        self.checkpoints = 0
        self.workload: Clients | None = None
        self._unsettled = ""
        self._at: Operation | None = None
        self._last: dict[str, str] = {}
        self._aim: tuple[str, str, str, str] | None = None

    def play(self) -> None:
        """Live and crash, again and again; then let everything settle and see that all is there."""
        for _ in range(LIVES):
            self._next_disk()
            if self.dice.random() < 0.15:
                self.disk.stop_after = self.dice.randrange(40)
            elif self.dice.random() < 0.3:
                self._aim = self.dice.choice(RECOVERY_AIMS)
            try:
                self._live()
            except Crashed:
                self._count_stop()
            self.crash()
        self._next_disk()
        self.workload = None
        self._start().settle(self.runtime)
        self._count_answers()

    def _count_answers(self) -> None:
        ledger, hits = self.ledger, self.hits
        hits.update(self.amqp_ledger.hits)
        hits["answers checked"] += ledger.answers
        hits["sends answered as duplicates"] += ledger.duplicates
        hits["messages redelivered"] += ledger.redelivered
        hits["messages received from a dead-letter queue"] += ledger.dead_letters
        hits["messages moved back by a task"] += sum(moved for _, _, moved in ledger.tasks.values())
        hits["checkpoints published"] += self.checkpoints

    # One life ---------------------------------------------------------------------------------------------------

    def _next_disk(self) -> None:
        self.disk.cached = self.dice.random() < 0.5
        self.disk.watch = self._watch
        self.plant.on_disk(self.disk)
        self._at, self._last, self._aim = None, {}, None

    def begin(self) -> Clients:
        """Start the server and its clients."""
        self.workload = None
        self.workload = self._start()
        self.disk.stop_after = self._aim = None
        return self.workload

    def _live(self) -> None:
        workload = self.begin()
        events = self.dice.randrange(20, EVENTS_MAX)
        aimed_after = self.dice.randrange(events) if self.dice.random() < 0.6 else None
        for event in range(events):
            if event == aimed_after:
                self._aim = self.dice.choice(AIMS)
            self.event(workload)
            if self.amqp_ledger.unanswered and self.disk.stop_after is None and self.dice.random() < 0.03:
                self.disk.stop_after = self.dice.randrange(4)
        self._count_idle_stop(workload)

    def _start(self) -> Clients:
        self.runtime = SeededRuntime(self.dice, self.clock_ms)  # nothing of the life before goes on
        self.runtime.running = ["recovery"]
        recovered = recover(self.disk, self.dice.randbytes(16), SEGMENT_BYTES)
        self._check_recovered(recovered)
        wall_ms = self.clock_ms + self.dice.choice((0, 0, 1_000, 30_000, -5_000))
        self.clock_ms = max(recovered.journal.last_now_ms, wall_ms)
        self.runtime = runtime = SeededRuntime(self.dice, self.clock_ms)
        checkpointer = self.plant.checkpointer(recovered.machine, recovered.journal, recovered.store, runtime)
        checkpointer.every_bytes = CHECKPOINT_EVERY_BYTES
        contents = Contents(recovered.journal, CACHE_BYTES)
        engine = Engine(recovered.machine, recovered.journal, contents, checkpointer, runtime)
        self._tap(recovered)
        self.plant.on_start(engine)
        engine.start(self.dice.randbytes(32), 0)
        sqs = Workload(self.ledger, engine, runtime, self.dice)
        return Clients(sqs, AmqpWorkload(self.amqp_ledger, engine, runtime, self.dice), self.doors, self.dice)

    def event(self, workload: Clients) -> None:
        """One thing happens: a client acts, time passes, or the server goes one step."""
        roll = self.dice.random()
        if roll < 0.3:
            workload.act()
        elif roll < 0.34 or not self.runtime.step():
            self._pass_time()
        self.clock_ms = max(self.clock_ms, self.runtime.clock_ms)

    def _pass_time(self) -> None:
        roll = self.dice.random()
        due_ms = self.runtime.next_timer_ms()
        if roll < 0.3 and due_ms is not None and due_ms - self.runtime.clock_ms < LONGEST_JUMP_MS:
            self.runtime.advance(max(0, due_ms - self.runtime.clock_ms))
        else:
            self.runtime.advance(self.dice.choice((1, 5, 40, 400, 2_500, 21_000) if roll < 0.5 else (1, 5, 40)))

    def _tap(self, recovered: Recovered) -> None:
        """Keep a copy of every batch, for the shadow."""
        close_batch = recovered.journal.close_batch

        def tapped(payload: list[bytes], length_bytes: int, now_ms: int) -> Batch:
            batch = close_batch(payload, length_bytes, now_ms)
            self.batches[batch.number] = (now_ms, b"".join(payload), batch.payload_position)
            return batch

        recovered.journal.close_batch = tapped  # type: ignore[method-assign, assignment]

    # Crashes ----------------------------------------------------------------------------------------------------

    def _watch(self, operation: str, file: str) -> None:
        line = self.runtime.running[-1] if self.runtime.running else "loop"
        self.runtime.between_operations(operation)
        kind = kind_of(file)
        self._at = Operation(line, operation, kind, self._last.get(line, ""))
        self._last[line] = operation
        if self._aim is not None and self._aim in (self._at, (line, operation, kind, "")):
            self.disk.stop_after = 0

    def _count_stop(self) -> None:
        assert self._at is not None
        self.hits.stopped_before(self._at)
        if {"write", "background"} <= set(self.runtime.running):
            self.hits["batch and checkpoint half done together"] += 1

    def _count_idle_stop(self, workload: Clients) -> None:
        """The crash fell between two events."""
        lines = self.runtime.lines
        if lines["write"].finished:
            self.hits["batch synced, not answered"] += 1
        if lines["read"].jobs or lines["read"].finished:
            self.hits["contents being read"] += 1
        if workload.engine.checkpointer.under_way:
            self.hits["checkpoint gathering between batches"] += 1

    def crash(self) -> None:
        """The server is gone; the disk is as the next start will find it."""
        if self.workload is not None:
            self.workload.end()
            self.checkpoints += self.workload.engine.checkpointer.published
            self.durable_number = max(self.durable_number, self.workload.engine.journal.durable_number)
        self.disk.stop_after = self.disk.watch = None
        before = set(self.disk.names())
        if self.dice.random() < 0.25:
            self.disk = self.disk.kill()
            self.hits["process killed, memory of the system kept"] += 1
        else:
            self.disk = self.disk.crash(self.dice)
            self.hits["power lost"] += 1
            self.hits["file forgotten that was not synced"] += not before <= set(self.disk.names())
        if self.durable_number + 1 in self.batches:
            self._unsettled = "torn batch cut" if self._is_torn() else "unsynced batch forgotten"

    def _is_torn(self) -> bool:
        """Whether something of the batch after the last durable one is on the disk."""
        _, payload, position = self.batches[self.durable_number + 1]
        name, end = segment_name(segment_of(position)), offset_of(position) + len(payload)
        return name in self.disk.names() and any(self.disk.content(name)[offset_of(position) - HEADER_BYTES : end])

    # Checks -----------------------------------------------------------------------------------------------------

    def _check_recovered(self, recovered: Recovered) -> None:
        number = recovered.journal.last_number
        host: Host | None = recovered.machine.state.hosts.get("/")
        entries = entries_of(recovered.machine.state, recovered.journal)
        amqp = [found for found in entries if found.content.kind == CONTENT_AMQP]
        sqs = [found for found in entries if found.content.kind != CONTENT_AMQP]
        check_survivors(self.ledger, sqs, host, self.clock_ms)
        check_amqp_survivors(self.amqp_ledger, amqp, host, self.clock_ms)
        self._check_shadow(recovered.machine.state, number)
        if self.dice.random() < 0.3:
            self._check_again(bytes_of(recovered.machine.state), number)
        if self._unsettled:
            self.hits["unsynced batch found whole" if number > self.durable_number else self._unsettled] += 1
        self.durable_number, self._unsettled = number, ""

    def _check_shadow(self, recovered: Partition, number: int) -> None:
        """The state is that of a machine that was never stopped and got the same batches, byte for byte: but for the
        places that transient messages had, if there were any.
        """
        while self.shadow_number < number:
            self.shadow_number += 1
            now_ms, payload, position = self.batches[self.shadow_number]
            for record, places in decode_payload(payload, position):
                self.order_watch.see(self.shadow.state, record, places, payload, position)
                self.shadow.replay(record, now_ms, places or NOWHERE)
        self.batches.clear()
        view = durable_part if self.amqp_ledger.transient else bytes_of
        after, wanted = view(recovered), view(self.shadow.state)
        if after != wanted:
            keys = [key.hex() for key in wanted.keys() | after.keys() if wanted.get(key) != after.get(key)]
            raise Broken(f"the state after batch {number} is not what its batches make: pieces {keys}")

    def _check_again(self, after: dict[bytes, bytes], number: int) -> None:
        """A crash right after a recovery changes nothing."""
        disk = self.disk.crash(self.dice)
        again = recover(disk, bytes(16), SEGMENT_BYTES)
        if again.journal.last_number != number or bytes_of(again.machine.state) != after:
            raise Broken(f"a second recovery finds batch {again.journal.last_number}, the first found {number}")
