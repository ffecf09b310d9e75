"""The message table: number → position and length of the stored bytes, and how many entries hold the message.

The table of a virtual host answers for its transient messages too, which are in a table of their own (`transient`).

A number is never used twice. A block of 65,536 numbers is let go when all are given out and none is held.
`live_in_segment` counts held messages by the journal segment that stores them (the position's upper bits).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, TRANSIENT, Afterlife, MessageBlock
from oncemq.core.pieces import MESSAGES, Pieces, key_of

SEGMENT_SHIFT = 40
TRANSIENT_BLOCK = TRANSIENT >> BLOCK_SHIFT


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
        """Add a run of messages to this table; returns the first one's number."""
        first = number = self.next
        live_in_segment = self.live_in_segment
        for position, length in zip(positions, lengths, strict=True):
            block = self.blocks.get(number >> BLOCK_SHIFT)
            if block is None:
                block = self._new_block(number)
            elif block.epoch != self.pieces.epoch:
                self.pieces.touch(block)
            block.position.append(position)
            block.length.append(length)
            block.references.append(references)
            block.live += 1
            number += 1
            segment = position >> SEGMENT_SHIFT
            live_in_segment[segment] = live_in_segment.get(segment, 0) + 1
        self.next = number
        self.live += number - first
        return first

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

    def unreference(self, numbers: Iterable[int]) -> None:
        """One entry less holds each of these messages."""
        for block_number, run in groupby(numbers, BLOCK_SHIFT.__rrshift__):
            table = self.transient if block_number >= TRANSIENT_BLOCK else self
            table.unreference_in_block(block_number, run)

    def unreference_in_block(self, block_number: int, numbers: Iterable[int]) -> None:
        """As `unreference`, for messages of one block of this table."""
        block = self.blocks[block_number]
        if block.epoch != self.pieces.epoch:
            self.pieces.touch(block)
        self._unreference_in(block, numbers)
        if not block.live and len(block.position) == BLOCK_ENTRIES:
            self.pieces.dropped(block)
            del self.blocks[block_number]

    def _unreference_in(self, block: MessageBlock, numbers: Iterable[int]) -> None:
        references, position = block.references, block.position
        segment = leaving = 0
        for number in numbers:
            index = number & BLOCK_MASK
            references[index] -= 1
            if not references[index]:
                if block.afterlives:
                    block.afterlives.pop(index, None)
                stored_in = position[index] >> SEGMENT_SHIFT
                if stored_in != segment:
                    self._let_go(block, segment, leaving)
                    segment, leaving = stored_in, 0
                leaving += 1
        self._let_go(block, segment, leaving)

    def _let_go(self, block: MessageBlock, segment: int, count: int) -> None:
        """So many messages of the block, all stored in this segment, are held no more."""
        if count:
            self.live -= count
            block.live -= count
            left = self.live_in_segment[segment] - count
            if left:
                self.live_in_segment[segment] = left
            else:
                del self.live_in_segment[segment]
