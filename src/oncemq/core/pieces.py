"""Which parts of the state a checkpoint must write, gathered while the state goes on changing.

The state is a tree of pieces. A checkpoint as after batch n takes the pieces changed since the last one. They are
encoded a few at a time between batches; one that is about to change is encoded first. So what is written is the state
as it stood after batch n, and nobody waits for all of it.

Whatever changes a piece calls `touch` before, if the piece's epoch is not the present one (the check is inlined where
it is hot). What makes a piece or lets one go calls `created` or `dropped`.
"""

import struct
from collections.abc import Callable

from oncemq.core.model import Piece

KEY = struct.Struct(">BIIQ")
"""Kind, number of the host, number of the queue, index."""

SYSTEM, HOST, QUEUE, BLOCK, DEDUPLICATION, MESSAGES, EXCHANGE, USER = range(8)


def key_of(kind: int, host: int = 0, queue: int = 0, index: int = 0) -> bytes:
    """The key of a piece, as it stands in a checkpoint."""
    return KEY.pack(kind, host, queue, index)


class Pieces:
    """The changed pieces, and those still to be encoded for the checkpoint under way."""

    __slots__ = ("dirty", "encode", "epoch", "gathered", "gathering")

    def __init__(self, encode: Callable[[Piece], bytes]) -> None:
        self.epoch = 0
        self.dirty: dict[bytes, Piece] = {}
        self.gathering: dict[bytes, Piece] = {}
        self.gathered: list[tuple[bytes, bytes]] = []
        self.encode = encode

    def touch(self, piece: Piece) -> None:
        """Call before `piece` changes for the first time in this epoch."""
        if self.gathering.pop(piece.key, None) is not None:
            self.gathered.append((piece.key, self.encode(piece)))
        piece.epoch = self.epoch
        self.dirty[piece.key] = piece

    def created(self, piece: Piece) -> None:
        """Call for a new piece."""
        piece.epoch = self.epoch
        self.dirty[piece.key] = piece

    def dropped(self, piece: Piece) -> None:
        """Call before a piece leaves the state."""
        if self.gathering.pop(piece.key, None) is not None:
            self.gathered.append((piece.key, self.encode(piece)))
        self.dirty.pop(piece.key, None)

    def begin(self) -> None:
        """A checkpoint of the state as it stands now begins."""
        assert not self.gathering and not self.gathered, "one checkpoint at a time"
        self.epoch += 1
        self.gathering, self.dirty = self.dirty, {}

    def gather(self, maximum_pieces: int) -> list[tuple[bytes, bytes]]:
        """Encode up to that many pieces more; returns those gathered since the last call."""
        for _ in range(min(maximum_pieces, len(self.gathering))):
            key, piece = self.gathering.popitem()
            self.gathered.append((key, self.encode(piece)))
        gathered, self.gathered = self.gathered, []
        return gathered

    @property
    def complete(self) -> bool:
        """Nothing is left to gather."""
        return not self.gathering and not self.gathered
