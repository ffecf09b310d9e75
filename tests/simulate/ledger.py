"""The clients' own record of what was asked and answered, and the rules that every answer is held against.

Written from DESIGN.md and the facts about SQS, not from the core. What was asked and not answered may have happened or
not; `survivors.py` settles it after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable

from oncemq.core.outputs import ReceivedMessage, SentMessage
from tests.simulate.facts import AttemptFact, Broken, Fact, Hold, QueueFact, id_of

DEDUPLICATION_WINDOW_MS = 60_000
ATTEMPT_WINDOW_MS = 300_000


class Ledger:
    """All facts of one seed, over all its crashes."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.queues: dict[str, QueueFact] = {}
        self.attempts: dict[bytes, AttemptFact] = {}
        self.at = 0
        """A count of everything asked and answered: what came before what."""
        self.highest_number = 0
        self.highest_token = 0
        self.tokens: dict[int, tuple[str, int]] = {}
        self.moves_asked: set[str] = set()
        """Dead-letter queues on which a move task was asked for."""
        self.tasks: dict[int, tuple[str, str, int]] = {}
        """Move task → source, status, moved, as last answered."""
        self.group_receives: dict[tuple[str, str], list[tuple[int, int, frozenset[int]]]] = {}
        """Group of a FIFO queue → (token, message, messages of the same answer) of every receive answered."""
        self.answers = 0
        self.duplicates = 0
        self.redelivered = 0
        self.dead_letters = 0

    def tick(self) -> int:
        self.at += 1
        return self.at

    # Sends ------------------------------------------------------------------------------------------------------

    def ask_send(
        self, queue: str, ids: Iterable[str], group: str | None, delays_ms: Iterable[int], now_ms: int
    ) -> list[Fact]:
        """New messages are about to be sent, in one command."""
        at = self.tick()
        facts = [
            Fact(name, queue, group, delay_ms, now_ms, at, self.highest_number)
            for name, delay_ms in zip(ids, delays_ms, strict=True)
        ]
        for fact in facts:
            fact.companions = facts
            self.facts[fact.id] = fact
        return facts

    def sent(self, fact: Fact, result: SentMessage) -> None:
        """A send was answered."""
        number = result.message
        if fact.number is not None:
            self.duplicates += 1
            if fact.number_promised and number != fact.number and not self.may_have_moved(fact):
                raise Broken(f"{fact.id} was message {fact.number} and is {number} when sent again: window forgotten")
            return
        if fact.attempts == 1 and number <= fact.floor:
            raise Broken(f"{fact.id} became message {number}, after {fact.floor} had been answered")
        if fact.gone_at is None:
            fact.known, fact.number = True, number
        self.highest_number = max(self.highest_number, number)

    def refused(self, facts: Iterable[Fact]) -> None:
        """A send was refused: its messages must never be seen."""
        for fact in facts:
            if fact.attempts == 1:
                fact.gone_at = self.tick()

    def may_have_moved(self, fact: Fact) -> bool:
        """Whether a move task may have made it a new message."""
        return self.queues[fact.queue].dead_letter_queue in self.moves_asked

    # Receives ---------------------------------------------------------------------------------------------------

    def received(
        self, queue: str, messages: list[ReceivedMessage], asked_at: int, until_ms: int, now_ms: int, again: bool
    ) -> list[tuple[Fact, Hold]]:
        """A receive was answered; the facts and the leases on them. `again`: an attempt is answered once more."""
        holds = []
        answer = frozenset(message.message for message in messages)
        for message in messages:
            fact = self._known_message(queue, message, asked_at, now_ms)
            self._check_token(queue, message, again)
            hold = Hold(queue, message.lease, until_ms, sure=not fact.may_be_gone)
            if message.lease.token >= fact.last_token:
                self._check_newest(fact, message, now_ms)
                fact.seen, fact.last_token, fact.hold = message.deliveries, message.lease.token, hold
            if queue == fact.queue and fact.group is not None and self.queues[queue].fifo and not again:
                self._check_order((queue, fact.group), message.lease.token, message.message, answer)
            holds.append((fact, hold))
        return holds

    def _known_message(self, queue: str, message: ReceivedMessage, asked_at: int, now_ms: int) -> Fact:
        assert message.content is not None, "an answer without its content"
        name, attempt = id_of(message.content)
        fact = self.facts.get(name)
        if fact is None or attempt > fact.attempts:
            raise Broken(f"{name} (attempt {attempt}) was received and never sent")
        if fact.gone_at is not None and asked_at > fact.gone_at:
            raise Broken(f"{name} is back from {queue} after it was certainly gone")
        if now_ms < fact.asked_ms + fact.delay_ms:
            raise Broken(f"{name} was received before its delay was over")
        if queue not in (fact.queue, self.queues[fact.queue].dead_letter_queue):
            raise Broken(f"{name} was sent to {fact.queue} and received from {queue}")
        if queue != fact.queue:
            self.dead_letters += 1
        self._settle_number(fact, message.message)
        return fact

    def _settle_number(self, fact: Fact, number: int) -> None:
        if fact.number is not None and number > fact.number and self.may_have_moved(fact):
            fact.seen, fact.last_token, fact.hold = 0, 0, None
        elif fact.number is not None and number != fact.number and not self.may_have_moved(fact):
            raise Broken(f"{fact.id} was message {fact.number} and is received as {number}")
        fact.number = max(number, fact.number or 0)
        if fact.gone_at is None:
            fact.known = True
        self.highest_number = max(self.highest_number, number)

    def _check_newest(self, fact: Fact, message: ReceivedMessage, now_ms: int) -> None:
        if message.lease.token == fact.last_token or message.message != fact.number:
            return
        if message.deliveries <= fact.seen:
            raise Broken(f"{fact.id} was delivered {fact.seen} times and says {message.deliveries}")
        if fact.seen:
            self.redelivered += 1
        if fact.hold is not None and fact.hold.sure and now_ms < fact.hold.until_ms:
            raise Broken(f"{fact.id} was received by two at a time")

    def _check_token(self, queue: str, message: ReceivedMessage, again: bool) -> None:
        token, place = message.lease.token, (queue, message.lease.entry)
        if self.tokens.setdefault(token, place) != place:
            raise Broken(f"token {token} was given twice")
        self.highest_token = max(self.highest_token, token)

    def _check_order(self, group: tuple[str, str], token: int, number: int, answer: frozenset[int]) -> None:
        """A message of a group is received only when all before it are gone, or in the same answer."""
        before = self.group_receives.setdefault(group, [])
        for other_token, other, others in before:
            if other > number and other_token < token and number not in others:
                raise Broken(f"order of {group}: message {number} was received after {other}")
            if other < number and other_token > token and other not in answer:
                raise Broken(f"order of {group}: message {other} was received after {number}")
        before.append((token, number, answer))

    # Leases -----------------------------------------------------------------------------------------------------

    def ask_delete(self, fact: Fact, hold: Hold) -> None:
        fact.may_be_gone = True
        self._unsure(fact, hold)

    def deleted(self, fact: Fact, hold: Hold, was_sure: bool, refused: bool, now_ms: int) -> None:
        """A delete was answered. It certainly deleted if the lease certainly held."""
        held = was_sure and now_ms < hold.until_ms and fact.last_token == hold.lease.token
        if held and refused:
            raise Broken(f"{fact.id} could not be deleted under a lease that holds")
        if held and fact.gone_at is None:
            fact.gone_at = self.tick()

    def ask_change(self, fact: Fact, hold: Hold) -> None:
        self._unsure(fact, hold)

    def changed(self, fact: Fact, hold: Hold, was_sure: bool, refused: bool, until_ms: int | None, now_ms: int) -> None:
        """A change of visibility was answered; `until_ms` None: it was given back."""
        held = was_sure and now_ms < hold.until_ms and fact.hold is hold
        if held and refused:
            raise Broken(f"the lease on {fact.id} was lost before its time")
        if held and until_ms is not None and not fact.may_be_gone:
            hold.until_ms, hold.sure = until_ms, True

    def _unsure(self, fact: Fact, hold: Hold) -> None:
        hold.sure = False
        if fact.hold is not None:
            fact.hold.sure = False
        for attempt in self.attempts.values():
            if any(each.lease.token == hold.lease.token for each in attempt.holds):
                attempt.valid = False

    # Whole queues -----------------------------------------------------------------------------------------------

    def ask_empty(self, queue: str) -> list[Fact]:
        """A purge or a delete of a queue without a dead-letter queue was asked for: what is certainly gone after."""
        certain = []
        for fact in self.facts.values():
            if fact.queue == queue:
                fact.number_promised = False
            if fact.queue == queue and fact.gone_at is None:
                if fact.known:
                    certain.append(fact)
                fact.may_be_gone = True
                if fact.hold is not None:
                    fact.hold.sure = False
        for attempt in self.attempts.values():
            if attempt.queue == queue:
                attempt.valid = False
        return certain

    def emptied(self, certain: list[Fact]) -> None:
        """It was answered."""
        at = self.tick()
        for fact in certain:
            if fact.gone_at is None:
                fact.gone_at = at

    # Attempts ---------------------------------------------------------------------------------------------------

    def attempted(self, attempt: AttemptFact, messages: list[ReceivedMessage], was_valid: bool, now_ms: int) -> bool:
        """An attempt was answered; whether with the leases of before."""
        names = [message.lease for message in messages]
        same = bool(names) and names == [message.lease for message in attempt.messages]
        promised = was_valid and attempt.valid and attempt.messages and now_ms < attempt.asked_ms + ATTEMPT_WINDOW_MS
        if promised and not same and all(now_ms < hold.until_ms for hold in attempt.holds):
            raise Broken(f"attempt {attempt.id!r} was answered with other messages")
        return same
