"""What all AMQP clients together were told of the queues that they share, and the rules that it is held against.

What was settled is certain once something asked later on the same connection was answered.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.crash.record import Broken

RETRY, DEAD, IN, OUT, DELAYED = "a-retry", "a-dead", "a-in", "a-out", "a-delayed"
FAN = ("a-fan-0", "a-fan-1")
FAILURES_MAX = 2
REASONS = ("rejected", "delivery_limit")
BATCH_SECONDS = 0.25
"""A delay counts from when the batch that the message is in began to gather, which takes as long as a sync."""


@dataclass(slots=True, eq=False)
class Moving:
    """Messages that one transaction moves, while it is not known whether it was committed. `cut`: by a kill."""

    cut: bool = False
    came_out: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class AmqpFact:
    """A message in one queue, named by its body. `queue` is where it was published to."""

    name: str
    queue: str
    sender: str
    sequence: int
    due_seconds: float = 0.0
    """Not to be delivered before this time."""
    life: int = 0
    """Port of the server that a transient message ends with; 0: it is persistent."""
    stored: bool = False
    """Confirmed, committed, or delivered to somebody."""
    ack_asked: bool = False
    gone: bool = False
    rejected: bool = False
    dead: bool = False
    """It is certainly in the dead-letter queue, or was."""
    failures: int = 0
    """At most."""
    seen: int = 0
    seen_dead: int = 0
    held: int = 0
    """Port of the server whose client has it, 0: nobody. Who holds what of a killed server may not know yet."""
    moving: Moving | None = None


class AmqpRecord:
    """All facts of one data folder, over all its kills."""

    def __init__(self, hits: Counter[str]) -> None:
        self.hits = hits
        self.lock = threading.Lock()
        self.facts: dict[tuple[str, str], AmqpFact] = {}
        self.backlog: Counter[str] = Counter()
        """For each queue, what is persistent, stored and not gone, as far as is known."""

    def ask(self, facts: list[AmqpFact]) -> None:
        """They are about to be published."""
        with self.lock:
            for fact in facts:
                self.facts.setdefault((fact.name, fact.queue), fact)

    def confirmed(self, facts: list[AmqpFact]) -> None:
        """Their publisher was told that they are safe."""
        with self.lock:
            for fact in facts:
                self._stored(fact)
            self.hits["AMQP: publishes confirmed"] += 1

    def _stored(self, fact: AmqpFact) -> None:
        self.backlog[fact.queue] += not (fact.stored or fact.gone or fact.life)
        fact.stored = True

    def delivered(self, name: str, queue: str, redelivered: bool, headers: dict[str, Any], port: int) -> AmqpFact:
        """Somebody was sent this message from the queue."""
        with self.lock:
            fact = self.facts.get((name, RETRY if queue == DEAD else queue))
            if fact is None:
                raise Broken(f"{name} came from {queue}, where it was never published to")
            if fact.held == port:
                raise Broken(f"{fact.name} of {queue} was delivered to two at a time")
            self._check(fact, queue, port)
            self._check_moved(fact)
            seen = fact.seen_dead if queue == DEAD else fact.seen
            if seen and not redelivered:
                raise Broken(f"{name} was delivered {seen} times, and now as if for the first time")
            self.hits["AMQP: messages redelivered"] += seen > 0
            if queue == DEAD:
                self._check_death(fact, headers)
                fact.seen_dead += 1
            else:
                fact.seen += 1
            fact.held, fact.ack_asked = port, False
            self._stored(fact)
            return fact

    def _check(self, fact: AmqpFact, queue: str, port: int) -> None:
        if fact.life not in (0, port):
            raise Broken(f"{fact.name} of {queue} is transient, and outlived its server")
        self.hits["AMQP: transient messages delivered"] += fact.life > 0
        if fact.gone:
            raise Broken(f"{fact.name} is back in {queue} after it was certainly gone")
        if fact.dead and queue != DEAD:
            raise Broken(f"{fact.name} was delivered from {queue} and is dead")
        if fact.due_seconds:
            if time.time() < fact.due_seconds - BATCH_SECONDS:
                raise Broken(f"{fact.name} came {fact.due_seconds - time.time():.3f} s before its time")
            self.hits["AMQP: delayed messages delivered"] += 1

    def _check_moved(self, fact: AmqpFact) -> None:
        """What a transaction took out of one queue is in the other, and all of it."""
        if fact.queue == OUT:
            source = self.facts[fact.name, IN]
            if source.moving is not None:
                source.moving.came_out.append(fact.name)
            self.backlog[IN] -= not source.gone
            source.gone = True
        moving = fact.moving if fact.queue == IN else self.facts[fact.name, IN].moving if fact.queue == OUT else None
        if moving is None:
            return
        if fact.queue == IN:
            moving.stayed.append(fact.name)
            self.hits["AMQP: transactions cut by a kill, undone"] += moving.cut and len(moving.stayed) == 1
        else:
            self.hits["AMQP: transactions cut by a kill, done"] += moving.cut and len(moving.came_out) == 1
        self.facts[fact.name, IN].moving = None
        if moving.stayed and moving.came_out:
            raise Broken(f"half of a transaction: {moving.came_out} came out, {moving.stayed} stayed")

    def _check_death(self, fact: AmqpFact, headers: dict[str, Any]) -> None:
        deaths = headers.get("x-death", [])
        reason = headers.get("x-first-death-reason")
        if len(deaths) != 1 or deaths[0]["count"] != 1 or deaths[0]["queue"] != RETRY or reason not in REASONS:
            raise Broken(f"x-death of {fact.name} is {deaths}")
        if not (fact.rejected if reason == "rejected" else fact.failures > FAILURES_MAX):
            raise Broken(f"{fact.name} was dead-lettered: {reason}, after {fact.failures} failures")
        self.hits[f"AMQP: dead letters, {reason}"] += not fact.dead
        fact.dead = True

    def returned(self, facts: list[AmqpFact], *, failed: bool) -> None:
        """They are about to be given back, or were lost with their connection."""
        with self.lock:
            for fact in facts:
                fact.held = 0
                fact.failures += failed

    def left(self) -> None:
        """A client leaves a server that lives on. What was on its way to it fails without its having been seen."""
        with self.lock:
            for fact in self.facts.values():
                if fact.queue == RETRY and not fact.dead:
                    fact.failures += 1

    def ask_ack(self, facts: list[AmqpFact]) -> None:
        """They are about to be acknowledged."""
        with self.lock:
            for fact in facts:
                fact.ack_asked, fact.held = True, 0

    def acked(self, facts: list[AmqpFact]) -> None:
        """It is certain that they were."""
        with self.lock:
            for fact in facts:
                self.backlog[fact.queue] -= not (fact.gone or fact.life)
                fact.gone = True
            self.hits["AMQP: acks certain"] += len(facts)

    def ask_reject(self, facts: list[AmqpFact]) -> None:
        """They are about to be rejected for good."""
        with self.lock:
            for fact in facts:
                fact.rejected, fact.held = True, 0

    def rejected(self, facts: list[AmqpFact]) -> None:
        """It is certain that they were."""
        with self.lock:
            for fact in facts:
                fact.dead = True

    def ask_move(self, sources: list[AmqpFact], moving: Moving) -> list[AmqpFact]:
        """A commit is about to be asked that publishes them anew and acknowledges them."""
        with self.lock:
            targets = []
            for source in sources:
                source.moving, source.held, source.ack_asked = moving, 0, True
                key = (source.name, OUT)
                targets.append(self.facts.setdefault(key, AmqpFact(source.name, OUT, source.sender, source.sequence)))
            return targets

    def moved(self, sources: list[AmqpFact], targets: list[AmqpFact]) -> None:
        """It was committed."""
        with self.lock:
            for source, target in zip(sources, targets, strict=True):
                self.backlog[IN] -= not source.gone
                source.gone, source.moving = True, None
                self._stored(target)
            self.hits["AMQP: transactions committed"] += 1

    def check_none_left(self, port: int) -> None:
        """After everything was taken out of the last server, on this port."""
        for fact in self.facts.values():
            if fact.life not in (0, port):
                self.hits["AMQP: transient messages gone with a kill"] += fact.stored and not fact.gone
                continue
            if fact.stored and not (fact.gone or fact.ack_asked):
                raise Broken(f"{fact.name} of {fact.queue} was confirmed or committed, and is lost")
            if fact.moving is not None:
                raise Broken(f"{fact.name} was moved by a transaction, and is nowhere")
            other = self.facts.get((fact.name, FAN[1])) if fact.queue == FAN[0] else None
            if other is not None and fact.stored != other.stored:
                raise Broken(f"{fact.name} was in one of two queues")
