"""What each record does to the state: the one way in which anything changes, live and in recovery alike.

Nothing here reads a clock, a setting or a name. Places say where the journal keeps the contents of a Published
record.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import msgspec

from oncemq.core import apply_system, records, timers
from oncemq.core.exchange import PREDECLARED, Exchange
from oncemq.core.handing_out import hand_out
from oncemq.core.host import Host, Partition
from oncemq.core.limits import DELETED_NAMES_MS, MOVE_TASKS_KEPT_PER_QUEUE
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, TRANSIENT, TRANSIENT_QUEUE, Block, MoveTask
from oncemq.core.queue import Queue
from oncemq.core.settings import Settings, changed
from oncemq.core.spans import count_of, numbers_of


class Places(msgspec.Struct):
    """Where the journal keeps the contents of a record: one position and one length each."""

    positions: Sequence[int]
    lengths: Sequence[int]


NOWHERE = Places((), ())


def apply(state: Partition, record: records.Record, now_ms: int, places: Places) -> None:
    """Change the state as the record says; now_ms is that of the record's batch."""
    APPLY[type(record)](state, record, now_ms, places)


def _queue(state: Partition, host: int, queue: int) -> tuple[Host, Queue]:
    found = state.hosts_by_number[host]
    return found, found.queues_by_number[queue]


def _identity_set(state: Partition, record: records.IdentitySet, now_ms: int, places: Places) -> None:
    state.pieces.touch(state.system)
    state.system.identity_key = record.identity_key


def _server_started(state: Partition, record: records.ServerStarted, now_ms: int, places: Places) -> None:
    state.pieces.touch(state.system)
    state.system.starts = record.starts
    for host in state.hosts.values():
        host.started(record.starts)


def _host_created(state: Partition, record: records.HostCreated, now_ms: int, places: Places) -> None:
    state.pieces.touch(state.system)
    host = Host(record.host, record.name, state.pieces, state.contents)
    host.description, host.tags = record.description, record.tags
    host.next_queue, host.messages.next = state.system.first_queue, state.system.first_message
    host.next_consumer = state.system.first_consumer
    host.started(state.system.starts, state.system.first_transient)
    state.pieces.created(host)
    state.hosts[record.name] = state.hosts_by_number[record.host] = host
    for name, kind in PREDECLARED.items():
        traits = {"type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
        _add_exchange(state, host, host.next_exchange, name, traits)
    state.system.next_host = record.host + 1


def _queue_created(state: Partition, record: records.QueueCreated, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    settings = changed(Settings(), record.settings)
    transient = record.queue >= TRANSIENT_QUEUE
    pieces = state.unwritten if transient else state.pieces
    queue = Queue(host.number, record.queue, record.name, settings, record.tags, now_ms, pieces)
    pieces.created(queue)
    host.queues[record.name] = host.queues_by_number[record.queue] = queue
    queue.weigh(host.messages)
    if transient:
        host.next_transient_queue = record.queue + 1
    else:
        host.next_queue = record.queue + 1


def _queue_changed(state: Partition, record: records.QueueChanged, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    queue.touch()
    queue.settings = changed(queue.settings, record.changes)
    queue.weigh(host.messages)
    queue.changed_ms = now_ms
    queue.retention_due_ms = 0
    watch_retention(state, queue, now_ms)


def _queue_tagged(state: Partition, record: records.QueueTagged, now_ms: int, places: Places) -> None:
    _, queue = _queue(state, record.host, record.queue)
    queue.touch()
    queue.tags = record.tags


def _queue_purged(state: Partition, record: records.QueuePurged, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    host.messages.unreference(queue.clear())
    queue.deduplication.clear()
    queue.purged_ms = now_ms


def _queue_deleted(state: Partition, record: records.QueueDeleted, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    host.touch()
    host.messages.unreference(queue.clear())
    queue.deduplication.clear()
    queue.pieces.dropped(queue)
    del host.queues[queue.name], host.queues_by_number[queue.number]
    host.tasks = {number: task for number, task in host.tasks.items() if task.source != queue.number}
    if not queue.transient:
        _remember_deleted(host.deleted_ms, queue.name, now_ms)


def _remember_deleted(deleted_ms: dict[str, int], name: str, now_ms: int) -> None:
    deleted_ms.pop(name, None)
    deleted_ms[name] = now_ms
    while deleted_ms[oldest := next(iter(deleted_ms))] + DELETED_NAMES_MS <= now_ms:
        del deleted_ms[oldest]


def _published(state: Partition, record: records.Published, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()  # it holds the next message's number
    first_message, count = record.first_message, len(places.positions)
    host.messages.store(first_message, places.positions, places.lengths, len(record.queues))
    for number, first_entry, expires_ms in record.queues:
        queue = host.queues_by_number[number]
        queue.add(first_entry, first_message, count, now_ms, record.due_ms, record.group, expires_ms)
        if expires_ms:
            items = range(first_entry, first_entry + count)
            state.timers.add_all(expires_ms, host.number, number, timers.EXPIRY, items)
        if record.due_ms:
            items = range(first_entry, first_entry + count)
            state.timers.add_all(record.due_ms, host.number, number, timers.ENTRY, items)
        if not queue.retention_due_ms:
            watch_retention(state, queue, now_ms)
        if record.deduplication is not None:
            window_ms = record.deduplication_window_ms
            queue.deduplication.remember(record.deduplication, first_message, now_ms, window_ms)


def _delivered(state: Partition, record: records.Delivered, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    host.touch()
    hand_out(queue, record.spans, record.first_token, now_ms, record.due_ms)
    next_token = record.first_token + count_of(record.spans)
    if next_token > TRANSIENT:
        host.next_transient_token = next_token
    else:
        host.next_token = next_token
    if record.due_ms:
        items = numbers_of(record.spans)
        state.timers.add_all(record.due_ms, host.number, queue.number, timers.ENTRY, items)
    if record.attempt is not None:
        queue.attempts.remember(record.attempt, numbers_of(record.spans), record.first_token, now_ms)


def _released(state: Partition, record: records.Released, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    queue.release(record.entries, record.due_ms, record.delivered, record.failed)
    if record.due_ms:
        state.timers.add_all(record.due_ms, host.number, queue.number, timers.ENTRY, record.entries)


def _lease_extended(state: Partition, record: records.LeaseExtended, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    for entry in record.entries:
        queue.extend_lease(entry, record.due_ms)
    state.timers.add_all(record.due_ms, host.number, queue.number, timers.ENTRY, record.entries)
    if record.changed:
        queue.attempts.void(record.entries)


def _removed(state: Partition, record: records.Removed, now_ms: int, places: Places) -> None:
    host, queue = _queue(state, record.host, record.queue)
    host.messages.unreference(queue.remove(record.spans))
    if queue.attempts.by_entry:
        queue.attempts.void(numbers_of(record.spans))


def _moved(state: Partition, record: records.Moved, now_ms: int, places: Places) -> None:
    host, source = _queue(state, record.host, record.source)
    host.touch()
    target = host.queues_by_number[record.target]
    for offset, entry in enumerate(record.entries):
        block, index = source.blocks[entry >> BLOCK_SHIFT], entry & BLOCK_MASK
        number = source.group_of(entry)
        group = source.group_names[number] if number else None
        message = block.message[index]
        keeps_age = record.kept and not target.fifo
        sent_ms = block.sent_ms[index] if keeps_age else now_ms
        if not record.kept:
            position, length = host.messages.place(message)
            message = record.first_message + offset
            host.messages.store(message, (position,), (length,), 1)
        new_entry = record.first_entry + offset
        target.add(new_entry, message, 1, sent_ms, 0, group, record.expires_ms)
        if record.kept:
            target.carry(new_entry, block.deliveries[index], block.failures[index], block.first_delivery_ms[index])
            target.label(new_entry, source.name)
        held = source.remove([(entry, 1)])
        if not record.kept:
            host.messages.unreference(held)
    source.attempts.void(record.entries)
    if record.expires_ms:
        items = range(record.first_entry, record.first_entry + len(record.entries))
        state.timers.add_all(record.expires_ms, host.number, target.number, timers.EXPIRY, items)
    watch_retention(state, target, now_ms)
    if record.task:
        host.tasks[record.task].moved += len(record.entries)


def _dead_lettered(state: Partition, record: records.DeadLettered, now_ms: int, places: Places) -> None:
    host, source = _queue(state, record.host, record.source)
    host.touch()
    block = source.blocks[record.entry >> BLOCK_SHIFT]
    old = block.message[record.entry & BLOCK_MASK]
    if record.queues:
        position, length = host.messages.place(old)
        host.messages.store(record.first_message, (position,), (length,), len(record.queues))
        host.messages.set_afterlife(record.first_message, record.afterlife)
    for number, entry, expires_ms in record.queues:
        target = host.queues_by_number[number]
        target.add(entry, record.first_message, 1, now_ms, record.due_ms, None, expires_ms)
        if record.due_ms:
            state.timers.add(record.due_ms, host.number, number, timers.ENTRY, entry)
        if expires_ms:
            state.timers.add(expires_ms, host.number, number, timers.EXPIRY, entry)
        watch_retention(state, target, now_ms)
    host.messages.unreference(source.remove([(record.entry, 1)]))
    source.attempts.void((record.entry,))


def _rewritten(state: Partition, record: records.Rewritten, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    host.messages.store(record.first_message, places.positions, places.lengths, len(record.queues))
    if record.afterlife is not None:
        host.messages.set_afterlife(record.first_message, record.afterlife)
    for number, entry, expires_ms in record.queues:
        queue = host.queues_by_number[number]
        queue.add(entry, record.first_message, 1, record.sent_ms, record.due_ms, record.group, expires_ms)
        if record.due_ms:
            state.timers.add(record.due_ms, host.number, number, timers.ENTRY, entry)
        queue.carry(entry, record.deliveries, record.failures, record.first_delivery_ms)
        if record.source is not None:
            queue.label(entry, record.source)
        if expires_ms:
            state.timers.add(expires_ms, host.number, number, timers.EXPIRY, entry)
        watch_retention(state, queue, now_ms)
    task = host.tasks.get(record.task)
    if task is not None:
        task.moved += 1


def _exchange_declared(state: Partition, record: records.ExchangeDeclared, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    _add_exchange(state, host, record.exchange, record.name, record.traits)


def _add_exchange(state: Partition, host: Host, number: int, name: str, traits: dict[str, Any]) -> None:
    transient = number >= TRANSIENT_QUEUE
    pieces = state.unwritten if transient else state.pieces
    exchange = Exchange(host.number, number, name, traits, pieces)
    pieces.created(exchange)
    host.exchanges[name] = host.exchanges_by_number[number] = exchange
    if transient:
        host.next_transient_exchange = number + 1
    else:
        host.next_exchange = number + 1


def _exchange_deleted(state: Partition, record: records.ExchangeDeleted, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    exchange = host.exchanges_by_number.pop(record.exchange)
    del host.exchanges[exchange.name]
    exchange.pieces.dropped(exchange)


def _bound(state: Partition, record: records.Bound, now_ms: int, places: Places) -> None:
    state.hosts_by_number[record.host].exchanges_by_number[record.exchange].bind(record.binding)


def _unbound(state: Partition, record: records.Unbound, now_ms: int, places: Places) -> None:
    state.hosts_by_number[record.host].exchanges_by_number[record.exchange].unbind(record.binding)


def _policy_set(state: Partition, record: records.PolicySet, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    table = host.operator_policies if record.policy.operator else host.policies
    table[record.policy.name] = record.policy


def _policy_cleared(state: Partition, record: records.PolicyCleared, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    del (host.operator_policies if record.operator else host.policies)[record.name]


def _exchange_governed(state: Partition, record: records.ExchangeGoverned, now_ms: int, places: Places) -> None:
    exchange = state.hosts_by_number[record.host].exchanges_by_number[record.exchange]
    exchange.touch()
    exchange.traits = {**exchange.traits, "policy_name": record.policy_name, "policy_alternate": record.alternate}


def _move_task_started(state: Partition, record: records.MoveTaskStarted, now_ms: int, places: Places) -> None:
    host, source = _queue(state, record.host, record.source)
    host.touch()
    destination = host.queues_by_number[record.destination] if record.destination else None
    host.tasks[record.task] = MoveTask(
        record.task,
        record.source,
        source.name,
        record.destination,
        destination.name if destination else None,
        record.rate_per_second,
        record.rate_given,
        now_ms,
        record.to_move,
    )
    if record.task < TRANSIENT_QUEUE:
        host.next_task = record.task + 1
    else:
        host.next_transient_task = record.task + 1
    of_source = [task.number for task in host.tasks.values() if task.source == record.source]
    for number in of_source[:-MOVE_TASKS_KEPT_PER_QUEUE]:
        del host.tasks[number]
    state.timers.add(now_ms, host.number, source.number, timers.MOVE_TASK, record.task)


def _move_task_ended(state: Partition, record: records.MoveTaskEnded, now_ms: int, places: Places) -> None:
    host = state.hosts_by_number[record.host]
    host.touch()
    task = host.tasks[record.task]
    task.status, task.failure = record.status, record.failure


def watch_retention(state: Partition, queue: Queue, now_ms: int) -> None:
    """Have the timer look at the queue when its oldest message has been kept for the retention time."""
    oldest_ms = oldest_sent_ms(queue) if queue.settings.retention_ms else None
    if oldest_ms is None:
        return
    due_ms = max(oldest_ms + queue.settings.retention_ms, now_ms)
    if not queue.retention_due_ms or due_ms < queue.retention_due_ms:
        queue.retention_due_ms = due_ms
        state.timers.add(due_ms, queue.host, queue.number, timers.RETENTION, 0)


def oldest_sent_ms(queue: Queue) -> int | None:
    """No message in the queue was sent before this; None if it is empty."""
    oldest = None
    for block in queue.blocks.values():
        if block.live:
            sent_ms = oldest_in_block(block)
            oldest = sent_ms if oldest is None else min(oldest, sent_ms)
    return oldest


def oldest_in_block(block: Block) -> int:
    """No live entry of the block was sent before this. In a block out of order (dead letters keep their age) it may
    be that of an entry that is gone: a walk over all of them for each dead letter would cost too much.
    """
    if block.in_order:
        while not block.state[block.first_live]:
            block.first_live += 1
        return block.sent_ms[block.first_live]
    if not block.oldest_ms:
        block.oldest_ms = min(compress(block.sent_ms, block.state))
    return block.oldest_ms


APPLY: dict[type[records.Record], Callable[[Partition, Any, int, Places], None]] = {
    records.IdentitySet: _identity_set,
    records.ServerStarted: _server_started,
    records.HostCreated: _host_created,
    records.QueueCreated: _queue_created,
    records.QueueChanged: _queue_changed,
    records.QueueTagged: _queue_tagged,
    records.QueuePurged: _queue_purged,
    records.QueueDeleted: _queue_deleted,
    records.Published: _published,
    records.Delivered: _delivered,
    records.Released: _released,
    records.LeaseExtended: _lease_extended,
    records.Removed: _removed,
    records.Moved: _moved,
    records.DeadLettered: _dead_lettered,
    records.Rewritten: _rewritten,
    records.ExchangeDeclared: _exchange_declared,
    records.ExchangeDeleted: _exchange_deleted,
    records.Bound: _bound,
    records.Unbound: _unbound,
    records.PolicySet: _policy_set,
    records.PolicyCleared: _policy_cleared,
    records.ExchangeGoverned: _exchange_governed,
    records.MoveTaskStarted: _move_task_started,
    records.MoveTaskEnded: _move_task_ended,
    **apply_system.APPLY,
}
