"""Queues as lists, slow and simple, written from what Amazon SQS does (shared facts), not from the core.

Where the facts leave a choice the words say so. A reference queue is asked by `QueueMachine` the same things as the
core; what it answers is what the core must answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

LEASE_MS = 12 * 3_600_000
SILENT_MS = 300_000


@dataclass(eq=False)
class Message:
    """A message in one queue."""

    body: str
    sent_ms: int
    group: str | None = None
    state: str = "ready"
    """ready, delayed, leased or gone"""
    due_ms: int = 0
    receives: int = 0
    first_receive_ms: int = 0
    received_ms: int = 0
    handle: int = 0
    """Number of its last receive."""
    source: str | None = None

    def seen(self) -> tuple[str, int, int, int, str | None]:
        """What a receiver sees of it."""
        return self.body, self.receives, self.sent_ms, self.first_receive_ms, self.source


@dataclass(eq=False)
class Waiting:
    """A receive that waits."""

    asker: int
    maximum: int
    visibility_ms: int
    due_ms: int


@dataclass
class Attempt:
    """What a ReceiveRequestAttemptId was answered with."""

    expires_ms: int
    messages: list[tuple[Message, int]]

    def stands(self) -> bool:
        """All are still in flight, under the same handles."""
        return all(message.state == "leased" and message.handle == handle for message, handle in self.messages)


@dataclass
class ReferenceQueue:
    """A standard queue: messages in the order of their places; one that comes back goes to its place."""

    name: str
    visibility_ms: int
    retention_ms: int
    delay_ms: int = 0
    dead: ReferenceQueue | None = None
    maximum_receives: int = 0
    messages: list[Message] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    answered: dict[int, list[tuple[Message, int]]] = field(default_factory=dict)
    """Asker → the messages it got, each with its handle."""
    receives: int = 0

    # What a kind of queue does its own way ----------------------------------------------------------------------

    def in_turn(self, now_ms: int) -> Iterator[Message]:
        """The ready messages as they are handed out; looked at anew after each."""
        yield from [each for each in self.messages if each.state == "ready"]

    def handed_out(self, message: Message) -> None:
        """A message was leased."""

    def arrived(self, message: Message, now_ms: int) -> None:
        """A message was added."""

    def settle(self) -> None:
        """Something happened."""

    # What is asked ----------------------------------------------------------------------------------------------

    def add(self, message: Message, now_ms: int) -> None:
        self.messages.append(message)
        self.arrived(message, now_ms)

    def send(self, body: str, now_ms: int, delay_ms: int | None, group: str | None) -> None:
        delay_ms = self.delay_ms if delay_ms is None else delay_ms
        state = "delayed" if delay_ms else "ready"
        self.add(Message(body, now_ms, group, state, now_ms + delay_ms), now_ms)

    def take(self, maximum: int, visibility_ms: int, now_ms: int) -> list[tuple[Message, int]]:
        """A receive. On the way, what was received too often goes to the dead-letter queue."""
        taken: list[tuple[Message, int]] = []
        turn = self.in_turn(now_ms)
        while len(taken) < maximum and (message := next(turn, None)) is not None:
            if self.dead is not None and message.receives >= self.maximum_receives:
                self.remove(message)
                self.dead.add(self.as_dead_letter(message, now_ms), message.sent_ms)
                self.dead.settle()
                continue
            self.receives += 1
            message.handle = self.receives
            message.receives += 1
            message.received_ms = now_ms
            message.first_receive_ms = message.first_receive_ms or now_ms
            message.state, message.due_ms = "leased", now_ms + visibility_ms
            self.handed_out(message)
            taken.append((message, message.handle))
        if not visibility_ms:
            for message, _ in taken:
                message.state = "ready"
        self.settle()
        return taken

    def as_dead_letter(self, message: Message, now_ms: int) -> Message:
        dead = Message(message.body, message.sent_ms, message.group)
        dead.receives, dead.first_receive_ms, dead.source = message.receives, message.first_receive_ms, self.name
        return dead

    def remove(self, message: Message) -> None:
        message.state = "gone"
        self.messages.remove(message)
        self.settle()

    def delete(self, message: Message, handle: int) -> str | None:
        """The refusal's name, or None. A handle that a later receive took the place of has no effect (our choice)."""
        if message.state != "gone" and message.handle == handle:
            self.remove(message)
        return None

    def change(self, message: Message, handle: int, timeout_ms: int, now_ms: int) -> str | None:
        """ChangeMessageVisibility; an expired handle still counts while the message was not received again."""
        if message.state == "gone":
            return "LeaseNotHeld"
        if message.handle != handle:
            return None
        return self.change_held(message, timeout_ms, now_ms)

    def change_held(self, message: Message, timeout_ms: int, now_ms: int) -> str | None:
        if now_ms + timeout_ms > message.received_ms + LEASE_MS:
            return "VisibilityBeyondMaximum"
        if timeout_ms:
            anew = message.state != "leased"
            message.state, message.due_ms = "leased", now_ms + timeout_ms
            if anew:
                self.handed_out(message)
        elif message.state == "leased":
            message.state = "ready"
        self.settle()
        return None

    def undelivered(self, answer: list[tuple[Message, int]]) -> None:
        """Nobody got this answer: its receives do not count."""
        for message, handle in answer:
            if message.state == "leased" and message.handle == handle:
                message.state, message.handle = "ready", 0
                message.receives -= 1
                if not message.receives:
                    message.first_receive_ms = 0
        self.settle()

    def purge(self) -> None:
        for message in list(self.messages):
            self.remove(message)

    def due(self, now_ms: int) -> None:
        """Leases and delays end, receives have waited long enough, old messages go: never two kinds at one time."""
        for message in self.messages:
            if message.state in ("leased", "delayed") and message.due_ms <= now_ms:
                message.state = "ready"
        self.settle()
        for message in [each for each in self.messages if each.sent_ms + self.retention_ms <= now_ms]:
            self.remove(message)
        self.serve(now_ms)
        for waiting in [each for each in self.waiting if each.due_ms <= now_ms]:
            self.waiting.remove(waiting)
            self.answered[waiting.asker] = []

    def serve(self, now_ms: int) -> None:
        """Whoever waits gets what is ready, in turn."""
        while self.waiting:
            first = self.waiting[0]
            taken = self.take(first.maximum, first.visibility_ms, now_ms)
            if not taken:
                break
            self.waiting.remove(first)
            self.answered[first.asker] = taken

    def counts(self) -> tuple[int, int, int]:
        states = [each.state for each in self.messages]
        return states.count("ready"), states.count("leased"), states.count("delayed")


@dataclass
class ReferenceFifo(ReferenceQueue):
    """A FIFO queue: a group's leading messages up to the first in flight, one group before the next, then the next
    group's turn.
    """

    attempts: dict[bytes, Attempt] = field(default_factory=dict)
    moment: int = 0
    available_since: dict[str, int] = field(default_factory=dict)
    core_turn: Callable[[], list[str]] = list
    """Of groups that became available at the same moment, which is first: the facts do not say, so the core does."""

    def leading(self, group: str) -> list[Message]:
        members = [each for each in self.messages if each.group == group]
        return list(takewhile(lambda each: each.state == "ready", members))

    def settle(self) -> None:
        self.moment += 1
        groups = {each.group for each in self.messages if each.group is not None}
        for group in groups | set(self.available_since):
            if self.leading(group):
                self.available_since.setdefault(group, self.moment)
            else:
                self.available_since.pop(group, None)

    def in_turn(self, now_ms: int) -> Iterator[Message]:
        core_turn = self.core_turn()

        def place(group: str) -> tuple[int, int]:
            tie = core_turn.index(group) if group in core_turn else -1
            return self.available_since[group], tie

        for group in sorted(self.available_since, key=place):
            yield from self.leading(group)

    def handed_out(self, message: Message) -> None:
        assert message.group is not None
        self.available_since.pop(message.group, None)

    def as_dead_letter(self, message: Message, now_ms: int) -> Message:
        dead = super().as_dead_letter(message, now_ms)
        dead.sent_ms = now_ms
        return dead

    def delete(self, message: Message, handle: int) -> str | None:
        if message.state != "gone" and not (message.state == "leased" and message.handle == handle):
            return "LeaseExpired"
        self.void(message)
        return super().delete(message, handle)

    def change(self, message: Message, handle: int, timeout_ms: int, now_ms: int) -> str | None:
        if message.state == "gone":
            return "LeaseNotHeld"
        if message.state != "leased" or message.handle != handle:
            return "LeaseExpired"
        refused = self.change_held(message, timeout_ms, now_ms)
        if refused is None:
            self.void(message)
        return refused

    def take_attempt(
        self, maximum: int, visibility_ms: int, now_ms: int, attempt: bytes | None
    ) -> list[tuple[Message, int]]:
        """A receive with a ReceiveRequestAttemptId: the same again, if it still stands."""
        if attempt is None:
            return self.take(maximum, visibility_ms, now_ms)
        known = self.attempts.get(attempt)
        if known is not None and known.expires_ms > now_ms and known.stands():
            for message, _ in known.messages:
                message.due_ms = now_ms + visibility_ms
            return known.messages
        taken = self.take(maximum, visibility_ms, now_ms)
        if taken:
            for message, _ in taken:
                self.void(message)
            self.attempts[attempt] = Attempt(now_ms + 300_000, taken)
        return taken

    def void(self, message: Message) -> None:
        """No attempt is answered with this message any more."""
        self.attempts = {
            key: each for key, each in self.attempts.items() if message not in [one for one, _ in each.messages]
        }


@dataclass
class ReferenceFair(ReferenceQueue):
    """A standard queue with groups. A group's noise is judged at each message that it takes."""

    minimum: int = 30
    percent: int = 10
    noisy: dict[str, None] = field(default_factory=dict)
    last_sent_ms: dict[str, int] = field(default_factory=dict)

    def in_flight(self, group: str | None) -> int:
        return sum(1 for each in self.messages if each.state == "leased" and each.group == group)

    def in_turn(self, now_ms: int) -> Iterator[Message]:
        while ready := [each for each in self.messages if each.state == "ready"]:
            quiet = [each for each in ready if not self.is_noisy(each.group, now_ms)]
            yield quiet[0] if quiet else min(ready, key=lambda each: self.in_flight(each.group))

    def is_noisy(self, group: str | None, now_ms: int) -> bool:
        return group in self.noisy and group is not None and now_ms - self.last_sent_ms[group] < SILENT_MS

    def handed_out(self, message: Message) -> None:
        group, all_in_flight = message.group, sum(1 for each in self.messages if each.state == "leased")
        leased = self.in_flight(group)
        if group is not None and leased >= self.minimum and leased * 100 > all_in_flight * self.percent:
            self.noisy[group] = None

    def arrived(self, message: Message, now_ms: int) -> None:
        if message.group is not None:
            if message.group in self.noisy and not self.is_noisy(message.group, now_ms):
                del self.noisy[message.group]
            self.last_sent_ms[message.group] = max(self.last_sent_ms.get(message.group, 0), now_ms)

    def settle(self) -> None:
        left = {each.group for each in self.messages}
        drawn = {each.group for each in self.messages if each.state in ("ready", "leased")}
        self.noisy = {group: None for group in self.noisy if group in drawn}
        self.last_sent_ms = {group: at for group, at in self.last_sent_ms.items() if group in left}
