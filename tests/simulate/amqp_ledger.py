"""The AMQP clients' own record of what was published, delivered and settled, and the rules it is held against.

Written from RabbitMQ's documentation and docs/amqp.md, not from the core. What was settled is certain once something
that was asked later on the same connection has been answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from oncemq.core.commands import Lease
from oncemq.core.outputs import ReceivedMessage
from tests.simulate.amqp_facts import (
    ASKED,
    DEAD,
    HELD_BACK,
    NEVER,
    QUEUES,
    ROUTES,
    STORED,
    Copy,
    Message,
    attempt_in,
    published,
    stored,
)
from tests.simulate.amqp_wire import DELIVER, GET_OK, Heard, headers_of
from tests.simulate.facts import Broken

ACK, REQUEUE, REJECT = range(3)


@dataclass(slots=True, eq=False)
class Hold:
    """A delivery that is not settled. `dead`: it came from the dead-letter queue."""

    copy: Copy
    dead: bool
    delivery_tag: int


@dataclass(slots=True, eq=False)
class Borrowed:
    """What an SQS client received and has not deleted."""

    copy: Copy
    lease: Lease
    until_ms: int


@dataclass(slots=True, eq=False)
class Transaction:
    """What one transaction publishes and settles."""

    messages: list[Message] = field(default_factory=list)
    settled: list[tuple[Hold, int]] = field(default_factory=list)


class AmqpLedger:
    """All facts of one seed, over all its crashes."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.declared = False
        """Every queue, exchange and binding certainly exists."""
        self.unanswered: list[Transaction] = []
        """Transactions whose commit was asked and not answered."""
        self.transient = False
        """Something was published that does not outlive the server."""
        self.places = 0
        self.hits: Counter[str] = Counter()

    # Publishing -------------------------------------------------------------------------------------------------

    def new(self, message: Message) -> Message:
        """A message is about to be published for the first time."""
        message.copies = [Copy(message, queue) for queue in ROUTES[message.route].queues]
        self.messages[message.id] = message
        self.transient = self.transient or not all(copy.lasting for copy in message.copies)
        return message

    def ask(self, message: Message, now_ms: int) -> None:
        """The server has been handed the message, and decides it at `now_ms` or later."""
        if message.place < 0:
            self.places += 1
            message.place, message.asked_ms = self.places, now_ms
        if message.state != STORED:
            message.state = ASKED

    def confirmed(self, message: Message) -> None:
        """Its publisher was told that it is safe."""
        if message.state == STORED and message.deduplicated and message.attempts > 1:
            self.hits["AMQP: duplicates confirmed"] += 1
        if message.state == NEVER:
            raise Broken(f"{message.id} was confirmed and never published")
        message.state = STORED
        self.hits["AMQP: publishes confirmed"] += 1
        self.hits["AMQP: publishes to several queues confirmed"] += len(message.copies) > 1

    def refused(self, message: Message) -> None:
        """Its publisher was told that a queue is too full for it."""
        if message.state == STORED or not message.refusable:
            raise Broken(f"{message.id} was refused")
        message.state = NEVER
        self.hits["AMQP: publishes refused by a full queue"] += 1

    def never(self, messages: Iterable[Message]) -> None:
        """They were not published after all, unless they were sent again meanwhile."""
        for message in messages:
            if message.attempts == 1:
                message.state = NEVER

    # Deliveries -------------------------------------------------------------------------------------------------

    def delivered(self, heard: Heard, queue: str, redelivered: bool, now_ms: int) -> Copy:
        """Somebody was sent a message from the queue."""
        message, attempt = self._known(heard.body)
        name = message.id
        header, body = published(message, attempt)
        if heard.body != body or (queue != DEAD and heard.header != header):
            raise Broken(f"the content of {name} is damaged")
        deaths = headers_of(heard.header) if queue == DEAD else {}
        home = deaths.get("x-first-death-queue", "") if queue == DEAD else queue
        copy = next((each for each in message.copies if each.queue == home), None)
        if copy is None:
            raise Broken(f"{name} was delivered from {queue}, where it was never routed to ({home})")
        self._check_due(copy, queue, now_ms)
        if queue == DEAD:
            self._check_deaths(copy, deaths, now_ms)
        self._count(copy, queue, redelivered)
        message.state = STORED
        return copy

    def overheard(self, heard: Heard) -> None:
        """It came to a channel that is refused, which holds it until then: that may count as a failure."""
        if heard.method in (DELIVER, GET_OK):
            for copy in self._known(heard.body)[0].copies:
                copy.failures_most += 1

    def _known(self, body: bytes) -> tuple[Message, int]:
        """The message that this is an attempt to publish, and which."""
        name, attempt = attempt_in(body)
        message = self.messages.get(name)
        if message is None or attempt > message.attempts:
            raise Broken(f"{name} (attempt {attempt}) was delivered and never published")
        if message.state == NEVER:
            raise Broken(f"{name} was delivered, and it was rolled back or refused")
        if message.state == HELD_BACK:
            raise Broken(f"{name} was delivered before its transaction was committed")
        return message, attempt

    def _check_due(self, copy: Copy, queue: str, now_ms: int) -> None:
        if copy.gone:
            raise Broken(f"{copy.name} is back from {queue} after it was certainly gone")
        if copy.holder is not None or now_ms < copy.borrowed_until_ms:
            raise Broken(f"{copy.name} was delivered to two at a time")
        if queue != DEAD and copy.must_be_dead:
            raise Broken(f"{copy.name} was delivered after it was certainly dead")
        if now_ms < copy.message.asked_ms + copy.message.delay_ms:
            raise Broken(f"{copy.name} was delivered before its delay was over")
        self.hits["AMQP: delayed messages delivered"] += copy.message.delay_ms > 0

    def _check_deaths(self, copy: Copy, headers: dict[str, Any], now_ms: int) -> None:
        lines = headers.get("x-death", [])
        reason = headers.get("x-first-death-reason", "")
        route = ROUTES[copy.message.route]
        wanted = {"count": 1, "reason": reason, "queue": copy.queue, "exchange": route.exchange}
        if len(lines) != 1 or any(lines[0].get(name) != value for name, value in wanted.items()):
            raise Broken(f"x-death of {copy.name} is {lines}")
        if lines[0].get("routing-keys") != [route.routing_key]:
            raise Broken(f"x-death of {copy.name} has the keys {lines[0].get('routing-keys')}")
        if not copy.may_die_of(reason, now_ms):
            raise Broken(f"{copy.name} was dead-lettered: {reason}")
        copy.must_be_dead = True
        self.hits[f"AMQP: dead letters delivered: {reason}"] += not copy.seen_dead

    def _count(self, copy: Copy, queue: str, redelivered: bool) -> None:
        seen = copy.seen_dead if queue == DEAD else copy.seen
        if seen and not redelivered:
            raise Broken(f"{copy.name} was delivered {seen} times, and now as if for the first time")
        self.hits["AMQP: messages redelivered"] += seen > 0
        if queue == DEAD:
            copy.seen_dead += 1
        else:
            copy.seen += 1

    # Settling ---------------------------------------------------------------------------------------------------

    def settle(self, hold: Hold, outcome: int) -> None:
        """Its holder has settled it, and it is not known yet whether that is durable."""
        copy = hold.copy
        copy.holder = None
        if outcome == ACK or (outcome == REJECT and self._ends(hold)):
            copy.may_be_gone = True
        elif outcome == REJECT:
            copy.rejected = True
        elif not hold.dead:
            copy.failures_most += 1

    def settled(self, hold: Hold, outcome: int) -> None:
        """It certainly is."""
        copy = hold.copy
        if outcome == ACK or (outcome == REJECT and self._ends(hold)):
            copy.gone = True
            self.hits["AMQP: acks certain"] += 1
        elif outcome == REJECT:
            copy.must_be_dead = True
        elif not hold.dead:
            copy.failures_least += 1
            limit = QUEUES[copy.queue].delivery_limit
            if limit is not None and copy.failures_least > limit:
                copy.must_be_dead = True

    def returned(self, hold: Hold, *, failed: bool) -> None:
        """Its holder's channel has ended."""
        hold.copy.holder = None
        if failed and not hold.dead:
            hold.copy.failures_most += 1

    @staticmethod
    def _ends(hold: Hold) -> bool:
        """Whether a rejection is its end."""
        return hold.dead or not QUEUES[hold.copy.queue].dead_letters

    # The other door ---------------------------------------------------------------------------------------------

    def borrow(self, received: ReceivedMessage, queue: str, until_ms: int, now_ms: int) -> Borrowed:
        """An SQS client received it from the queue. If its time passes, that is a failure."""
        assert received.content is not None, "an answer without its content"
        message, attempt = self._known(received.content.body)
        copy = next((each for each in message.copies if each.queue == queue), None)
        if copy is None or received.content != stored(message, attempt):
            raise Broken(f"{message.id} is damaged, or was received from {queue}, where it was never routed to")
        self._check_due(copy, queue, now_ms)
        if received.deliveries <= copy.seen:
            raise Broken(f"{copy.name} was delivered {copy.seen} times and says {received.deliveries}")
        message.state = STORED
        copy.seen, copy.borrowed_until_ms = received.deliveries, until_ms
        copy.failures_most += 1
        self.hits["AMQP: messages received through SQS"] += 1
        return Borrowed(copy, received.lease, until_ms)

    def deleted(self, borrowed: Borrowed, *, refused: bool, now_ms: int) -> None:
        """Its delete was answered."""
        if now_ms < borrowed.until_ms:
            if refused:
                raise Broken(f"{borrowed.copy.name} could not be deleted under a lease that holds")
            borrowed.copy.gone = True
            self.hits["AMQP: messages deleted through SQS"] += 1

    # Transactions -----------------------------------------------------------------------------------------------

    def ask_commit(self, transaction: Transaction, now_ms: int) -> None:
        """tx.commit is sent."""
        self.unanswered.append(transaction)
        for message in transaction.messages:
            self.ask(message, now_ms)
        for hold, outcome in transaction.settled:
            self.settle(hold, outcome)

    def committed(self, transaction: Transaction) -> None:
        """tx.commit-ok came: all of it is certain."""
        self.unanswered.remove(transaction)
        for message in transaction.messages:
            message.state = STORED
        for hold, outcome in transaction.settled:
            self.settled(hold, outcome)
        self.hits["AMQP: transactions committed"] += 1
        if transaction.messages and transaction.settled:
            self.hits["AMQP: transactions that publish and settle committed"] += 1

    def commit_refused(self, transaction: Transaction) -> None:
        """A queue is too full for a part of it: nothing of it happened, and its channel is closed."""
        if not any(message.refusable for message in transaction.messages):
            raise Broken(f"a commit was refused: {transaction}")
        self.unanswered.remove(transaction)
        self.never(transaction.messages)
        for hold, _ in transaction.settled:
            hold.copy.may_be_gone = False
            hold.copy.rejected = hold.copy.rejected and hold.dead  # what is dead was rejected before
        self.hits["AMQP: transactions refused whole"] += 1

    def rolled_back(self, transaction: Transaction) -> None:
        """tx.rollback, or the channel's end: nothing of it happened. Its holds are for the channel to return."""
        self.never(transaction.messages)
        self.hits["AMQP: transactions rolled back or left"] += bool(transaction.messages or transaction.settled)

    # The end ----------------------------------------------------------------------------------------------------

    def check_none_left(self) -> None:
        """All queues were emptied: what is certainly stored has certainly been settled."""
        for message in self.messages.values():
            copies = message.copies if message.state == STORED else ()
            left = [copy.name for copy in copies if not (copy.gone or copy.may_be_gone)]
            if left:
                raise Broken(f"confirmed, and never delivered: {left}")
