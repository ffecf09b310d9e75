"""What waits for a time, as the state says it: to fill the timers after recovery, and to rid them of what is over.

A lease that is deleted long before its deadline leaves its item in the timers. When these have grown to twice what
they last held, and by TIMER_ITEMS_STALE, the items that no longer hold are dropped.
"""

from collections.abc import Iterator

from oncemq.core import timers
from oncemq.core.apply import watch_retention
from oncemq.core.decide.tasks import RUNNING
from oncemq.core.host import Partition
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, DELAYED, GONE, LEASED, Block
from oncemq.core.queue import Queue
from oncemq.core.timers import Timers, bucket_of

WAITING_STATES = (LEASED, DELAYED)


def rebuild(state: Partition, now_ms: int) -> None:
    """New timers, from the state. Nobody waits for a message yet."""
    state.timers = Timers()
    for host in state.hosts.values():
        for queue in host.queues.values():
            queue.retention_due_ms = 0
            if queue.settings.expires_ms is not None:
                queue.used_ms, queue.unused_due_ms = now_ms, now_ms + queue.settings.expires_ms
                state.timers.add(queue.unused_due_ms, host.number, queue.number, timers.UNUSED, 0)
            watch_retention(state, queue, now_ms)
            for block in queue.blocks.values():
                for due_ms, entry in _entries(block):
                    state.timers.add(due_ms, host.number, queue.number, timers.ENTRY, entry)
                for expires_ms, entry in _expiring(block):
                    state.timers.add(expires_ms, host.number, queue.number, timers.EXPIRY, entry)
        for task in host.tasks.values():
            if task.status == RUNNING:
                state.timers.add(now_ms, host.number, task.source, timers.MOVE_TASK, task.number)


def _entries(block: Block) -> Iterator[tuple[int, int]]:
    if LEASED in block.state or DELAYED in block.state:
        base = block.number << BLOCK_SHIFT
        for index, entry_state in enumerate(block.state):
            if entry_state in WAITING_STATES and block.due_ms[index]:
                yield block.due_ms[index], base | index


def _expiring(block: Block) -> Iterator[tuple[int, int]]:
    if block.expires_ms is not None:
        base = block.number << BLOCK_SHIFT
        for index, entry_state in enumerate(block.state):
            if entry_state and block.expires_ms[index]:
                yield block.expires_ms[index], base | index


def compact(state: Partition) -> None:
    """Drop what no longer holds."""

    def holding(bucket: int, host_number: int, queue_number: int, kind: int, items: list[int]) -> list[int]:
        host = state.hosts_by_number.get(host_number)
        queue = host.queues_by_number.get(queue_number) if host is not None else None
        return [] if queue is None else _holding(queue, bucket, kind, items)

    state.timers.keep(holding)


def _holding(queue: Queue, bucket: int, kind: int, items: list[int]) -> list[int]:
    """Those of a bucket's items that the queue still waits for in this bucket."""
    if kind == timers.ENTRY:
        return [entry for entry in dict.fromkeys(items) if _waits(queue, entry, bucket)]
    if kind == timers.EXPIRY:
        return [entry for entry in dict.fromkeys(items) if _expires(queue, entry, bucket)]
    if kind == timers.RETENTION:
        return items[:1] if bucket_of(queue.retention_due_ms) == bucket else []
    if kind == timers.UNUSED:
        return items[:1] if bucket_of(queue.unused_due_ms) == bucket else []
    if kind == timers.PARKED:
        return [number for number in items if number in queue.parked]
    return items


def _waits(queue: Queue, entry: int, bucket: int) -> bool:
    block = queue.blocks.get(entry >> BLOCK_SHIFT)
    if block is None:
        return False
    index = entry & BLOCK_MASK
    return block.state[index] in WAITING_STATES and bucket_of(block.due_ms[index]) == bucket


def _expires(queue: Queue, entry: int, bucket: int) -> bool:
    block = queue.blocks.get(entry >> BLOCK_SHIFT)
    if block is None or block.expires_ms is None or queue.state_of(entry) == GONE:
        return False
    return bucket_of(block.expires_ms[entry & BLOCK_MASK]) == bucket
