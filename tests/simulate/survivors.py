"""After a crash: what a recovered server holds against the clients' record, and the record settled by it.

What was answered must be there. What was asked and not answered is there or not, as a whole; whichever it is, it is a
fact from now on, because nothing that was asked before the crash can still be decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oncemq.core.host import Host
from oncemq.core.model import DELAYED, LEASED
from oncemq.core.settings import Settings, changed
from tests.simulate.facts import Broken, Fact, Hold, QueueFact, id_of
from tests.simulate.found import Found
from tests.simulate.ledger import Ledger

STATUS_AT_END = ("COMPLETED", "CANCELLED", "FAILED")


def check_survivors(ledger: Ledger, entries: list[Found], host: Host | None, clock_ms: int) -> None:
    """Raises Broken; else every fact is settled. `clock_ms` is the server's time when it ended."""
    by_id: dict[str, list[Found]] = {}
    for found in entries:
        name, attempt = id_of(found.content)
        if name not in ledger.facts or attempt > ledger.facts[name].attempts:
            raise Broken(f"{name} (attempt {attempt}) is there and was never sent")
        by_id.setdefault(name, []).append(found)
    _check_wholes(ledger.facts.values(), by_id)
    for fact in ledger.facts.values():
        there = by_id.get(fact.id, ())
        if len(there) > 1:
            raise Broken(f"{fact.id} is there {len(there)} times: {there}")
        if there:
            _check_present(ledger, fact, there[0], clock_ms)
        else:
            _check_absent(ledger, fact)
    for queue in ledger.queues.values():
        _check_queue(queue, host)
    _check_tasks(ledger, host)
    for attempt_fact in ledger.attempts.values():
        if attempt_fact.busy:  # whether it was answered again, nobody knows
            attempt_fact.busy = attempt_fact.valid = False


def _check_wholes(facts: Iterable[Fact], by_id: dict[str, list[Found]]) -> None:
    """A command of several messages is there as a whole, or not at all."""
    for fact in facts:
        together = fact.companions
        if len(together) < 2 or fact is not together[0]:
            continue
        if any(each.known or each.may_be_gone or each.attempts > 1 or each.gone_at for each in together):
            continue  # it was answered, or each has a story of its own since
        if len({each.id in by_id for each in together}) > 1:
            raise Broken(f"half of a batch is there: {[each.id for each in together]}")


def _check_absent(ledger: Ledger, fact: Fact) -> None:
    if fact.gone_at is not None:
        return
    if fact.known and not fact.may_be_gone:
        raise Broken(f"{fact.id}, message {fact.number} of {fact.queue}, was acknowledged and is lost")
    if fact.may_be_gone or not ledger.queues[fact.queue].fifo:
        fact.gone_at = ledger.tick()  # what is unknown of a FIFO queue may be sent again


def _check_present(ledger: Ledger, fact: Fact, found: Found, clock_ms: int) -> None:
    if fact.gone_at is not None:
        raise Broken(f"{fact.id} is back in {found.queue} after it was certainly gone")
    _check_place(ledger, fact, found)
    if fact.number is not None and found.message != fact.number:
        if not (found.message > fact.number and ledger.may_have_moved(fact)):
            raise Broken(f"{fact.id} was message {fact.number} and is {found.message}")
        fact.seen, fact.last_token, fact.hold = 0, 0, None
    if found.deliveries < fact.seen:
        raise Broken(f"{fact.id} was delivered {fact.seen} times, {found.deliveries} are remembered")
    if 0 < found.token < fact.last_token and found.queue == fact.queue:  # 0: taken back, its answer was not written
        raise Broken(f"{fact.id} was leased under {fact.last_token}, {found.token} is remembered")
    if found.state == DELAYED and found.due_ms < fact.asked_ms + fact.delay_ms:
        raise Broken(f"the delay of {fact.id} became shorter")
    fact.hold = _settled_hold(fact, found, clock_ms)
    fact.known, fact.may_be_gone = True, False
    fact.number, fact.seen = found.message, max(fact.seen, found.deliveries)
    fact.last_token = max(fact.last_token, found.token)


def _check_place(ledger: Ledger, fact: Fact, found: Found) -> None:
    home = ledger.queues[fact.queue]
    if found.group != fact.group:
        raise Broken(f"{fact.id} was sent to group {fact.group} and is in {found.group}")
    if found.queue == fact.queue:
        return
    if found.queue != home.dead_letter_queue:
        raise Broken(f"{fact.id} was sent to {fact.queue} and is in {found.queue}")
    if found.deliveries < home.maximum_receives:
        raise Broken(f"{fact.id} was dead-lettered after {found.deliveries} receives")


def _settled_hold(fact: Fact, found: Found, clock_ms: int) -> Hold | None:
    hold = fact.hold
    if hold is None:
        return None
    held = found.state == LEASED and found.token == hold.lease.token and found.queue == hold.queue
    if hold.sure and clock_ms < hold.until_ms and not (held and found.due_ms >= hold.until_ms):
        raise Broken(f"the lease on {fact.id} until {hold.until_ms} did not survive: {found}")
    if not held:
        return None
    hold.until_ms, hold.sure, hold.busy = found.due_ms, True, False
    return hold


def _check_queue(fact: QueueFact, host: Host | None) -> None:
    queue = host.queues.get(fact.name) if host is not None else None
    fact.busy = False
    if queue is None:
        if fact.exists:
            raise Broken(f"queue {fact.name} is lost")
        fact.possible = [None]
        return
    for possible in fact.possible:
        if possible is not None and is_as_told(queue.settings, possible[0]) and queue.tags == possible[1]:
            fact.possible = [possible]
            return
    raise Broken(f"queue {fact.name} is {queue.settings} {queue.tags}, not one of {fact.possible}")


def is_as_told(settings: Settings, told: dict[str, Any]) -> bool:
    """Whether the settings are the defaults but for what was told."""
    return settings == changed(Settings(), told)


def _check_tasks(ledger: Ledger, host: Host | None) -> None:
    for number, (source, status, moved) in ledger.tasks.items():
        task = host.tasks.get(number) if host is not None else None
        if task is None or task.source_name != source or task.moved < moved:
            raise Broken(f"move task {number} of {source} was {status} with {moved} moved and is {task}")
        if status in STATUS_AT_END and task.status != status:
            raise Broken(f"move task {number} was {status} and is {task.status}")
