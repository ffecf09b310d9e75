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
from oncemq.core.columns import extend, extend_expiry, fill, remove_run, zeros_like
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
    TRANSIENT,
    TRANSIENT_QUEUE,
    Block,
    Parked,
    Piece,
)
from oncemq.core.order.fair import Fair
from oncemq.core.order.fifo import Fifo
from oncemq.core.order.plain import Plain
from oncemq.core.pieces import BLOCK, QUEUE, Pieces, key_of
from oncemq.core.settings import FIFO, Settings
from oncemq.core.spans import Span, cut_at_blocks

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
        "transient_entries",
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
        self.transient_entries = 0
        """How many of them are transient messages in a durable queue."""
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
    def transient(self) -> bool:
        """Whether it lives no longer than the server."""
        return self.number >= TRANSIENT_QUEUE

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
        first: int,
        first_message: int,
        count: int,
        sent_ms: int,
        due_ms: int,
        group: str | None,
        expires_ms: int = 0,
    ) -> None:
        """Append entries for a run of messages, from entry `first` on; due_ms 0: ready now."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)
        priority = first >> PRIORITY_SHIFT
        if first != self.next_entry.get(priority):
            self._skip_to(first)
        group_number = NO_GROUP if group is None else self._join_group(group, count)
        state = DELAYED if due_ms else READY
        left = count
        while left:
            block = self._tail(priority)
            length = min(left, BLOCK_ENTRIES - len(block.state))
            extend(block, first_message + count - left, length, state, sent_ms, due_ms, group_number)
            if expires_ms or block.expires_ms is not None:
                extend_expiry(block, length, expires_ms)
            if first_message >= TRANSIENT and not self.transient:
                block.transient += length
                self.transient_entries += length
            self.next_entry[priority] += length
            left -= length
        if due_ms:
            self.delayed += count
        else:
            self.ready += count
            if self.messages is not None:
                self.ready_bytes += sum(map(self.messages.length, range(first_message, first_message + count)))
        self._tell_order(first, count, state, group_number, sent_ms)

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
        entry = self.next_entry[priority]
        number = entry >> BLOCK_SHIFT
        block = self.blocks.get(number)
        if block is None:
            block = self.blocks[number] = Block(key_of(BLOCK, self.host, self.number, number), number)
            self.pieces.created(block)
            if entry & BLOCK_MASK:
                fill(block, entry & BLOCK_MASK)
        elif block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        return block

    def _skip_to(self, entry: int) -> None:
        """The first entry of its priority; or the places before it were given to transient messages, of which the
        journal does not know.
        """
        priority = entry >> PRIORITY_SHIFT
        before = self.next_entry.get(priority, priority << PRIORITY_SHIFT)
        assert before <= entry, "entry numbers are given in order"
        self.next_entry[priority] = entry
        block = self.blocks.get(before >> BLOCK_SHIFT)
        if block is not None and before < entry:
            same = block.number == entry >> BLOCK_SHIFT
            self.pieces.touch(block)
            fill(block, entry & BLOCK_MASK if same else BLOCK_ENTRIES)
            if not same and not block.live:
                self.pieces.dropped(block)
                del self.blocks[block.number]

    @property
    def changes_in_runs(self) -> bool:
        """Whether nothing looks at each entry that changes: the order, a limit in bytes."""
        return type(self.order) is Plain and self.messages is None

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

    def remove(self, spans: Sequence[Span]) -> Sequence[int]:
        """The entries are gone; returns the messages that they held."""
        self.touch()
        messages = array("Q")
        for first, count in spans:
            if count > 1 and self.changes_in_runs:
                for number, start, stop in cut_at_blocks(first, count):
                    self._remove_run(self.touched(number << BLOCK_SHIFT), start, stop, messages)
            else:
                for entry in range(first, first + count):
                    self._remove_one(entry, messages)
        return messages

    def _remove_run(self, block: Block, start: int, stop: int, messages: "array[int]") -> None:
        leased, ready = (block.state.count(state, start, stop) for state in (LEASED, READY))
        self.leased, self.ready = self.leased - leased, self.ready - ready
        self.delayed -= stop - start - leased - ready
        taken = remove_run(block, start, stop)
        self._count_transient(block, taken)
        messages += taken
        self._drop_if_over(block)

    def _remove_one(self, entry: int, messages: "array[int]") -> None:
        block = self.touched(entry)
        index = entry & BLOCK_MASK
        messages.append(block.message[index])
        self._count_transient(block, messages[-1:])
        group = NO_GROUP if block.group is None else block.group[index]
        self._change(block, index, GONE)
        self.order.gone(entry)
        if group:
            self._leave_group(group)
        block.live -= 1
        self._drop_if_over(block)

    def _count_transient(self, block: Block, messages: "array[int]") -> None:
        """These go."""
        if self.transient_entries:
            transient = sum(message >= TRANSIENT for message in messages)
            block.transient, self.transient_entries = block.transient - transient, self.transient_entries - transient

    def _drop_if_over(self, block: Block) -> None:
        if not block.live and len(block.state) == BLOCK_ENTRIES:
            self.pieces.dropped(block)
            del self.blocks[block.number]

    def carry(self, entry: int, deliveries: int, failures: int, first_delivery_ms: int) -> None:
        """An entry that was just added keeps what was known of it in the queue that it came from."""
        block, index = self.touched(entry), entry & BLOCK_MASK
        block.deliveries[index], block.failures[index] = deliveries, failures
        block.first_delivery_ms[index] = first_delivery_ms

    def label(self, entry: int, source: str) -> None:
        """An entry that was just added came from that queue as a dead letter."""
        block = self.touched(entry)
        if source not in self.sources:
            self.sources.append(source)
        if block.source is None:
            block.source = zeros_like(block.deliveries)
        block.source[entry & BLOCK_MASK] = self.sources.index(source) + 1

    def clear(self) -> list[int]:
        """All entries are gone; returns the messages that they held."""
        self.touch()
        messages: list[int] = []
        for block in self.blocks.values():
            messages.extend(compress(block.message, block.state))
            self.pieces.dropped(block)
        self.blocks.clear()
        self.next_entry = {p: (n + BLOCK_MASK) >> BLOCK_SHIFT << BLOCK_SHIFT for p, n in self.next_entry.items()}
        self.ready = self.delayed = self.leased = self.ready_bytes = self.transient_entries = 0
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
