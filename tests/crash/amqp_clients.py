"""Concurrent AMQP clients, a thread each, that go on over every kill."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from pamqp import commands

from tests.crash.amqp_record import DEAD, DELAYED, FAILURES_MAX, FAN, IN, OUT, RETRY, AmqpFact, AmqpRecord, Moving
from tests.crash.amqp_wire import CHANNEL, AmqpWire
from tests.crash.clients import BACKLOG_MAX, Gate
from tests.crash.wire import ANSWER_SECONDS, Unanswered
from tests.simulate import amqp_wire as wire

DELAYS_MS = (300, 800, 2_000)
ROUTES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "all": ("a-all", "", FAN),
    "later": ("a-later", "later", (DELAYED,)),
    "in": ("", IN, (IN,)),
    "retry": ("", RETRY, (RETRY,)),
}
"""Exchange, routing key, and the queues that it must be in then."""
QUEUES: dict[str, dict[str, Any]] = {
    **{name: {} for name in (*FAN, DELAYED, IN, OUT, DEAD)},
    RETRY: {"x-dead-letter-exchange": "a-deaths", "x-delivery-limit": FAILURES_MAX},
}
EXCHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a-all": ("fanout", {}),
    "a-deaths": ("fanout", {}),
    "a-later": ("x-delayed-message", {"x-delayed-type": "direct"}),
}
BINDINGS = [("a-all", queue, "") for queue in FAN] + [("a-deaths", DEAD, ""), ("a-later", DELAYED, "later")]


class AmqpClient(threading.Thread):
    """Runs `turn` again and again, each time on a connection that works."""

    mode = ""

    def __init__(self, name: str, gate: Gate, record: AmqpRecord, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self.gate, self.record = gate, record
        self.dice = random.Random(f"{seed} {name}")
        self.wire: AmqpWire | None = None
        self.held: dict[int, AmqpFact] = {}
        """Delivery tag → what this client holds."""

    def run(self) -> None:
        try:
            while not self.gate.stopping:
                self.try_turn()
        except BaseException as error:
            self.gate.fail(error)
        if self.wire is not None:
            self.record.left()
            self.wire.close()

    def try_turn(self) -> None:
        """One turn; a connection that ends in it is given up."""
        try:
            if self.wire is None:
                self.connect()
            self.turn()
        except Unanswered:
            self.wire = None
            self.lost()

    def connect(self) -> None:
        """To the server as it is now."""
        if not self.gate.wait_open():
            raise Unanswered
        self.wire = AmqpWire(self.gate.amqp_port, self.mode)
        self.connected()

    def turn(self) -> None:
        """One thing that this client does."""
        raise NotImplementedError

    def connected(self) -> None:
        """There is a new connection."""

    def lost(self) -> None:
        """What it held goes back. The server was killed: that is no failure, but it may not have been."""
        self.record.returned(list(self.held.values()), failed=True)
        self.held.clear()

    def leave(self) -> None:
        """End the connection without a word."""
        self.lost()
        self.server.close()
        raise Unanswered

    @property
    def server(self) -> AmqpWire:
        """The connection of this turn."""
        assert self.wire is not None
        return self.wire

    def call(self, method: Any, *answers: int) -> wire.Heard:
        """Ask and wait."""
        self.gate.asked()
        is_answer = False
        try:
            heard = self.server.call(method, *answers)
            is_answer = True
        finally:
            self.gate.answered(is_answer)
        return heard

    def publish(self, messages: list[tuple[bytes, list[AmqpFact]]]) -> None:
        """Send them, and wait until all are confirmed."""
        server, first = self.server, self.server.published + 1
        server.published += len(messages)
        waiting = {first + at: facts for at, (_, facts) in enumerate(messages)}
        server.send(b"".join(data for data, _ in messages))
        while waiting:
            heard = self.hear()
            assert heard.method == wire.ACKED, f"{heard.method:x} instead of a confirm"
            tag, multiple = wire.settlement_of(heard)
            for each in [each for each in waiting if each == tag or (multiple and each <= tag)]:
                self.record.confirmed(waiting.pop(each))

    def hear(self) -> wire.Heard:
        """What must come."""
        self.gate.asked()
        heard = None
        try:
            heard = self.server.hear(ANSWER_SECONDS)
        finally:
            self.gate.answered(heard is not None)
        assert heard is not None, "the server does not answer"
        return heard

    def take(self, most: int, seconds: float) -> list[tuple[int, AmqpFact]]:
        """What is delivered within so long, and the tags."""
        taken: list[tuple[int, AmqpFact]] = []
        while len(taken) < most and (heard := self.server.hear(seconds if not taken else 0.002)) is not None:
            delivery = wire.delivery_of(heard)
            headers = wire.headers_of(heard.header) if delivery.consumer == DEAD else {}
            name = heard.body.rstrip(b".").decode()
            fact = self.record.delivered(name, delivery.consumer, delivery.redelivered, headers, self.server.port)
            self.held[delivery.tag] = fact
            taken.append((delivery.tag, fact))
        return taken

    def consume(self, queue: str, prefetch: int) -> None:
        """Under the queue's own name."""
        self.call(commands.Basic.Qos(0, prefetch, False), wire.QOS_OK)
        self.call(commands.Basic.Consume(0, queue, queue), wire.CONSUME_OK)

    def sync(self, queue: str) -> int:
        """Until all that was said before is certain; how many messages are ready in the queue."""
        heard = self.call(commands.Queue.Declare(0, queue, passive=True), wire.QUEUE_DECLARE_OK)
        ready: int = wire.decoded(heard).message_count
        return ready

    def ack(self, queue: str, taken: list[tuple[int, AmqpFact]]) -> None:
        """Acknowledge them, and wait until that is certain."""
        facts = [self.held.pop(tag) for tag, _ in taken]
        self.record.ask_ack(facts)
        self.server.send(b"".join(wire.ack(CHANNEL, tag) for tag, _ in taken))
        self.sync(queue)
        self.record.acked(facts)

    def requeue(self, taken: list[tuple[int, AmqpFact]]) -> None:
        """Give them back."""
        self.record.returned([self.held.pop(tag) for tag, _ in taken], failed=True)
        self.server.send(b"".join(wire.nack(CHANNEL, tag, False, True) for tag, _ in taken))


class Publisher(AmqpClient):
    """Publishes in windows, to one queue or several, now and then with a delay; what is not confirmed is forgotten."""

    mode = "confirm"
    sent = 0

    def turn(self) -> None:
        able = [route for route in ROUTES.values() if self.record.backlog[route[2][0]] < BACKLOG_MAX]
        if not able:
            self.gate.wait_stopping(0.01)
            return
        messages = []
        for _ in range(self.dice.choice((1, 5, 20))):
            exchange, key, queues = self.dice.choice(able)
            name = f"{self.name}-{self.sent}"
            delay_ms = self.dice.choice(DELAYS_MS) if exchange == "a-later" else 0
            due_seconds = time.time() + delay_ms / 1000 if delay_ms else 0.0
            life = self.server.port if exchange == "a-all" and self.dice.random() < 0.2 else 0
            facts = [AmqpFact(name, queue, self.name, self.sent, due_seconds, life) for queue in queues]
            self.sent += 1
            self.record.ask(facts)
            body = name.encode() + b"." * self.dice.choice((0, 100, 3_000))
            headers: dict[str, int | str] = {"x-delay": delay_ms} if delay_ms else {}
            header = wire.content_header(len(body), 1 if life else 2, headers=headers)
            messages.append((wire.publish(CHANNEL, exchange, key, header, body), facts))
        self.publish(messages)


class AmqpConsumer(AmqpClient):
    """Acknowledges most of what one queue delivers, and gives the rest back, one way or the other."""

    def __init__(self, name: str, gate: Gate, record: AmqpRecord, seed: int, queue: str) -> None:
        super().__init__(name, gate, record, seed)
        self.queue = queue

    def connected(self) -> None:
        self.consume(self.queue, 40)

    def turn(self) -> None:
        taken = self.take(20, 0.2)
        if not taken:
            return
        roll = self.dice.random()
        if roll < 0.1:
            self.requeue(taken)
        elif roll < 0.12:
            self.leave()
        else:
            self.ack(self.queue, taken)


class Rejecter(AmqpClient):
    """Rejects what it is sent, for good or until the delivery limit is passed."""

    def connected(self) -> None:
        self.consume(RETRY, 10)

    def turn(self) -> None:
        taken = self.take(10, 0.2)
        if taken and self.dice.random() < 0.5:
            self.requeue(taken)
        elif taken:
            facts = [self.held.pop(tag) for tag, _ in taken]
            self.record.ask_reject(facts)
            self.server.send(b"".join(wire.reject(CHANNEL, tag, False) for tag, _ in taken))
            self.sync(RETRY)
            self.record.rejected(facts)


class Mover(AmqpClient):
    """From one queue to the other, in transactions: all of one or nothing."""

    mode = "tx"

    def connected(self) -> None:
        self.consume(IN, 60)

    def turn(self) -> None:
        taken = self.take(self.dice.choice((2, 60)), 0.2)
        if not taken:
            return
        data = []
        for tag, fact in taken:
            body = fact.name.encode()
            header = wire.content_header(len(body))
            data += [wire.publish(CHANNEL, "", OUT, header, body), wire.ack(CHANNEL, tag)]
        if self.dice.random() < 0.1:
            self.server.send(b"".join(data))
            self.call(commands.Tx.Rollback(), wire.ROLLBACK_OK)
            self.leave()
        sources = [self.held.pop(tag) for tag, _ in taken]
        moving = Moving()
        targets = self.record.ask_move(sources, moving)
        self.server.send(b"".join(data))
        self.gate.commits(1)
        try:
            self.call(commands.Tx.Commit(), wire.COMMIT_OK)
        except Unanswered:
            moving.cut = True
            raise
        finally:
            self.gate.commits(-1)
        self.record.moved(sources, targets)


def declare_amqp(port: int) -> None:
    """The queues that are shared, their exchanges and bindings."""
    server = AmqpWire(port)
    for name, (kind, arguments) in EXCHANGES.items():
        server.call(
            commands.Exchange.Declare(0, name, kind, durable=True, arguments=arguments), wire.EXCHANGE_DECLARE_OK
        )
    for name, arguments in QUEUES.items():
        server.call(commands.Queue.Declare(0, name, durable=True, arguments=arguments), wire.QUEUE_DECLARE_OK)
    for exchange, queue, key in BINDINGS:
        server.call(commands.Queue.Bind(0, queue, exchange, key), wire.QUEUE_BIND_OK)
    server.close()
