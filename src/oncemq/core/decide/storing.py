"""A routed run into its queues: stored once for all queues that take it in the same way.

Queues that deduplicate look at each message by itself. A duplicate is not stored, and its publisher is told that it
is: it is, from the first time.

A transient message (not persistent) that has a group or a deduplication id, or goes to a FIFO queue, is kept as a
persistent one: what it counts for there must not be forgotten.
"""

from hashlib import sha256

from oncemq.core.decide.lasting import publish
from oncemq.core.decide.routing import place_in
from oncemq.core.deduplication import digest
from oncemq.core.host import Host
from oncemq.core.model import Content
from oncemq.core.queue import Queue
from oncemq.core.routed_commands import Run
from oncemq.core.turn import Turn

Way = tuple[int, str | None]
"""Delay and group."""


def store(turn: Turn, host: Host, run: Run, queues: list[Queue], delay_ms: int = 0) -> None:
    """An entry in each queue for each message; `delay_ms` 0: as the queue delays."""
    ways: dict[Way, list[Queue]] = {}
    for queue in queues:
        if _deduplicates(queue, run):
            for content in run.contents:
                _store_once(turn, host, run, queue, content, delay_ms)
        else:
            ways.setdefault(_way(queue, run, delay_ms), []).append(queue)
        turn.wake(host, queue)
    for (delay_ms, group), alike in ways.items():
        places = [place_in(turn, queue, run.priority, run.expiration_ms, delay_ms) for queue in alike]
        due_ms = turn.now_ms + delay_ms if delay_ms else 0
        persistent = run.persistent or group is not None or any(queue.fifo for queue in alike)
        publish(turn, host, places, run.contents, persistent=persistent, due_ms=due_ms, group=group)


def _way(queue: Queue, run: Run, delay_ms: int) -> Way:
    """A queue with priorities has no groups: its order is that of the priorities."""
    settings = queue.settings
    return delay_ms or settings.delay_ms, None if settings.maximum_priority else run.group


def _deduplicates(queue: Queue, run: Run) -> bool:
    if run.deduplication is not None:
        return queue.fifo or queue.settings.deduplicates
    return queue.fifo and queue.settings.content_based_deduplication


def _store_once(turn: Turn, host: Host, run: Run, queue: Queue, content: Content, delay_ms: int) -> None:
    settings = queue.settings
    given = run.deduplication
    if given is None:
        given = sha256(content.body).hexdigest().encode()
    key = digest(given, run.group if settings.deduplicates_by_group else None)
    window_ms = run.deduplication_window_ms or settings.deduplication_window_ms
    if queue.deduplication.first(key, turn.now_ms) is not None:
        return
    delay_ms, group = _way(queue, run, delay_ms)
    places = [place_in(turn, queue, run.priority, run.expiration_ms, delay_ms)]
    due_ms = turn.now_ms + delay_ms if delay_ms else 0
    publish(turn, host, places, [content], due_ms=due_ms, group=group, key=key, window_ms=window_ms)
