"""What lives no longer than the server: transient messages, and non-durable and exclusive queues with all in them.

They go through the same `decide` and `apply`, but their records are left out of the batch and their pieces out of the
checkpoint; no durable record refers to them. So that nothing is ever taken for something else, their numbers are their
own: those of messages and lease tokens have the upper bit `TRANSIENT` and the number of this start of the server, those
of queues, exchanges and move tasks the bit `TRANSIENT_QUEUE`. A transient message in a durable queue takes a place like
any other: to the journal it is a gap (`Queue.add`).
"""

from itertools import compress
from typing import Protocol

from oncemq.core.messages import Messages
from oncemq.core.model import TRANSIENT, Content, MessageBlock, Piece
from oncemq.core.pieces import Pieces

START_SHIFT = 40


class Contents(Protocol):
    """Where the contents of transient messages are kept. Positions are its own."""

    def keep(self, content: Content) -> tuple[int, int]:
        """Position and length in bytes."""

    def content(self, position: int, length_bytes: int) -> Content:
        """What was kept there."""

    def drop(self, position: int) -> None:
        """Nobody holds it any more."""


class ContentsInMemory:
    """Contents without a limit."""

    def __init__(self) -> None:
        self.by_position: dict[int, Content] = {}
        self._next = 1

    def keep(self, content: Content) -> tuple[int, int]:
        """Position and length in bytes."""
        position = self._next
        self._next += 1
        self.by_position[position] = content
        return position, len(content.properties) + len(content.body)

    def content(self, position: int, length_bytes: int) -> Content:
        """What was kept there."""
        return self.by_position[position]

    def drop(self, position: int) -> None:
        """Nobody holds it any more."""
        del self.by_position[position]


class Unwritten(Pieces):
    """Pieces that no checkpoint writes."""

    def __init__(self) -> None:
        super().__init__(lambda piece: b"")

    def touch(self, piece: Piece) -> None:
        """The piece is about to change."""
        piece.epoch = self.epoch

    def created(self, piece: Piece) -> None:
        """The piece is new."""
        piece.epoch = self.epoch

    def dropped(self, piece: Piece) -> None:
        """The piece leaves the state."""


class TransientMessages(Messages):
    """The message table of what is transient: where nobody holds a message any more, its content goes."""

    __slots__ = ("contents",)

    def __init__(self, host: int, contents: Contents) -> None:
        super().__init__(host, Unwritten())
        self.contents = contents

    def let_all_go(self) -> None:
        """Nobody holds any of these messages: their virtual host is gone."""
        for block in self.blocks.values():
            for position in compress(block.position, block.references):
                self.contents.drop(position)
        self.blocks.clear()

    def _unreference_in(self, block: MessageBlock, start: int, stop: int) -> None:
        for index in range(start, stop):
            block.references[index] -= 1
            if not block.references[index]:
                block.afterlives.pop(index, None)
                self.contents.drop(block.position[index])
                self.live -= 1
                block.live -= 1


def first_number(starts: int) -> int:
    """The first number that transient messages and their lease tokens get after that many starts of the server."""
    return TRANSIENT | starts << START_SHIFT | 1
