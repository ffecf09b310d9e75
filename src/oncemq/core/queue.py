"""A queue: its blocks of entries, and the few ways in which an entry changes.

Only `apply` calls what changes something here. Every change keeps the columns, the counts and the order in step,
and says which message numbers are no longer held.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from itertools import compress
from typing import Any

from oncemq.core.attempts import Attempts
from oncemq.core.consumer import Consumer
from oncemq.core.deduplication import Deduplication
from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.messages import Messages
from oncemq.core.model import (
    BLOCK_MASK,
    BLOCK_SHIFT,
    DELAYED,
    GONE,
    LEASED,
    PRIORITY_SHIFT,
    READY,
    Block,
    Parked,
    Piece,
)
from oncemq.core.order.fair import Fair
from oncemq.core.order.fifo import Fifo
from oncemq.core.order.plain import Plain
from oncemq.core.pieces import BLOCK, QUEUE, Pieces, key_of
from oncemq.core.settings import FIFO, Settings

NO_GROUP = 0
NO_TOKEN = 0


class Queue(Piece):
    """One queue of a virtual host. As a piece it is all but its blocks and its deduplication keys."""

    __slots__ = (
        "attempts",
        "blocks",
        "changed_ms",
        "consumers",
        "created_ms",
        "deduplication",
        "delayed",
        "group_counts",
        "group_names",
        "group_numbers",
        "host",
        "leased",
        "messages",
        "name",
        "next_entry",
        "next_group",
        "number",
        "order",
        "owner",
        "parked",
        "pieces",
        "purged_ms",
        "ready",
        "ready_bytes",
        "remembered",
        "retention_due_ms",
        "settings",
        "sources",
        "tags",
        "unused_due_ms",
        "used_ms",
    )

    def __init__(
        self,
        host: int,
        number: int,
        name: str,
        settings: Settings,
        tags: dict[str, str],
        created_ms: int,
        pieces: Pieces,
    ) -> None:
        super().__init__(key_of(QUEUE, host, number))
        self.host, self.number, self.name = host, number, name
        self.settings, self.tags = settings, tags
        self.created_ms = self.changed_ms = created_ms
        self.purged_ms: int | None = None
        self.pieces = pieces
        self.blocks: dict[int, Block] = {}
        self.next_entry: dict[int, int] = {}
        """Priority → number of its next entry."""
        self.ready = self.delayed = self.leased = 0
        self.group_numbers: dict[str, int] = {}
        self.group_names: dict[int, str] = {}
        self.group_counts: dict[int, int] = {}
        self.next_group = 1
        self.sources: list[str] = []
        """Names of the queues that messages here were dead-lettered from."""
        self.deduplication = Deduplication(host, number, pieces)
        self.attempts = Attempts()
        self.consumers: list[Consumer] = []
        """Who gets what is ready, the next one first. Not durable."""
        self.owner: Any = None
        """The connection that alone may use an exclusive queue. Not durable."""
        self.parked: OrderedDict[int, Parked] = OrderedDict()
        self.remembered: Any = None
        """What a checkpoint remembered of the order, until it is made anew."""
        self.messages: Messages | None = None
        self.ready_bytes = 0
        """What the ready messages take where they are stored, in a queue that is limited by that. Derived."""
        self.retention_due_ms = 0
        """When the timer looks for expired messages next; 0: not at all. Not durable."""
        self.used_ms = self.unused_due_ms = 0
        """When it was last used, and when the timer asks whether it still is (0: not at all). Not durable."""
        self.order: Plain | Fifo | Fair = Fifo(self) if settings.kind == FIFO else Plain(self)

    @property
    def live(self) -> int:
        """Entries that are not gone."""
        return self.ready + self.delayed + self.leased

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for its messages."""
        return bool(self.parked or self.consumers)

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.settings.kind == FIFO

    # Reading ----------------------------------------------------------------------------------------------------

    def state_of(self, entry: int) -> int:
        """READY, DELAYED, LEASED or GONE."""
        block = self.blocks.get(entry >> BLOCK_SHIFT)
        if block is None:
            return GONE
        index = entry & BLOCK_MASK
        return block.state[index] if index < len(block.state) else GONE

    def group_of(self, entry: int) -> int:
        """Number of the entry's group, or 0. The entry's block must be there."""
        column = self.blocks[entry >> BLOCK_SHIFT].group
        return NO_GROUP if column is None else column[entry & BLOCK_MASK]

    def token_of(self, entry: int) -> int:
        """Token of the last lease of an entry that is not gone."""
        return self.blocks[entry >> BLOCK_SHIFT].token[entry & BLOCK_MASK]

    # Changing ---------------------------------------------------------------------------------------------------

    def touched(self, entry: int) -> Block:
        """The entry's block, about to change."""
        block = self.blocks[entry >> BLOCK_SHIFT]
        if block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        return block

    def touch(self) -> None:
        """The queue itself is about to change."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)

    def add(
        self,
        first_message: int,
        count: int,
        sent_ms: int,
        due_ms: int,
        group: str | None,
        priority: int = 0,
        expires_ms: int = 0,
    ) -> int:
        """Append entries for a run of messages; due_ms 0: ready now. Returns the first entry's number."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)
        first = self.next_entry.get(priority)
        if first is None:
            first = self.next_entry[priority] = priority << PRIORITY_SHIFT
        group_number = NO_GROUP if group is None else self._join_group(group, count)
        state = DELAYED if due_ms else READY
        left = count
        while left:
            block = self._tail(priority)
            length = min(left, BLOCK_ENTRIES - len(block.state))
            self._extend(block, first_message + count - left, length, state, sent_ms, due_ms, group_number)
            if expires_ms or block.expires_ms is not None:
                _extend_expiry(block, length, expires_ms)
            self.next_entry[priority] += length
            left -= length
        if due_ms:
            self.delayed += count
        else:
            self.ready += count
            if self.messages is not None:
                self.ready_bytes += sum(map(self.messages.length, range(first_message, first_message + count)))
        self._tell_order(first, count, state, group_number, sent_ms)
        return first

    def _tell_order(self, first: int, count: int, state: int, group: int, sent_ms: int) -> None:
        order = self.order
        if state == READY and group == NO_GROUP:
            order.ready_run(first, count)
            return
        tell = order.ready if state == READY else order.held
        for entry in range(first, first + count):
            tell(entry)
        if isinstance(order, Fair):
            order.sent(group, sent_ms)

    def _tail(self, priority: int) -> Block:
        number = self.next_entry[priority] >> BLOCK_SHIFT
        block = self.blocks.get(number)
        if block is None:
            block = self.blocks[number] = Block(key_of(BLOCK, self.host, self.number, number), number)
            self.pieces.created(block)
        elif block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        return block

    def _extend(
        self, block: Block, first_message: int, count: int, state: int, sent_ms: int, due_ms: int, group: int
    ) -> None:
        if block.sent_ms and sent_ms < block.sent_ms[-1]:
            block.in_order = False
            if sent_ms < block.oldest_ms:
                block.oldest_ms = sent_ms
        if group and block.group is None:
            block.group = _zeros_like(block.deliveries)
        if count == 1:
            block.state.append(state)
            block.message.append(first_message)
            block.sent_ms.append(sent_ms)
            block.due_ms.append(due_ms)
            for column in (block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token):
                column.append(0)
            if block.group is not None:
                block.group.append(group)
            if block.source is not None:
                block.source.append(0)
        else:
            block.state.extend(bytes((state,)) * count)
            block.message.extend(range(first_message, first_message + count))
            block.sent_ms.extend((sent_ms,) * count)
            block.due_ms.extend((due_ms,) * count)
            zeros = (0,) * count
            for column in (block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token):
                column.extend(zeros)
            if block.group is not None:
                block.group.extend((group,) * count)
            if block.source is not None:
                block.source.extend(zeros)
        block.live += count

    def lease(self, entries: Sequence[int], first_token: int, now_ms: int, due_ms: int) -> None:
        """Ready entries are handed out under tokens from first_token on; due_ms 0: bound to a channel."""
        self.touch()
        for offset, entry in enumerate(entries):
            block = self.touched(entry)
            index = entry & BLOCK_MASK
            assert block.state[index] == READY, "only a ready entry is leased"
            block.state[index] = LEASED
            block.token[index] = first_token + offset
            block.due_ms[index] = due_ms
            block.leased_ms[index] = now_ms
            block.deliveries[index] += 1
            if not block.first_delivery_ms[index]:
                block.first_delivery_ms[index] = now_ms
            self.ready -= 1
            self.leased += 1
            if self.messages is not None:
                self.ready_bytes -= self.messages.length(block.message[index])
            self.order.held(entry)

    def extend_lease(self, entry: int, due_ms: int) -> None:
        """The lease under the entry's last token holds until due_ms, even if it had run out."""
        self.touch()
        block = self.touched(entry)
        index = entry & BLOCK_MASK
        block.due_ms[index] = due_ms
        if block.state[index] != LEASED:
            self._change(block, index, LEASED)
            self.order.held(entry)

    def release(self, entries: Sequence[int], due_ms: int, delivered: bool, failed: bool) -> None:
        """Leased or delayed entries become ready, or (due_ms) delayed; delivered False takes the delivery back, and
        nobody has the lease any more.
        """
        self.touch()
        for entry in entries:
            block = self.touched(entry)
            index = entry & BLOCK_MASK
            block.due_ms[index] = due_ms
            if failed:
                block.failures[index] += 1
            if not delivered:
                block.deliveries[index] -= 1
                block.token[index] = NO_TOKEN
                if not block.deliveries[index]:
                    block.first_delivery_ms[index] = 0
            self._change(block, index, DELAYED if due_ms else READY)
            (self.order.held if due_ms else self.order.ready)(entry)

    def remove(self, entries: Sequence[int]) -> list[int]:
        """The entries are gone; returns the messages that they held."""
        self.touch()
        messages = []
        for entry in entries:
            block = self.touched(entry)
            index = entry & BLOCK_MASK
            messages.append(block.message[index])
            group = NO_GROUP if block.group is None else block.group[index]
            self._change(block, index, GONE)
            self.order.gone(entry)
            if group:
                self._leave_group(group)
            block.live -= 1
            if not block.live and len(block.state) == BLOCK_ENTRIES:
                self.pieces.dropped(block)
                del self.blocks[block.number]
        return messages

    def carry(self, entry: int, origin: "Queue", origin_entry: int, label: str | None) -> None:
        """A moved entry keeps what its origin knew of it; `label` names the queue it was dead-lettered from."""
        source, index = origin.blocks[origin_entry >> BLOCK_SHIFT], origin_entry & BLOCK_MASK
        block, own = self.touched(entry), entry & BLOCK_MASK
        block.deliveries[own] = source.deliveries[index]
        block.failures[own] = source.failures[index]
        block.first_delivery_ms[own] = source.first_delivery_ms[index]
        if label is not None:
            if label not in self.sources:
                self.sources.append(label)
            if block.source is None:
                block.source = _zeros_like(block.deliveries)
            block.source[own] = self.sources.index(label) + 1

    def clear(self) -> list[int]:
        """All entries are gone; returns the messages that they held."""
        self.touch()
        messages: list[int] = []
        for block in self.blocks.values():
            messages.extend(compress(block.message, block.state))
            self.pieces.dropped(block)
        self.blocks.clear()
        self.next_entry = {p: (n + BLOCK_MASK) >> BLOCK_SHIFT << BLOCK_SHIFT for p, n in self.next_entry.items()}
        self.ready = self.delayed = self.leased = self.ready_bytes = 0
        self.group_numbers, self.group_names, self.group_counts = {}, {}, {}
        self.attempts = Attempts()
        self.order = Fifo(self) if self.fifo else Plain(self)
        return messages

    def _change(self, block: Block, index: int, state: int) -> None:
        if self.messages is not None:
            ready = (state == READY) - (block.state[index] == READY)
            self.ready_bytes += ready * self.messages.length(block.message[index])
        self._count(block.state[index], -1)
        block.state[index] = state
        self._count(state, 1)

    def _count(self, state: int, by: int) -> None:
        if state == READY:
            self.ready += by
        elif state == LEASED:
            self.leased += by
        elif state == DELAYED:
            self.delayed += by

    # Groups -----------------------------------------------------------------------------------------------------

    def _join_group(self, name: str, count: int) -> int:
        number = self.group_numbers.get(name)
        if number is None:
            number = self.group_numbers[name] = self.next_group
            self.group_names[number] = name
            self.next_group += 1
        self.group_counts[number] = self.group_counts.get(number, 0) + count
        if isinstance(self.order, Plain):
            self.order = Fair(self)
            self.rebuild_order()
        return number

    def _leave_group(self, number: int) -> None:
        self.group_counts[number] -= 1
        if not self.group_counts[number]:
            del self.group_counts[number]
            del self.group_numbers[self.group_names.pop(number)]

    def weigh(self, messages: Messages) -> None:
        """Count the bytes of what is ready, if there is a limit to them."""
        self.messages, self.ready_bytes = messages if self.settings.maximum_bytes is not None else None, 0
        for block in self.blocks.values() if self.messages is not None else ():
            self.ready_bytes += sum(map(messages.length, compress(block.message, map(READY.__eq__, block.state))))

    def rebuild_order(self) -> None:
        """Tell an order that was just made of every entry."""
        for block in self.blocks.values():
            base = block.number << BLOCK_SHIFT
            for index, state in enumerate(block.state):
                if state == READY:
                    self.order.ready(base | index)
                elif state:
                    self.order.held(base | index)


def _zeros_like(column: "array[int]") -> "array[int]":
    return array(column.typecode, bytes(len(column) * column.itemsize))


def _extend_expiry(block: Block, count: int, expires_ms: int) -> None:
    """Fill the column up to the entries that were just appended to the others."""
    if block.expires_ms is None:
        block.expires_ms = array("q", bytes(8 * (len(block.state) - count)))
    block.expires_ms.extend((expires_ms,) * count)
