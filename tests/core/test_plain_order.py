"""Plain order: by priority, then by place; over many blocks, some of which are gone."""

from __future__ import annotations

import random

from oncemq.core.handing_out import hand_out
from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.model import PRIORITY_SHIFT, READY
from oncemq.core.pieces import Pieces
from oncemq.core.queue import Queue
from oncemq.core.settings import Settings
from oncemq.core.snapshot import encode_piece
from oncemq.core.spans import spans_of


def new_queue() -> Queue:
    return Queue(1, 1, "q", Settings(), {}, 0, Pieces(encode_piece))


def add(queue: Queue, first_message: int, count: int, priority: int = 0, group: str | None = None) -> int:
    first = queue.next_entry.get(priority, priority << PRIORITY_SHIFT)
    queue.add(first, first_message, count, 0, 0, group)
    return first


def test_the_highest_priority_comes_first_and_within_it_the_first_place() -> None:
    queue = new_queue()
    low = add(queue, 1, 2, priority=0)
    high = add(queue, 3, 2, priority=9)
    middle = add(queue, 5, 1, priority=4)
    later = add(queue, 6, 1, priority=9)
    assert queue.order.peek(10, 0) == [high, high + 1, later, middle, low, low + 1]
    assert high >> PRIORITY_SHIFT == 9


def test_a_returned_entry_is_handed_out_at_its_place() -> None:
    queue = new_queue()
    add(queue, 1, 5)
    hand_out(queue, [(0, 3)], 1, 0, 0)
    assert queue.order.peek(2, 0) == [3, 4]
    queue.release([1], 0, True, True)
    assert queue.order.peek(5, 0) == [1, 3, 4]
    assert queue.blocks[0].failures[1] == 1


def test_two_hundred_thousand_entries_over_blocks_that_come_and_go() -> None:
    queue = new_queue()
    for start in range(0, 200_000, 1_000):
        add(queue, start + 1, 1_000)
    assert len(queue.blocks) == 4
    token = 1
    seen: list[int] = []
    while queue.ready:
        entries = queue.order.peek(1_000, 0)
        hand_out(queue, spans_of(entries), token, 0, 0)
        token += len(entries)
        seen += entries
    assert seen == list(range(200_000))
    queue.remove([(0, 5), (6, 2 * BLOCK_ENTRIES - 6)])
    assert list(queue.blocks) == [0, 2, 3]
    queue.release([5, BLOCK_ENTRIES * 3 + 7, BLOCK_ENTRIES * 2 + 1], 0, True, False)
    assert queue.order.peek(10, 0) == [5, BLOCK_ENTRIES * 2 + 1, BLOCK_ENTRIES * 3 + 7]
    queue.remove([(5, 1)])
    assert list(queue.blocks) == [2, 3]
    assert queue.order.peek(10, 0) == [BLOCK_ENTRIES * 2 + 1, BLOCK_ENTRIES * 3 + 7]


def test_a_run_that_goes_over_the_end_of_a_block() -> None:
    queue = new_queue()
    add(queue, 1, BLOCK_ENTRIES - 3)
    assert add(queue, BLOCK_ENTRIES - 2, 10, group="g") == BLOCK_ENTRIES - 3
    assert [len(block.state) for block in queue.blocks.values()] == [BLOCK_ENTRIES, 7]
    assert [queue.group_of(entry) for entry in (0, BLOCK_ENTRIES - 3, BLOCK_ENTRIES + 6)] == [0, 1, 1]


def test_numbers_are_not_used_twice_after_a_purge() -> None:
    queue = new_queue()
    add(queue, 1, 10)
    add(queue, 11, 10, priority=3)
    assert sorted(queue.clear()) == list(range(1, 21))
    assert add(queue, 21, 1) == BLOCK_ENTRIES
    assert add(queue, 22, 1, priority=3) == (3 << PRIORITY_SHIFT) + BLOCK_ENTRIES
    assert queue.order.peek(5, 0) == [(3 << PRIORITY_SHIFT) + BLOCK_ENTRIES, BLOCK_ENTRIES]


def test_random_changes_against_a_sorted_list() -> None:
    dice = random.Random(3)
    queue = new_queue()
    ready: set[int] = set()
    held: list[int] = []
    token = 1
    for _ in range(3_000):
        what = dice.randrange(4)
        if what == 0:
            count, priority = dice.randrange(1, 50), dice.randrange(3)
            first = add(queue, 1, count, priority)
            ready.update(range(first, first + count))
        elif what == 1:
            entries = queue.order.peek(dice.randrange(1, 30), 0)
            expected = sorted(ready, key=lambda entry: (-(entry >> PRIORITY_SHIFT), entry))
            assert entries == expected[: len(entries)] and (entries or not ready)
            hand_out(queue, spans_of(entries), token, 0, 0)
            token += len(entries)
            ready.difference_update(entries)
            held += entries
        elif held:
            entry = held.pop(dice.randrange(len(held)))
            if what == 2:
                queue.release([entry], 0, True, False)
                ready.add(entry)
            else:
                queue.remove([(entry, 1)])
    assert queue.ready == len(ready) and all(queue.state_of(entry) == READY for entry in ready)
