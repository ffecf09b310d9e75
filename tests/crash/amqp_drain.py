"""All AMQP clients of one data folder; and, after the last restart, all that is left taken out by the same rules."""

from __future__ import annotations

import time

from tests.crash.amqp_clients import AmqpClient, AmqpConsumer, Mover, Publisher, Rejecter
from tests.crash.amqp_owner import DeduplicationOwner, Owner, PriorityOwner
from tests.crash.amqp_record import DEAD, DELAYED, FAN, IN, OUT, RETRY, AmqpFact, AmqpRecord
from tests.crash.clients import Gate
from tests.crash.record import Broken

DELAYED_SECONDS = 10


def all_amqp_clients(gate: Gate, record: AmqpRecord, seed: int) -> list[AmqpClient]:
    """The load of one data folder."""
    clients: list[AmqpClient] = [
        Publisher("p0", gate, record, seed),
        Publisher("p1", gate, record, seed),
        Mover("m0", gate, record, seed),
        Mover("m1", gate, record, seed),
        Rejecter("x0", gate, record, seed),
        PriorityOwner("u0", gate, record, seed),
        DeduplicationOwner("d0", gate, record, seed),
    ]
    return clients + [AmqpConsumer(f"c-{queue}", gate, record, seed, queue) for queue in (*FAN, DELAYED, OUT, DEAD)]


def drain_amqp(gate: Gate, record: AmqpRecord, clients: list[AmqpClient]) -> None:
    """Raises Broken."""
    for queue in (DELAYED, RETRY, IN, OUT, DEAD, *FAN):
        _empty(gate, record, queue)
    record.check_none_left(gate.amqp_port)
    for client in clients:
        if isinstance(client, Owner):
            client.drain()


def _empty(gate: Gate, record: AmqpRecord, queue: str) -> None:
    """Until nothing is ready any more, and nothing delayed is awaited."""
    drain = AmqpConsumer(f"drain-{queue}", gate, record, 0, queue)
    drain.connect()
    came: list[AmqpFact] = []
    deadline = time.monotonic() + DELAYED_SECONDS
    while True:
        taken = drain.take(100, 0.02)
        if taken:
            came += [fact for _, fact in taken]
            drain.ack(queue, taken)
        elif not drain.sync(queue) and not _awaited(record, queue):
            break
        if time.monotonic() > deadline:
            raise Broken(f"lost: {[fact.name for fact in _awaited(record, queue)]} of {queue}")
    if queue in FAN:
        _check_order(queue, came)
    drain.server.close()


def _awaited(record: AmqpRecord, queue: str) -> list[AmqpFact]:
    facts = record.facts.values() if queue == DELAYED else ()
    return [fact for fact in facts if fact.queue == queue and fact.stored and not (fact.gone or fact.ack_asked)]


def _check_order(queue: str, came: list[AmqpFact]) -> None:
    """What one client published comes in its order, whatever was given back in between."""
    last: dict[str, int] = {}
    for fact in came:
        if fact.sequence < last.get(fact.sender, -1):
            raise Broken(f"{fact.name} of {queue} came after {last[fact.sender]}")
        last[fact.sender] = fact.sequence
