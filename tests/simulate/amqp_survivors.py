"""After a crash: what a recovered server holds against the AMQP clients' record, and the record settled by it.

What was confirmed or committed is there until it was settled; what was not answered is there as a whole or not at all.
"""

from __future__ import annotations

from typing import Any

from oncemq.core.host import Host
from oncemq.core.model import DELAYED, LEASED, PRIORITY_SHIFT
from oncemq.core.plain import plain
from tests.simulate.amqp_facts import (
    BINDINGS,
    DEAD,
    EXCHANGES,
    HELD_BACK,
    NEVER,
    QUEUES,
    STORED,
    Copy,
    Message,
    attempt_in,
    stored,
)
from tests.simulate.amqp_ledger import ACK, REJECT, AmqpLedger, Transaction
from tests.simulate.facts import Broken
from tests.simulate.found import Found

Place = tuple[str, str]
"""A message's id, and which of its copies it is."""


def check_amqp_survivors(ledger: AmqpLedger, entries: list[Found], host: Host | None, clock_ms: int) -> None:
    """Raises Broken; else every fact is settled. `clock_ms` is the server's time when it ended."""
    by_copy: dict[Place, Found] = {}
    for found in entries:
        key = _place(ledger, found)
        if key in by_copy:
            raise Broken(f"{key} is there twice: {by_copy[key]} and {found}")
        by_copy[key] = found
    _check_topology(ledger, host)
    for message in ledger.messages.values():
        if message.state == HELD_BACK:
            message.state = NEVER
        _check_whole(message, by_copy)
    for transaction in ledger.unanswered:
        _check_transaction(ledger, transaction, by_copy)
    ledger.unanswered.clear()
    for message in ledger.messages.values():
        _settle(ledger, message, by_copy, clock_ms)
    _check_order(ledger, entries)


def _place(ledger: AmqpLedger, found: Found) -> Place:
    name, attempt = attempt_in(found.content.body)
    message = ledger.messages.get(name)
    if message is None or attempt > message.attempts:
        raise Broken(f"{name} (attempt {attempt}) is there and was never published")
    if found.content != stored(message, attempt):
        raise Broken(f"the content of {name} is damaged")
    home = found.queue
    if found.queue == DEAD:
        home = found.afterlife.first_queue if found.afterlife is not None else "no queue"
    if home not in [copy.queue for copy in message.copies]:
        raise Broken(f"{name} is in {found.queue} and was never routed to {home}")
    return name, home


def _check_whole(message: Message, by_copy: dict[Place, Found]) -> None:
    """What is in one of its queues is in all of them, unless somebody has taken it out."""
    if message.state == STORED or len(message.copies) < 2:
        return
    untouched = [copy for copy in message.copies if copy.lasting and not (copy.may_be_gone or copy.gone)]
    there = [copy.queue for copy in untouched if (message.id, copy.queue) in by_copy]
    if there and len(there) < len(untouched):
        raise Broken(f"{message.id} is in {there} and not in all of its queues")


def _check_transaction(ledger: AmqpLedger, transaction: Transaction, by_copy: dict[Place, Found]) -> None:
    """Its commit was not answered: all of it happened, or none."""
    done: list[str] = []
    not_done: list[str] = []
    for message in transaction.messages:
        for copy in message.copies:
            there = (message.id, copy.queue) in by_copy
            if message.attempts == 1 and copy.lasting and not copy.may_be_gone:
                (done if there else not_done).append(f"{copy.name} was published")
    for hold, outcome in transaction.settled:
        found = by_copy.get((hold.copy.message.id, hold.copy.queue))
        kept = hold.copy.lasting or hold.dead
        if kept and (outcome == ACK or (outcome == REJECT and hold.dead)):
            (not_done if found is not None else done).append(f"{hold.copy.name} was acknowledged")
    if done and not_done:
        raise Broken(f"half of a transaction happened: {done} did, {not_done} did not")
    if transaction.messages and transaction.settled:
        ledger.hits[f"AMQP: transactions unanswered at a crash, found {'whole' if done else 'absent'}"] += 1


def _settle(ledger: AmqpLedger, message: Message, by_copy: dict[Place, Found], clock_ms: int) -> None:
    there = False
    for copy in message.copies:
        found = by_copy.get((message.id, copy.queue))
        if found is None:
            _check_absent(ledger, copy)
        else:
            there = True
            _check_present(ledger, copy, found, clock_ms)
    if message.state == STORED or not message.copies:
        return
    if message.state != NEVER:
        ledger.hits[f"AMQP: publishes unconfirmed at a crash, {'found' if there else 'not found'}"] += 1
    message.state = STORED if there else NEVER
    if not there:
        message.place = -1  # if it is published again, then anew
        for copy in message.copies:
            copy.gone = copy.may_be_gone = copy.must_be_dead = False


def _check_absent(ledger: AmqpLedger, copy: Copy) -> None:
    if not copy.lasting and not copy.must_be_dead:
        ledger.hits["AMQP: transient messages gone with a crash"] += not copy.gone and copy.message.state == STORED
        copy.gone, copy.holder = True, None
        return
    if copy.message.state == STORED and not (copy.may_be_gone or copy.gone):
        raise Broken(f"{copy.name} was confirmed or delivered, and is lost")
    if copy.may_be_gone and not copy.gone:
        ledger.hits["AMQP: acks uncertain at a crash, done"] += 1
    copy.gone = copy.may_be_gone
    copy.holder = None


def _check_present(ledger: AmqpLedger, copy: Copy, found: Found, clock_ms: int) -> None:
    message = copy.message
    if copy.gone:
        raise Broken(f"{copy.name} is back in {found.queue} after it was certainly gone")
    if message.state == NEVER:
        raise Broken(f"{copy.name} is there, and was rolled back, or its transaction was never committed")
    if not copy.lasting:
        if found.queue != DEAD:
            raise Broken(f"{copy.name} is transient, and outlived its server")
        ledger.hits["AMQP: transient messages dead-lettered and kept over a crash"] += 1
    ledger.hits["AMQP: acks uncertain at a crash, not done"] += copy.may_be_gone
    seen = copy.seen
    if found.queue == DEAD:
        _check_dead(ledger, copy, found, clock_ms)
        seen = copy.seen_dead
        copy.seen_dead, copy.must_be_dead = found.deliveries, True
    else:
        if copy.must_be_dead:
            raise Broken(f"{copy.name} is in its queue after it was certainly dead")
        if not copy.failures_least <= found.failures <= copy.failures_most:
            raise Broken(f"{copy.name} failed {copy.failures_least} times at least, {found.failures} are remembered")
        runs = found.state == LEASED and found.due_ms > 0  # the lease goes on, and may fail yet
        copy.failures_least, copy.failures_most = found.failures, found.failures + runs
        copy.seen, copy.rejected = found.deliveries, False
    if found.deliveries < seen:
        raise Broken(f"{copy.name} was delivered {seen} times, {found.deliveries} are remembered")
    kept = found.state == LEASED and found.due_ms >= copy.borrowed_until_ms
    if clock_ms < copy.borrowed_until_ms and not (kept or copy.may_be_gone):
        raise Broken(f"the lease of an SQS client on {copy.name} until {copy.borrowed_until_ms} is {found}")
    copy.borrowed_until_ms = found.due_ms if found.state == LEASED else 0
    if found.state == DELAYED:
        if found.due_ms < message.asked_ms + message.delay_ms:
            raise Broken(f"the delay of {copy.name} became shorter")
        ledger.hits["AMQP: delayed messages over a crash"] += 1
    ledger.hits["AMQP: delivery counts over a crash"] += found.deliveries > 0
    copy.may_be_gone, copy.holder = False, None


def _check_dead(ledger: AmqpLedger, copy: Copy, found: Found, clock_ms: int) -> None:
    assert found.afterlife is not None
    [death] = found.afterlife.deaths
    if (death.queue, death.count) != (copy.queue, 1) or not copy.may_die_of(death.reason, clock_ms):
        raise Broken(f"{copy.name} was dead-lettered: {death}")
    ledger.hits["AMQP: dead letters over a crash"] += 1


def _check_order(ledger: AmqpLedger, entries: list[Found]) -> None:
    """Every queue holds its messages in the order in which they were published, whatever was requeued."""
    by_queue: dict[str, list[Found]] = {}
    for found in entries:
        by_queue.setdefault(found.queue, []).append(found)
    for queue, held in by_queue.items():
        if queue == DEAD:
            continue
        held.sort(key=lambda found: (-(found.entry >> PRIORITY_SHIFT), found.entry))
        places = [_copy(ledger, found).place() for found in held]
        if places != sorted(places):
            raise Broken(f"{queue} is out of order: {[attempt_in(found.content.body)[0] for found in held]}")
        if (most := QUEUES[queue].length_max) is not None and sum(found.state == 1 for found in held) > most:
            raise Broken(f"{queue} holds more than {most} messages")


def _copy(ledger: AmqpLedger, found: Found) -> Copy:
    message = ledger.messages[attempt_in(found.content.body)[0]]
    return next(copy for copy in message.copies if copy.queue == found.queue)


def _check_topology(ledger: AmqpLedger, host: Host | None) -> None:
    if not ledger.declared:
        return
    assert host is not None
    for name, traits in QUEUES.items():
        queue = host.queues.get(name)
        if not traits.durable:
            if queue is not None:
                raise Broken(f"queue {name} is transient, and outlived its server")
            continue
        if queue is None or not queue.settings.durable or queue.settings.arguments != plain(traits.arguments):
            raise Broken(f"queue {name} is {queue.settings if queue is not None else 'lost'}")
    bound: set[Any] = set()
    for name in EXCHANGES:
        exchange = host.exchanges.get(name)
        if exchange is None:
            raise Broken(f"exchange {name} is lost")
        bound |= {(name, each.destination, each.routing_key) for each in exchange.bindings}
    if bound != {binding for binding in BINDINGS if QUEUES[binding[1]].durable}:
        raise Broken(f"the bindings are {bound}")
