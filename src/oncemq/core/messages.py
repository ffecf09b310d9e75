"""The message table: number → position and length of the stored bytes, and how many entries hold the message.

The table of a virtual host answers for its transient messages too, which are in a table of their own (`transient`).

A number is never used twice. A block of 65,536 numbers is let go when all are given out and none is held.
`live_in_segment` counts held messages by the journal segment that stores them (the position's upper bits).
"""

from array import array
from collections.abc import Sequence

from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, TRANSIENT, Afterlife, MessageBlock
from oncemq.core.pieces import MESSAGES, Pieces, key_of
from oncemq.core.spans import cut_at_blocks, spans_of

SEGMENT_SHIFT = 40


class Messages:
    """The table of one virtual host."""

    __slots__ = ("blocks", "host", "live", "live_in_segment", "next", "pieces", "transient")

    def __init__(self, host: int, pieces: Pieces, transient: "Messages | None" = None) -> None:
        self.transient = self if transient is None else transient
        self.host = host
        self.pieces = pieces
        self.blocks: dict[int, MessageBlock] = {}
        self.next = 1
        self.live = 0
        self.live_in_segment: dict[int, int] = {}

    def store(self, first: int, positions: Sequence[int], lengths: Sequence[int], references: int) -> None:
        """Add a run of messages, each held by `references` entries. Numbers are given in order, `first` is the next."""
        table = self.transient if first >= TRANSIENT else self
        number = table.add(positions, lengths, references)
        assert number == first, "message numbers are given in order"

    def add(self, positions: Sequence[int], lengths: Sequence[int], references: int) -> int:
        """Store a run of messages, each held by `references` entries; returns the first one's number."""
        first, count = self.next, len(positions)
        added = 0
        while added < count:
            block = self._tail()
            room = BLOCK_ENTRIES - len(block.position)
            stop = min(count, added + room)
            self._extend(block, positions[added:stop], lengths[added:stop], references)
            self.next += stop - added
            added = stop
        self.live += count
        return first

    def _tail(self) -> MessageBlock:
        block = self.blocks.get(self.next >> BLOCK_SHIFT)
        if block is None:
            return self._new_block(self.next)
        if block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        return block

    def _extend(self, block: MessageBlock, positions: Sequence[int], lengths: Sequence[int], references: int) -> None:
        count = len(positions)
        if block.position and positions[0] < block.position[-1]:
            block.in_order = False
        block.position.extend(positions)
        block.length.extend(lengths)
        block.references.extend((references,) * count)
        block.live += count
        first, last = positions[0] >> SEGMENT_SHIFT, positions[-1] >> SEGMENT_SHIFT
        held = self.live_in_segment
        if first == last:
            held[first] = held.get(first, 0) + count
        else:
            for position in positions:
                held[position >> SEGMENT_SHIFT] = held.get(position >> SEGMENT_SHIFT, 0) + 1

    def _new_block(self, number: int) -> MessageBlock:
        block = MessageBlock(key_of(MESSAGES, self.host, 0, number >> BLOCK_SHIFT))
        self.blocks[number >> BLOCK_SHIFT] = block
        self.pieces.created(block)
        if number & BLOCK_MASK:  # number 0 is nobody's
            for column in (block.position, block.length, block.references):
                column.append(0)
        return block

    def afterlife(self, number: int) -> Afterlife | None:
        """What dead-lettering added to a held message."""
        table = self.transient if number >= TRANSIENT else self
        return table.blocks[number >> BLOCK_SHIFT].afterlives.get(number & BLOCK_MASK)

    def set_afterlife(self, number: int, afterlife: Afterlife) -> None:
        """Add to a message that was just stored."""
        table = self.transient if number >= TRANSIENT else self
        table.blocks[number >> BLOCK_SHIFT].afterlives[number & BLOCK_MASK] = afterlife

    def place(self, number: int) -> tuple[int, int]:
        """Position and length of a held message."""
        block = (self.transient if number >= TRANSIENT else self).blocks[number >> BLOCK_SHIFT]
        index = number & BLOCK_MASK
        return block.position[index], block.length[index]

    def length(self, number: int) -> int:
        """Bytes that a held message takes where it is stored."""
        table = self.transient if number >= TRANSIENT else self
        return table.blocks[number >> BLOCK_SHIFT].length[number & BLOCK_MASK]

    def let_all_go(self) -> None:
        """Nobody holds any of these messages: their virtual host is gone."""
        self.blocks.clear()

    def stored(self, numbers: Sequence[int]) -> tuple["array[int]", "array[int]", dict[int, Afterlife]]:
        """Positions and lengths of held messages, and for those that have one (by place in `numbers`) its afterlife."""
        positions, lengths = array("Q"), array("I")
        afterlives: dict[int, Afterlife] = {}
        for first, count in spans_of(numbers):
            blocks = self.transient.blocks if first >= TRANSIENT else self.blocks
            for number, start, stop in cut_at_blocks(first, count):
                block = blocks[number]
                if block.afterlives:
                    at = len(positions) - start
                    found = block.afterlives
                    afterlives.update((at + index, found[index]) for index in range(start, stop) if index in found)
                positions += block.position[start:stop]
                lengths += block.length[start:stop]
        return positions, lengths, afterlives

    def unreference(self, numbers: Sequence[int]) -> None:
        """One entry less holds each of these messages."""
        for first, count in spans_of(numbers):
            table = self.transient if first >= TRANSIENT else self
            for number, start, stop in cut_at_blocks(first, count):
                table.unreference_in_block(number, start, stop)

    def unreference_in_block(self, number: int, start: int, stop: int) -> None:
        """As `unreference`, for the messages at start to stop - 1 of a block of this table."""
        block = self.blocks[number]
        if block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        self._unreference_in(block, start, stop)
        if not block.live and len(block.position) == BLOCK_ENTRIES:
            self.pieces.dropped(block)
            del self.blocks[number]

    def _unreference_in(self, block: MessageBlock, start: int, stop: int) -> None:
        count, references, position = stop - start, block.references, block.position
        held_by = references[start]
        if count > 1 and references[start:stop] == array("I", (held_by,)) * count:
            references[start:stop] = array("I", (held_by - 1,)) * count
            if held_by > 1:
                return
            first, last = position[start] >> SEGMENT_SHIFT, position[stop - 1] >> SEGMENT_SHIFT
            if block.in_order and first == last and not block.afterlives:
                self._let_go(block, first, count)
                return
            going: Sequence[int] = range(start, stop)
        else:
            going = []
            for index in range(start, stop):
                references[index] -= 1
                if not references[index]:
                    going.append(index)
        for index in going:
            if block.afterlives:
                block.afterlives.pop(index, None)
            self._let_go(block, position[index] >> SEGMENT_SHIFT, 1)

    def _let_go(self, block: MessageBlock, segment: int, count: int) -> None:
        """So many messages of the block, all stored in this segment, are held no more."""
        self.live -= count
        block.live -= count
        left = self.live_in_segment[segment] - count
        if left:
            self.live_in_segment[segment] = left
        else:
            del self.live_in_segment[segment]
