"""Messages that consumers reject, or were sent too often (maxReceiveCount, x-max-receive-count).

The same limit as for receives (`decide.receiving`), with one more rule: a message goes on only after a delivery in this
queue. Queues whose dead letters come back to them would else pass one on for ever within one decision.
"""

from oncemq.core import timers
from oncemq.core.decide.dead_lettering import REASON_REJECTED, dead_letter
from oncemq.core.decide.receiving import move_dead, over_limit
from oncemq.core.host import Host
from oncemq.core.limits import DEAD_LETTERS_PER_RECEIVE, DELIVERIES_PER_STEP
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn


def redrive(turn: Turn, host: Host, queue: Queue) -> bool:
    """Of the messages that come next, those that were delivered too often go. False: so many have gone that the
    others are for the next tick.
    """
    if queue.settings.maximum_receives is None:
        return True
    gone = 0
    while queue.ready:
        entries = queue.order.peek(DELIVERIES_PER_STEP, turn.now_ms)
        dead = [entry for entry in over_limit(host, queue, entries) if _was_delivered_here(queue, entry)]
        if not dead:
            break
        if gone >= DEAD_LETTERS_PER_RECEIVE:
            turn.state.timers.add(turn.now_ms, host.number, queue.number, timers.SERVE, 0)
            return False
        move_dead(turn, host, queue, dead)
        gone += len(dead)
    return True


def reject(turn: Turn, host: Host, queue: Queue, entries: list[int]) -> None:
    """A consumer wants to see them no more: they go where the queue's exchange sends dead letters, or where its
    RedrivePolicy does; else they are gone.
    """
    settings = queue.settings
    if settings.dead_letter_exchange is None and settings.redrive_queue in host.queues:
        move_dead(turn, host, queue, entries)
    else:
        dead_letter(turn, host, queue, entries, REASON_REJECTED)


def _was_delivered_here(queue: Queue, entry: int) -> bool:
    return queue.blocks[entry >> BLOCK_SHIFT].leased_ms[entry & BLOCK_MASK] > 0
