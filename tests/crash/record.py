"""What all clients together were told, and the rules that it is held against.

One lock over everything. `at` counts what is asked and answered, so that a rule is applied only to what was asked after
the other was known: two clients may hear of one message in any order.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

MAXIMUM_RECEIVES = 3


class Broken(AssertionError):
    """The server broke a promise."""


@dataclass(slots=True, eq=False)
class Fact:
    """A message, named by its body."""

    name: str
    queue: str
    group: str = ""
    sequence: int = 0
    id: str | None = None
    """MessageId, once the send was answered or the message seen."""
    sent: bool = False
    """The send was answered."""
    delete_asked: bool = False
    deleted_at: int | None = None
    """When a delete was answered that certainly did it."""
    count: int = 0
    counted_at: int = 0
    dead_at: int | None = None
    """When it was first received from the dead-letter queue."""


class Record:
    """All facts of one data folder, over all its kills."""

    def __init__(self, hits: Counter[str]) -> None:
        self.hits = hits
        self.lock = threading.Lock()
        self.facts: dict[str, Fact] = {}
        self.groups: dict[str, list[Fact]] = {}
        self.heads: Counter[str] = Counter()
        """In each group, how many from the front on were asked to be deleted."""
        self.backlog: Counter[str] = Counter()
        """For each queue, what was sent and not deleted, as far as is known."""
        self.at = 0

    def tick(self) -> int:
        """A moment to compare others with."""
        with self.lock:
            self.at += 1
            return self.at

    def ask_send(self, fact: Fact) -> None:
        with self.lock:
            if fact.name not in self.facts:
                self.facts[fact.name] = fact
                if fact.group:
                    self.groups.setdefault(fact.group, []).append(fact)

    def sent(self, fact: Fact, message_id: str) -> None:
        """A send was answered, the first or a later one with the same deduplication id."""
        with self.lock:
            self._same_id(fact, message_id)
            if fact.sent:
                self.hits["resends answered as duplicates"] += 1
            else:
                self.backlog[fact.queue] += 1
            fact.sent = True
            self.hits["sends answered"] += 1

    def received(self, queue: str, messages: list[dict[str, Any]], asked_at: int) -> list[Fact]:
        """A receive was answered."""
        with self.lock:
            self.at += 1
            answer = [self._seen(queue, message, asked_at) for message in messages]
            for fact in answer:
                if fact.group:
                    self._check_order(fact, answer)
            return answer

    def ask_delete(self, facts: list[Fact]) -> None:
        with self.lock:
            for fact in facts:
                fact.delete_asked = True

    def deleted(self, facts: list[Fact]) -> None:
        """A delete was answered, within the time of its lease."""
        with self.lock:
            self.at += 1
            for fact in facts:
                fact.deleted_at = self.at
                self.backlog[fact.queue] -= 1
            self.hits["deletes answered"] += len(facts)

    def _seen(self, queue: str, message: dict[str, Any], asked_at: int) -> Fact:
        name = message["Body"].rstrip(".")
        fact = self.facts.get(name)
        if fact is None or queue not in (fact.queue, dead_letter_queue(fact.queue)):
            raise Broken(f"{name} came from {queue}, where it was never sent")
        self._same_id(fact, message["MessageId"])
        if fact.deleted_at is not None and asked_at > fact.deleted_at:
            raise Broken(f"{name} is back in {queue} after its delete was answered")
        count = int(message["Attributes"]["ApproximateReceiveCount"])
        if asked_at > fact.counted_at and count <= fact.count:
            raise Broken(f"{name} was received {fact.count} times, and now for the {count}. time")
        if fact.count:
            self.hits["messages redelivered"] += 1
        if count > fact.count:
            fact.count, fact.counted_at = count, self.at
        self._check_dead(fact, queue, count, asked_at)
        return fact

    def _check_dead(self, fact: Fact, queue: str, count: int, asked_at: int) -> None:
        if dead_letter_queue(fact.queue) is None:
            return
        if queue == fact.queue:
            if count > MAXIMUM_RECEIVES or (fact.dead_at is not None and asked_at > fact.dead_at):
                raise Broken(f"{fact.name} was received from {queue} for the {count}. time, dead at {fact.dead_at}")
        elif count <= MAXIMUM_RECEIVES:
            raise Broken(f"{fact.name} was dead-lettered after {count - 1} receives")
        elif fact.dead_at is None:
            fact.dead_at = self.at
            self.hits["messages dead-lettered"] += 1

    def _check_order(self, fact: Fact, answer: list[Fact]) -> None:
        """All before it in its group are deleted, or were asked to be, or are in the same answer before it."""
        group, head = self.groups[fact.group], self.heads[fact.group]
        while head < len(group) and group[head].delete_asked:
            head += 1
        self.heads[fact.group] = head
        for other in group[head : fact.sequence]:
            if not (other.delete_asked or other in answer[: answer.index(fact)]):
                raise Broken(f"order of {fact.group}: {fact.name} came before {other.name}")

    def _same_id(self, fact: Fact, message_id: str) -> None:
        if fact.id is not None and fact.id != message_id:
            raise Broken(f"{fact.name} was message {fact.id} and is {message_id}")
        fact.id = message_id

    def lost(self) -> list[str]:
        """After everything was received: what was acknowledged and never came."""
        facts = self.facts.values()
        return [fact.name for fact in facts if fact.sent and not fact.delete_asked and fact.deleted_at is None]


def dead_letter_queue(queue: str) -> str | None:
    """Where what is received too often goes."""
    return "dead" if queue == "retry" else None
