"""Queues that go when nobody used them for so long (x-expires): no consumer, no get or receive, not declared anew.

The time starts anew with the server. One timer a queue stands for all its uses: when it falls due it looks when the
last one was.
"""

from oncemq.core import timers
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn


def used(turn: Turn, queue: Queue) -> None:
    """Somebody uses the queue, or just stopped to."""
    expires_ms = queue.settings.expires_ms
    if expires_ms is not None:
        queue.used_ms = turn.now_ms
        if not queue.unused_due_ms:
            _watch(turn, queue, turn.now_ms + expires_ms)


def is_unused(turn: Turn, queue: Queue) -> bool:
    """The timer asks: is the queue to go? If not yet, it asks again."""
    expires_ms = queue.settings.expires_ms
    if expires_ms is None or not 0 < queue.unused_due_ms <= turn.now_ms:
        return False
    queue.unused_due_ms = 0
    if queue.awaited:
        queue.used_ms = turn.now_ms
    due_ms = queue.used_ms + expires_ms
    if due_ms <= turn.now_ms:
        return True
    _watch(turn, queue, due_ms)
    return False


def _watch(turn: Turn, queue: Queue, due_ms: int) -> None:
    queue.unused_due_ms = due_ms
    turn.state.timers.add(due_ms, queue.host, queue.number, timers.UNUSED, 0)
