"""What of a decision is journalled, and what lives no longer than the server: see `core.transient`.

A queue's records are left out of the batch where the queue is transient; a record of entries is split where a durable
queue holds transient messages. A message goes into durable and transient queues as two: stored once for each.
"""

from collections.abc import Sequence
from itertools import takewhile

from msgspec.structs import replace

from oncemq.core.apply import Places
from oncemq.core.host import Host
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, TRANSIENT, TRANSIENT_QUEUE, Content
from oncemq.core.queue import Queue
from oncemq.core.records import (
    Delivered,
    LeaseExtended,
    Published,
    QueueChanged,
    QueueCreated,
    QueueDeleted,
    QueuePurged,
    QueueTagged,
    Released,
    Removed,
    Rewritten,
)
from oncemq.core.spans import Span, numbers_of, spans_of
from oncemq.core.turn import Turn

OfQueue = QueueCreated | QueueChanged | QueueTagged | QueuePurged | QueueDeleted
OfEntries = Removed | Released | LeaseExtended
Place = tuple[int, int, int]


def emit_of_queue(turn: Turn, record: OfQueue) -> None:
    """It happened to a queue."""
    if record.queue >= TRANSIENT_QUEUE:
        turn.emit_transient(record)
    else:
        turn.emit(record)


def emit_of_entries(turn: Turn, queue: Queue, record: OfEntries) -> None:
    """It happened to these entries of the queue."""
    if queue.transient:
        turn.emit_transient(record)
    elif not queue.transient_entries:
        turn.emit(record)
    else:
        entries = numbers_of(record.spans) if isinstance(record, Removed) else record.entries
        durable, transient = _by_lasting(queue, entries)
        if durable:
            turn.emit(_of(record, durable))
        if transient:
            turn.emit_transient(_of(record, transient))


def _of(record: OfEntries, entries: list[int]) -> OfEntries:
    if isinstance(record, Removed):
        return replace(record, spans=spans_of(entries))
    return replace(record, entries=entries)


def lease(turn: Turn, host: Host, queue: Queue, spans: list[Span], due_ms: int, attempt: bytes | None = None) -> None:
    """Hand out these ready entries under new tokens."""
    number = queue.number
    if not queue.transient and not queue.transient_entries:
        turn.emit(Delivered(host.number, number, spans, host.next_token, due_ms, attempt))
        return
    durable, transient = ([], numbers_of(spans)) if queue.transient else _by_lasting(queue, numbers_of(spans))
    if durable:
        turn.emit(Delivered(host.number, number, spans_of(durable), host.next_token, due_ms, attempt))
    if transient:
        first_token = host.next_transient_token
        turn.emit_transient(Delivered(host.number, number, spans_of(transient), first_token, due_ms, attempt))


def _by_lasting(queue: Queue, entries: Sequence[int]) -> tuple[list[int], list[int]]:
    """Those of durable messages, and those of transient ones."""
    durable: list[int] = []
    transient: list[int] = []
    for entry in entries:
        message = queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK]
        (transient if message >= TRANSIENT else durable).append(entry)
    return durable, transient


def alike(queue: Queue, spans: list[Span]) -> tuple[list[Span], bool]:
    """The leading entries that are all of durable messages or all of transient ones, and whether they are transient."""
    if queue.transient or not queue.transient_entries:
        return spans, queue.transient
    entries = numbers_of(spans)
    transient = not is_durable(queue, entries[0])
    leading = takewhile(lambda entry: is_durable(queue, entry) != transient, entries)
    return spans_of(list(leading)), transient


def next_message(host: Host, queue: Queue) -> int:
    """The number that a message gets that is sent to this queue alone, durably if it can be."""
    return host.messages.transient.next if queue.transient else host.messages.next


def publish(
    turn: Turn,
    host: Host,
    places: list[Place],
    contents: list[Content],
    *,
    persistent: bool = True,
    due_ms: int = 0,
    group: str | None = None,
    key: bytes | None = None,
    window_ms: int = 0,
) -> None:
    """Messages were stored, with an entry in each place. Not persistent: nowhere do they outlive the server."""
    durable = [place for place in places if place[0] < TRANSIENT_QUEUE] if persistent else []
    if durable:
        number = host.messages.next
        turn.emit(Published(host.number, number, durable, due_ms, group, key, window_ms, contents))
    if len(durable) < len(places):
        transient = [place for place in places if place not in durable] if durable else places
        number = host.messages.transient.next
        kept = _keep(turn, contents)
        turn.emit_transient(Published(host.number, number, transient, due_ms, group, key, window_ms, contents), kept)


def rewrite(turn: Turn, host: Host, record: Rewritten) -> None:
    """A message was stored anew in the places of the record, whose number is given here."""
    durable = [place for place in record.queues if place[0] < TRANSIENT_QUEUE]
    transient = [place for place in record.queues if place[0] >= TRANSIENT_QUEUE]
    if durable:
        turn.emit(replace(record, first_message=host.messages.next, queues=durable))
    if transient:
        number, kept = host.messages.transient.next, _keep(turn, record.contents)
        turn.emit_transient(replace(record, first_message=number, queues=transient), kept)


def _keep(turn: Turn, contents: list[Content]) -> Places:
    kept = [turn.state.contents.keep(content) for content in contents]
    return Places([position for position, _ in kept], [length for _, length in kept])


def is_durable(queue: Queue, entry: int) -> bool:
    """Whether the journal knows of this entry."""
    return queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK] < TRANSIENT
