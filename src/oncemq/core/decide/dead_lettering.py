"""Dead-lettering through an exchange: in the batch of what caused it, with x-death; and expiry.

The dead message is a new one on the same stored bytes: in other queues the old one may live on. A cycle without a
rejection in it (a message that would come back to a queue where it expired) ends: the message goes nowhere.
"""

from typing import Any

from oncemq.core.decide.lasting import emit_of_entries, is_durable, rewrite
from oncemq.core.decide.routing import delay_ms, delays, place_in, route
from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.host import Host
from oncemq.core.model import (
    BLOCK_MASK,
    BLOCK_SHIFT,
    PRIORITY_SHIFT,
    READY,
    TRANSIENT_QUEUE,
    Afterlife,
    Death,
    route_of,
)
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, EXPIRED, DeadLettered, Removed, Rewritten
from oncemq.core.routed_commands import copies
from oncemq.core.spans import spans_of
from oncemq.core.turn import Turn

REASON_EXPIRED = "expired"
REASON_REJECTED = "rejected"
REASON_MAXLEN = "maxlen"
REASON_DELIVERY_LIMIT = "delivery_limit"


def dead_letter(turn: Turn, host: Host, queue: Queue, entries: list[int], reason: str) -> None:
    """These entries leave the queue, to where its dead-letter exchange routes them, or for good."""
    exchange = queue.settings.dead_letter_exchange
    if exchange is None or (exchange and exchange not in host.exchanges):
        why = EXPIRED if reason == REASON_EXPIRED else DELETED
        emit_of_entries(turn, queue, Removed(host.number, queue.number, spans_of(entries), why))
        return
    for entry in entries:
        afterlife, headers = _afterlife(turn, host, queue, entry, reason, exchange)
        found = route(host, exchange, afterlife.routing_keys, headers)
        targets = [each for each in found if not _loops(afterlife, each)]
        priority = entry >> PRIORITY_SHIFT
        again = any(delays(host, death.exchange) for death in afterlife.deaths)  # it waited once
        waits_ms = 0 if again else delay_ms(host, exchange, headers)
        places = [place_in(turn, each, priority, None, waits_ms) for each in targets]
        _bury(turn, host, queue, entry, places, afterlife, turn.now_ms + waits_ms if waits_ms else 0)
        for target in targets:
            turn.wake(host, target)


def _bury(
    turn: Turn,
    host: Host,
    queue: Queue,
    entry: int,
    places: list[tuple[int, int, int]],
    afterlife: Afterlife,
    due_ms: int,
) -> None:
    durable = not queue.transient and is_durable(queue, entry)
    across = [place for place in places if place[0] >= TRANSIENT_QUEUE] if durable else places
    if across:
        content = turn.content(host, queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK])
        record = Rewritten(host.number, 0, across, turn.now_ms, due_ms, None, afterlife, None, 0, 0, 0, 0, [content])
        rewrite(turn, host, record)
    if durable:
        staying = [place for place in places if place[0] < TRANSIENT_QUEUE]
        turn.emit(DeadLettered(host.number, queue.number, entry, host.messages.next, staying, afterlife, due_ms))
    else:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, [(entry, 1)], DELETED))


def expire(turn: Turn, host: Host, queue: Queue, entries: list[int]) -> None:
    """Those of the entries leave the queue that are ready and whose time is over. What is held when its time comes
    is looked at when it comes back.
    """
    expired: dict[int, None] = {}
    for entry in entries:
        block = queue.blocks.get(entry >> BLOCK_SHIFT)
        if block is None or block.expires_ms is None or queue.state_of(entry) != READY:
            continue
        if 0 < block.expires_ms[entry & BLOCK_MASK] <= turn.now_ms:
            expired[entry] = None
    if expired:
        dead_letter(turn, host, queue, list(expired), REASON_EXPIRED)


def _afterlife(
    turn: Turn, host: Host, queue: Queue, entry: int, reason: str, exchange: str
) -> tuple[Afterlife, dict[str, Any]]:
    """What it takes along, and the headers that it is routed by."""
    message = queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK]
    before = host.messages.afterlife(message)
    headers: dict[str, Any] = {}
    if before is None or exchange != DEFAULT_EXCHANGE:
        content = turn.content(host, message)
        headers |= turn.state.headers_of(content)
    if before is not None:
        came_by, keys = before.exchange, before.routing_keys
    else:
        came_by, key = route_of(content) or (DEFAULT_EXCHANGE, queue.name)
        keys = [key, *copies(headers, "CC")]
    deaths = list(before.deaths) if before is not None else []
    same = next((death for death in deaths if (death.queue, death.reason) == (queue.name, reason)), None)
    count = 1 if same is None else same.count + 1
    if same is not None:
        deaths.remove(same)
    deaths.insert(0, Death(queue.name, reason, came_by, keys, count, turn.now_ms))
    own_key = queue.settings.dead_letter_routing_key
    first = (
        (before.first_queue, before.first_reason, before.first_exchange) if before else (queue.name, reason, came_by)
    )
    afterlife = Afterlife(deaths, exchange, [own_key] if own_key else keys, *first)
    return afterlife, headers | afterlife.first_and_last


def _loops(afterlife: Afterlife, target: Queue) -> bool:
    """Whether nobody rejected it since it last died in `target`: it came back by itself, and would for ever."""
    for death in afterlife.deaths:
        if death.reason == REASON_REJECTED:
            return False
        if death.queue == target.name:
            return True
    return False
