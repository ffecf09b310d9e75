"""Which deduplication keys a queue has seen, and the message each was first used for.

A key is the 16-byte digest of the id (and of the group, where the scope is a group). A generation spans a tenth of the
window and is dropped whole once all its keys are older than the window; so a key is remembered for the window and up to
a tenth more. The window is the queue's, as it was when the key was first used, or one that the message asked for.

Within a generation keys lie in 4,096 buckets by their first 12 bits, as rows of 24 bytes (key, message number), and are
found by a search for their bytes. A dict was rejected: 122 to 137 MB a million keys, where this takes 30; with a
million keys in one generation a look takes a microsecond more.
"""

from collections import deque
from collections.abc import Iterator
from hashlib import blake2b

from oncemq.core.limits import DEDUPLICATION_GENERATIONS
from oncemq.core.model import Piece
from oncemq.core.pieces import DEDUPLICATION, Pieces, key_of

GROUP_HEADER = "x-group-id"
DEDUPLICATION_HEADER = "x-deduplication-header"
"""Headers by which a message published through AMQP says its group and its deduplication id."""

WINDOW_HEADER = "x-cache-ttl"
"""And for how many milliseconds its id is to be remembered."""
WINDOWS = 1 << 10
"""More than there are different windows, see `rounded_window`."""

KEY_BYTES = 16
ROW_BYTES = 24


def rounded_window(window_ms: int) -> int:
    """The window that a message asks for, a quarter longer at most: so there are few different ones in a queue."""
    step = 1 << max(0, window_ms.bit_length() - 3)
    return -(-window_ms // step) * step


def digest(deduplication: bytes, group: str | None) -> bytes:
    """The key of a deduplication id, within its group if one is given."""
    scope = b"" if group is None else group.encode() + b"\0"
    return blake2b(scope + deduplication, digest_size=KEY_BYTES).digest()


def bucket_of(key: bytes) -> int:
    """The key's first 12 bits."""
    return key[0] << 4 | key[1] >> 4


class Generation(Piece):
    """The keys first seen from `start_ms` on, for a tenth of the window."""

    __slots__ = ("buckets", "start_ms", "window_ms")

    def __init__(self, key: bytes, start_ms: int, window_ms: int) -> None:
        super().__init__(key)
        self.start_ms, self.window_ms = start_ms, window_ms
        self.buckets: dict[int, bytearray] = {}

    @property
    def span_ms(self) -> int:
        """For so long keys come into it."""
        return max(1, self.window_ms // DEDUPLICATION_GENERATIONS)

    def over(self, now_ms: int) -> bool:
        """Whether all its keys are older than the window."""
        return self.start_ms + self.span_ms + self.window_ms <= now_ms

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
    """The keys of one queue: for each window that they were given, generations, the oldest first."""

    __slots__ = ("by_window", "host", "pieces", "queue")

    def __init__(self, host: int, queue: int, pieces: Pieces) -> None:
        self.host, self.queue, self.pieces = host, queue, pieces
        self.by_window: dict[int, deque[Generation]] = {}

    @property
    def generations(self) -> Iterator[Generation]:
        """All."""
        for line in self.by_window.values():
            yield from line

    def first(self, key: bytes, now_ms: int) -> int | None:
        """The message that `key` was first used for within its window, or None."""
        index = bucket_of(key)
        for line in self.by_window.values():
            for generation in line:
                bucket = generation.buckets.get(index)
                if bucket is not None and key in bucket and not generation.over(now_ms):
                    message = generation.find(key)
                    if message is not None:
                        return message
        return None

    def remember(self, key: bytes, message: int, now_ms: int, window_ms: int) -> None:
        """`key` is first used now; what its window has left behind goes."""
        for each in [window for window, line in self.by_window.items() if line[0].over(now_ms)]:
            self._forget_old(each, now_ms)
        line = self.by_window.get(window_ms)
        if line is None:
            line = self.by_window[window_ms] = deque()
        if not line or now_ms >= line[-1].start_ms + line[-1].span_ms:
            alike = sum(generation.start_ms == now_ms for generation in self.generations)
            place = now_ms * WINDOWS + alike
            piece = Generation(key_of(DEDUPLICATION, self.host, self.queue, place), now_ms, window_ms)
            line.append(piece)
            self.pieces.created(piece)
        generation = line[-1]
        if generation.epoch != self.pieces.epoch:
            self.pieces.touch(generation)
        generation.add(key, message)

    def _forget_old(self, window_ms: int, now_ms: int) -> None:
        line = self.by_window[window_ms]
        while line and line[0].over(now_ms):
            self.pieces.dropped(line.popleft())
        if not line:
            del self.by_window[window_ms]

    def clear(self) -> None:
        """Forget all (a purge does)."""
        for generation in self.generations:
            self.pieces.dropped(generation)
        self.by_window.clear()

    def restore(self, generation: Generation) -> None:
        """One that a checkpoint has, after those that are older."""
        self.by_window.setdefault(generation.window_ms, deque()).append(generation)
