"""Ready entries are leased: a run at a time where nothing looks at each, else one by one."""

from collections.abc import Sequence

from oncemq.core.columns import lease_at, lease_run
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, READY
from oncemq.core.order.plain import Plain
from oncemq.core.queue import Queue
from oncemq.core.spans import Span, cut_at_blocks


def hand_out(queue: Queue, spans: Sequence[Span], first_token: int, now_ms: int, due_ms: int) -> None:
    """Lease these ready entries under tokens from first_token on; due_ms 0: bound to a channel."""
    queue.touch()
    token = first_token
    for first, count in spans:
        if count > 1 and queue.changes_in_runs:
            _hand_out_run(queue, first, count, token, now_ms, due_ms)
        else:
            for offset in range(count):
                _hand_out_one(queue, first + offset, token + offset, now_ms, due_ms)
        token += count


def _hand_out_run(queue: Queue, first: int, count: int, first_token: int, now_ms: int, due_ms: int) -> None:
    token = first_token
    for number, start, stop in cut_at_blocks(first, count):
        block = queue.touched(number << BLOCK_SHIFT)
        assert block.state.count(READY, start, stop) == stop - start, "only ready entries are leased"
        lease_run(block, start, stop, token, now_ms, due_ms)
        token += stop - start
    queue.ready -= count
    queue.leased += count
    assert isinstance(queue.order, Plain)
    queue.order.held_run(first, count)


def _hand_out_one(queue: Queue, entry: int, token: int, now_ms: int, due_ms: int) -> None:
    block = queue.touched(entry)
    index = entry & BLOCK_MASK
    assert block.state[index] == READY, "only a ready entry is leased"
    lease_at(block, index, token, now_ms, due_ms)
    queue.ready -= 1
    queue.leased += 1
    if queue.messages is not None:
        queue.ready_bytes -= queue.messages.length(block.message[index])
    queue.order.held(entry)
