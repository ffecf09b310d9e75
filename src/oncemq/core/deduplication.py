"""Which deduplication keys a queue has seen, and the message each was first used for.

A key is the 16-byte digest of the id (and of the group, where the scope is a group). A generation spans a tenth of the
window and is dropped whole once all its keys are older than the window; so a key is remembered for the window and up to
a tenth more.

Within a generation keys lie in 4,096 buckets by their first 12 bits, as rows of 24 bytes (key, message number), and are
found by a search for their bytes. A dict was rejected: 122 to 137 MB a million keys, where this takes 30; with a
million keys in one generation a look takes a microsecond more.
"""

from collections import deque
from hashlib import blake2b

from oncemq.core.limits import DEDUPLICATION_GENERATIONS
from oncemq.core.model import Piece
from oncemq.core.pieces import DEDUPLICATION, Pieces, key_of

GROUP_HEADER = "x-group-id"
DEDUPLICATION_HEADER = "x-deduplication-header"
"""Headers by which a message published through AMQP says its group and its deduplication id."""

KEY_BYTES = 16
ROW_BYTES = 24


def digest(deduplication: bytes, group: str | None) -> bytes:
    """The key of a deduplication id, within its group if one is given."""
    scope = b"" if group is None else group.encode() + b"\0"
    return blake2b(scope + deduplication, digest_size=KEY_BYTES).digest()


def bucket_of(key: bytes) -> int:
    """The key's first 12 bits."""
    return key[0] << 4 | key[1] >> 4


class Generation(Piece):
    """The keys first seen from `start_ms` on, for a tenth of the window."""

    __slots__ = ("buckets", "start_ms")

    def __init__(self, key: bytes, start_ms: int) -> None:
        super().__init__(key)
        self.start_ms = start_ms
        self.buckets: dict[int, bytearray] = {}

    def find(self, key: bytes) -> int | None:
        """The message that `key` was first used for, or None."""
        bucket = self.buckets.get(bucket_of(key))
        if bucket is None:
            return None
        at = bucket.find(key)
        while at >= 0:
            if not at % ROW_BYTES:
                return int.from_bytes(bucket[at + KEY_BYTES : at + ROW_BYTES], "little")
            at = bucket.find(key, at + 1)
        return None

    def add(self, key: bytes, message: int) -> None:
        """A key that is not there yet."""
        row = key + message.to_bytes(ROW_BYTES - KEY_BYTES, "little")
        index = bucket_of(key)
        bucket = self.buckets.get(index)
        if bucket is None:
            self.buckets[index] = bytearray(row)
        else:
            bucket += row


class Deduplication:
    """The generations of one queue, oldest first."""

    __slots__ = ("generations", "host", "pieces", "queue")

    def __init__(self, host: int, queue: int, pieces: Pieces) -> None:
        self.host, self.queue, self.pieces = host, queue, pieces
        self.generations: deque[Generation] = deque()

    def first(self, key: bytes, now_ms: int, window_ms: int) -> int | None:
        """The message that `key` was first used for within the window, or None."""
        index = bucket_of(key)
        for generation in self.generations:
            bucket = generation.buckets.get(index)
            if bucket is not None and key in bucket and not self._over(generation, now_ms, window_ms):
                message = generation.find(key)
                if message is not None:
                    return message
        return None

    def remember(self, key: bytes, message: int, now_ms: int, window_ms: int) -> None:
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
        generation.add(key, message)

    def clear(self) -> None:
        """Forget all (a purge does)."""
        while self.generations:
            self.pieces.dropped(self.generations.pop())

    @staticmethod
    def _over(generation: Generation, now_ms: int, window_ms: int) -> bool:
        span_ms = max(1, window_ms // DEDUPLICATION_GENERATIONS)
        return generation.start_ms + span_ms + window_ms <= now_ms
