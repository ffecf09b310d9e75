"""A real server under real load, killed with SIGKILL again and again: nothing acknowledged is lost.

A kill keeps what the system has in memory, so it cannot see a missing sync: tests/simulate does that. What it sees is
the whole program over real sockets, real files and a real restart.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.amqp_clients import declare_amqp
from tests.crash.amqp_drain import all_amqp_clients, drain_amqp
from tests.crash.amqp_record import AmqpRecord
from tests.crash.clients import VISIBILITY_SECONDS, Client, Gate, Holder, all_clients, create_queues
from tests.crash.process import ServerProcess, checkpoint_numbers, is_checkpoint_half_done, segments_deleted
from tests.crash.record import Record

FOLDERS = int(os.environ.get("ONCEMQ_KILL_FOLDERS", "4"))
KILLS_PER_FOLDER = 14
SEED = int(os.environ.get("ONCEMQ_KILL_SEED", "1"))
RESTART_BUSY_SECONDS_MAX = 5.0
HITS = (
    "kills",
    "kills right after an answer",
    "kills with requests in flight",
    "kills with a checkpoint half done",
    "kills with a commit in flight",
    "kills during recovery",
    "sends answered",
    "deletes answered",
    "resends answered as duplicates",
    "messages redelivered",
    "messages dead-lettered",
    "leases used after a kill",
    "checkpoints published",
    "segments deleted",
    "AMQP: publishes confirmed",
    "AMQP: acks certain",
    "AMQP: transient messages delivered",
    "AMQP: transient messages gone with a kill",
    "AMQP: messages redelivered",
    "AMQP: delayed messages delivered",
    "AMQP: dead letters, rejected",
    "AMQP: dead letters, delivery_limit",
    "AMQP: duplicates confirmed",
    "AMQP: transactions committed",
    "AMQP: transactions cut by a kill, undone",
    "AMQP: requeued to their place",
    "AMQP: delivered by priority before older ones",
)


class Campaign:
    """One data folder over many kills."""

    def __init__(self, folder: Path, seed: int, hits: Counter[str]) -> None:
        self.folder, self.hits = folder, hits
        self.dice = random.Random(seed)
        self.gate = Gate()
        self.record = Record(hits)
        self.amqp_record = AmqpRecord(hits)
        self.clients = all_clients(self.gate, self.record, seed)
        self.amqp_clients = all_amqp_clients(self.gate, self.amqp_record, seed)
        self.slowest_restart = self.busiest_restart = 0.0

    def run(self) -> None:
        """Kill, restart, kill, …; then take everything out."""
        self.server = ServerProcess(self.folder)
        self.server.wait_ready()
        create_queues(self.server.port)
        declare_amqp(self.server.amqp_port)
        for client in (*self.clients, *self.amqp_clients):
            client.start()
        for _ in range(KILLS_PER_FOLDER):
            self.gate.open(self.server.port, self.server.amqp_port)
            self._kill_under_load()
            self._restart()
        self.gate.open(self.server.port, self.server.amqp_port)
        self._stop_clients()
        drain_amqp(self.gate, self.amqp_record, self.amqp_clients)
        Drain(self).run()
        self.hits["checkpoints published"] += checkpoint_numbers(self.folder, "manifest")[-1]
        self.hits["segments deleted"] += segments_deleted(self.folder)
        assert self.server.terminate() == 0, self.server.log()

    def _kill_under_load(self) -> None:
        """At a moment that is random, or aimed at."""
        if not self.gate.wait_stopping(self.dice.uniform(0.05, 0.7)):
            aim = self.dice.choice(("any", "answer", "checkpoint", "commit"))
            if aim == "answer":
                self.gate.wait_answer(1)
                self.hits["kills right after an answer"] += 1
            elif aim == "checkpoint":
                self.server.wait_checkpoint(1.5)
            elif aim == "commit":
                self.gate.wait_commit(1)
        self.hits["kills with a commit in flight"] += self.gate.committing > 0
        self.hits["kills with requests in flight"] += self.gate.shut() > 0
        self._kill()
        self.hits["kills with a checkpoint half done"] += is_checkpoint_half_done(self.folder)
        if self.gate.failure is not None:
            raise AssertionError(f"{self.gate.failure!r}\n{self.server.log()}") from self.gate.failure

    def _kill(self) -> None:
        self.server.kill()
        self.hits["kills"] += 1

    def _restart(self) -> None:
        """Start again; sometimes killed while it recovers, and started once more."""
        while self.dice.random() < 0.3:
            self.server = ServerProcess(self.folder)
            if self.server.wait_locked():
                time.sleep(self.dice.uniform(0, 0.02))  # some way into the recovery: nothing could be waited for
                self.hits["kills during recovery"] += not self.server.has_said_ready()
            self._kill()
        self.server = ServerProcess(self.folder)
        self.slowest_restart = max(self.slowest_restart, self.server.wait_ready())
        self.busiest_restart = max(self.busiest_restart, self.server.busy_seconds())

    def _stop_clients(self) -> None:
        self.gate.stop()
        for client in (*self.clients, *self.amqp_clients):
            client.join(60)
        if self.gate.failure is not None:
            raise AssertionError(f"{self.gate.failure!r}\n{self.server.log()}") from self.gate.failure


class Drain(Client):
    """After the last restart: receives and deletes all that is left, by the same rules as ever."""

    def __init__(self, campaign: Campaign) -> None:
        super().__init__("drain", Gate(), campaign.record, 0)
        self.gate.open(campaign.server.port, campaign.server.amqp_port)
        self.held = [client.held for client in campaign.clients if isinstance(client, Holder)]

    def run(self) -> None:
        self._empty("standard", "groups.fifo", "retry", "dead", "bulk")
        for held in self.held:
            for fact, handle, _ in held.values():
                self.delete("held.fifo", [(fact, handle)], float("inf"))
        self._take("held.fifo", wait=0)
        lost = [name for name in self.record.lost() if self.record.facts[name].queue != "held.fifo"]
        assert not lost, f"acknowledged and lost: {lost}"
        self._check_held()

    def _empty(self, *queues: str) -> None:
        """Until nothing came for longer than a lease holds."""
        silent_since = time.monotonic()
        while time.monotonic() < silent_since + VISIBILITY_SECONDS + 0.5:
            came = [self._take(queue, wait=0) for queue in queues]
            if any(came) or self._take(queues[0], wait=1):
                silent_since = time.monotonic()

    def _take(self, queue: str, wait: int) -> bool:
        facts, messages = self.receive(queue, 30, wait=wait)
        if facts:
            taken = [(fact, message["ReceiptHandle"]) for fact, message in zip(facts, messages, strict=True)]
            self.delete(queue, taken, time.monotonic() + 20)
        return bool(facts)

    def _check_held(self) -> None:
        """What was leased in an answer that nobody got is held still, and can only be counted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.call("GetQueueAttributes", QueueUrl="held.fifo", AttributeNames=names)
        there = sum(int(value) for value in answer["Attributes"].values())
        facts = [fact for fact in self.record.facts.values() if fact.queue == "held.fifo"]
        least = sum(fact.sent and not fact.delete_asked for fact in facts)
        most = sum(fact.deleted_at is None for fact in facts)
        assert least <= there <= most, f"{there} leases are held, not {least} to {most}"


@pytest.mark.timeout(300 + 120 * FOLDERS)
def test_nothing_acknowledged_is_lost_over_many_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits: Counter[str] = Counter()
    slowest = busiest = 0.0
    for number in range(FOLDERS):
        campaign = Campaign(tmp_path / f"data-{number}", SEED + number, hits)
        campaign.run()
        slowest, busiest = max(slowest, campaign.slowest_restart), max(busiest, campaign.busiest_restart)
    with capsys.disabled():
        print(
            f"\nkill -9 over {FOLDERS} data folders; slowest restart {slowest:.2f} s, {busiest:.2f} s of them busy, "
            "the interpreter's start included"
        )
        for hit in sorted(hits):
            print(f"  {hit:<45}{hits[hit]:>8,}")
    missed = [hit for hit in HITS if not hits[hit]]
    assert not missed, f"never hit: {missed}"
    assert hits["kills"] >= 50 or FOLDERS < 4
    assert busiest < RESTART_BUSY_SECONDS_MAX
