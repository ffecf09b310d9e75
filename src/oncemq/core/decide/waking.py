"""What follows of a command in the queues that it woke: deliveries, parked receives, overflow.

Kept apart from what wakes them, since each may wake others: a delivery a dead letter, a dead letter a delivery.
"""

from oncemq.core.decide.dead_lettering import REASON_MAXLEN, dead_letter
from oncemq.core.decide.delivering import deliver
from oncemq.core.host import Host
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn


def serve_woken(turn: Turn) -> None:
    """Until no queue is left that was woken."""
    while turn.woken:
        queue, host = turn.woken.popitem()
        if host.queues_by_number.get(queue.number) is queue:
            deliver(turn, host, queue)
            _drop_overflow(turn, host, queue)  # what a consumer takes at once was never too much


def _drop_overflow(turn: Turn, host: Host, queue: Queue) -> None:
    """Of a queue that drops its head, the oldest ready messages that are too many."""
    maximum = queue.settings.maximum_length
    if maximum is not None and queue.settings.overflow == "drop-head":
        while queue.ready > maximum:
            entries = queue.order.peek(queue.ready - maximum, turn.now_ms)
            if not entries:
                return
            dead_letter(turn, host, queue, entries, REASON_MAXLEN)
    maximum_bytes = queue.settings.maximum_bytes
    if maximum_bytes is not None and queue.settings.overflow == "drop-head":
        while queue.ready_bytes > maximum_bytes:
            entries = queue.order.peek(1, turn.now_ms)
            if not entries:
                return
            dead_letter(turn, host, queue, entries, REASON_MAXLEN)
