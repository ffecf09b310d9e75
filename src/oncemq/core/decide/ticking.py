"""Tick: what is due happens, as records, at most 1,000 things a batch. What is left is due at once."""

from typing import Any

from oncemq.core import timers
from oncemq.core.apply import oldest_in_block, watch_retention
from oncemq.core.commands import Tick
from oncemq.core.decide.dead_lettering import expire
from oncemq.core.decide.declaring import drop_queue
from oncemq.core.decide.lasting import emit_of_entries
from oncemq.core.decide.receiving import end_waiting
from oncemq.core.decide.settling import give_back
from oncemq.core.decide.tasks import step_move_task
from oncemq.core.decide.unused import is_unused
from oncemq.core.host import Host
from oncemq.core.limits import DUE_THINGS_PER_TICK
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, DELAYED, LEASED, Block
from oncemq.core.queue import Queue
from oncemq.core.records import EXPIRED, Released, Removed
from oncemq.core.spans import spans_of
from oncemq.core.turn import Turn


def tick(turn: Turn, command: Tick, address: Any) -> None:
    """Answers nothing itself; those who waited are answered."""
    for host_number, queue_number, kind, items in list(turn.state.timers.take(turn.now_ms, DUE_THINGS_PER_TICK)):
        host = turn.state.hosts_by_number.get(host_number)
        queue = host.queues_by_number.get(queue_number) if host is not None else None
        if host is None or queue is None:
            continue
        if kind == timers.ENTRY:
            _end_times(turn, host, queue, items)
        elif kind == timers.RETENTION:
            if 0 < queue.retention_due_ms <= turn.now_ms:  # else it is listed for a time that no longer holds
                _expire(turn, host, queue)
        elif kind == timers.SERVE:
            turn.wake(host, queue)
        elif kind == timers.EXPIRY:
            expire(turn, host, queue, items)
        elif kind == timers.UNUSED:
            if is_unused(turn, queue):
                drop_queue(turn, host, queue)
        elif kind == timers.PARKED:
            for item in items:
                end_waiting(turn, host, queue, item)
        else:
            for item in items:
                step_move_task(turn, host, queue, item)


def _end_times(turn: Turn, host: Host, queue: Queue, entries: list[int]) -> None:
    """Delays and leases that are over: the entries are ready. Some are listed for a time that no longer holds."""
    delayed: dict[int, None] = {}
    leased: dict[int, None] = {}
    for entry in entries:
        block = queue.blocks.get(entry >> BLOCK_SHIFT)
        if block is None:
            continue
        index = entry & BLOCK_MASK
        due_ms = block.due_ms[index]
        if due_ms and due_ms <= turn.now_ms:
            if block.state[index] == LEASED:
                leased[entry] = None
            elif block.state[index] == DELAYED:
                delayed[entry] = None
    if leased and queue.settings.delivery_limit is not None:
        give_back(turn, host, queue, list(leased), failed=True)
        leased = {}
        turn.wake(host, queue)
    for due in (delayed, leased):
        if due:
            emit_of_entries(turn, queue, Released(host.number, queue.number, list(due), 0, True, False))
            expire(turn, host, queue, list(due))
    if delayed or leased:
        turn.wake(host, queue)


def _expire(turn: Turn, host: Host, queue: Queue) -> None:
    """Messages kept for the retention time are gone, in flight or not."""
    before_ms = turn.now_ms - queue.settings.retention_ms
    entries: list[int] = []
    for block in queue.blocks.values():
        if block.live and oldest_in_block(block) <= before_ms:
            entries += _sent_before(block, before_ms, DUE_THINGS_PER_TICK - len(entries))
            block.oldest_ms = 0
        if len(entries) == DUE_THINGS_PER_TICK:
            break
    if entries:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, spans_of(entries), EXPIRED))
    queue.retention_due_ms = 0
    watch_retention(turn.state, queue, turn.now_ms)
    if entries:
        turn.wake(host, queue)


def _sent_before(block: Block, before_ms: int, maximum: int) -> list[int]:
    base = block.number << BLOCK_SHIFT
    entries: list[int] = []
    for index in range(block.first_live, len(block.state)):
        if block.sent_ms[index] > before_ms:
            if block.in_order:
                break
        elif block.state[index]:
            entries.append(base | index)
            if len(entries) == maximum:
                break
    return entries
