"""Which deduplication keys a queue has seen, and the message each was first used for.

A key is the 16-byte digest of the id (and of the group, where the scope is a group), kept as a whole number: 122 MB a
million, where bytes objects take 170. A generation spans a tenth of the window and is dropped whole once all its
keys are older than the window; so a key is remembered for the window and up to a tenth more.
"""

from collections import deque
from hashlib import blake2b

from oncemq.core.limits import DEDUPLICATION_GENERATIONS
from oncemq.core.model import Piece
from oncemq.core.pieces import DEDUPLICATION, Pieces, key_of


def digest(deduplication: bytes, group: str | None) -> int:
    """The key of a deduplication id, within its group if one is given."""
    scope = b"" if group is None else group.encode() + b"\0"
    return int.from_bytes(blake2b(scope + deduplication, digest_size=16).digest(), "little")


class Generation(Piece):
    """The keys first seen from `start_ms` on, for a tenth of the window."""

    __slots__ = ("keys", "start_ms")

    def __init__(self, key: bytes, start_ms: int) -> None:
        super().__init__(key)
        self.start_ms = start_ms
        self.keys: dict[int, int] = {}


class Deduplication:
    """The generations of one queue, oldest first."""

    __slots__ = ("generations", "host", "pieces", "queue")

    def __init__(self, host: int, queue: int, pieces: Pieces) -> None:
        self.host, self.queue, self.pieces = host, queue, pieces
        self.generations: deque[Generation] = deque()

    def first(self, key: int, now_ms: int, window_ms: int) -> int | None:
        """The message that `key` was first used for within the window, or None."""
        for generation in self.generations:
            message = generation.keys.get(key)
            if message is not None and not self._over(generation, now_ms, window_ms):
                return message
        return None

    def remember(self, key: int, message: int, now_ms: int, window_ms: int) -> None:
        """`key` is first used now; what the window has left behind goes."""
        while self.generations and self._over(self.generations[0], now_ms, window_ms):
            self.pieces.dropped(self.generations.popleft())
        span_ms = max(1, window_ms // DEDUPLICATION_GENERATIONS)
        if not self.generations or now_ms >= self.generations[-1].start_ms + span_ms:
            piece = Generation(key_of(DEDUPLICATION, self.host, self.queue, now_ms), now_ms)
            self.generations.append(piece)
            self.pieces.created(piece)
        generation = self.generations[-1]
        if generation.epoch != self.pieces.epoch:
            self.pieces.touch(generation)
        generation.keys[key] = message

    def clear(self) -> None:
        """Forget all (a purge does)."""
        while self.generations:
            self.pieces.dropped(self.generations.pop())

    @staticmethod
    def _over(generation: Generation, now_ms: int, window_ms: int) -> bool:
        span_ms = max(1, window_ms // DEDUPLICATION_GENERATIONS)
        return generation.start_ms + span_ms + window_ms <= now_ms
