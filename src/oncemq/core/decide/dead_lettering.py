"""Dead-lettering through an exchange: in the batch of what caused it, with x-death; and expiry.

The dead message is a new one on the same stored bytes: in other queues the old one may live on. A cycle without a
rejection in it (a message that would come back to a queue where it expired) ends: the message goes nowhere.
"""

from oncemq.core.decide.routing import place_in, route
from oncemq.core.host import Host
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, PRIORITY_SHIFT, Afterlife, Death, route_of
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, EXPIRED, DeadLettered, Removed
from oncemq.core.turn import Turn

REASON_EXPIRED = "expired"
REASON_REJECTED = "rejected"


def dead_letter(turn: Turn, host: Host, queue: Queue, entries: list[int], reason: str) -> None:
    """These entries leave the queue, to where its dead-letter exchange routes them, or for good."""
    exchange = queue.settings.dead_letter_exchange
    if exchange is None or (exchange and exchange not in host.exchanges):
        why = EXPIRED if reason == REASON_EXPIRED else DELETED
        turn.emit(Removed(host.number, queue.number, entries, why))
        return
    for entry in entries:
        afterlife, key = _afterlife(turn, host, queue, entry, reason, exchange)
        targets = [each for each in route(host, exchange, [key], {}) if not _loops(afterlife, each, reason)]
        priority = entry >> PRIORITY_SHIFT
        places = [place_in(turn, each, priority, None) for each in targets]
        turn.emit(DeadLettered(host.number, queue.number, entry, host.messages.next, places, afterlife))
        for target in targets:
            turn.wake(host, target)


def _afterlife(turn: Turn, host: Host, queue: Queue, entry: int, reason: str, exchange: str) -> tuple[Afterlife, str]:
    message = queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK]
    before = host.messages.afterlife(message)
    if before is not None:
        came_by, key = before.exchange, before.routing_key
    else:
        came_by, key = route_of(turn.log.content(*host.messages.place(message))) or ("", queue.name)
    deaths = list(before.deaths) if before is not None else []
    same = next((death for death in deaths if (death.queue, death.reason) == (queue.name, reason)), None)
    count = 1 if same is None else same.count + 1
    if same is not None:
        deaths.remove(same)
    deaths.insert(0, Death(queue.name, reason, came_by, [key], count, turn.now_ms))
    following = queue.settings.dead_letter_routing_key or key
    first = (
        (before.first_queue, before.first_reason, before.first_exchange) if before else (queue.name, reason, came_by)
    )
    return Afterlife(deaths, exchange, following, *first), following


def _loops(afterlife: Afterlife, target: Queue, reason: str) -> bool:
    died_there = any(death.queue == target.name for death in afterlife.deaths)
    return died_there and all(death.reason != REASON_REJECTED for death in afterlife.deaths)
