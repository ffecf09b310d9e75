"""Contents of messages for outputs: from memory while they are fresh, else from the journal.

Kept are the payloads of whole batches, as they are written: a batch that is not durable yet is always here, one that
is stays while it is among the newest CACHE_BYTES. Contents of which that is not true are read without waiting if the
system has them in memory, else on the reader's thread. Those that lie together are found together.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from crc32c import crc32c

from oncemq.core.content import CHECKSUM_BYTES, StoredRun, content_at
from oncemq.core.model import Content
from oncemq.journal.codec import CRC, ContentCorrupt, decode_content
from oncemq.journal.journal import Journal

CACHE_BYTES = 16 * 1024 * 1024
RUN_BYTES = 256 * 1024
"""Read in one go at most."""
GAP_BYTES = 4 * 1024
"""Between two messages that are read in one go: other records of a batch, the end of one and the head of the next."""
BATCH_OVERHEAD_BYTES = 200
"""What a small payload takes beside its bytes."""


class Contents:
    """Positions → stored contents."""

    __slots__ = ("_batches", "_positions", "bytes", "journal", "maximum_bytes")

    def __init__(self, journal: Journal, maximum_bytes: int = CACHE_BYTES) -> None:
        self.journal = journal
        self.maximum_bytes = maximum_bytes
        self._positions: list[int] = []
        self._batches: list[bytes] = []
        """Payloads, the oldest first."""
        self.bytes = 0

    def add(self, position: int, payload: bytes) -> None:
        """The payload of a batch that is about to be written."""
        self._positions.append(position)
        self._batches.append(payload)
        self.bytes += len(payload) + BATCH_OVERHEAD_BYTES

    def durable_before(self, position: int) -> None:
        """Batches before this position can be read from the journal: let the oldest go, down to the limit."""
        gone = 0
        while self.bytes > self.maximum_bytes and gone < len(self._positions) and self._positions[gone] < position:
            self.bytes -= len(self._batches[gone]) + BATCH_OVERHEAD_BYTES
            gone += 1
        del self._positions[:gone], self._batches[:gone]

    def find(self, positions: Sequence[int], lengths: Sequence[int]) -> list[StoredRun] | None:
        """The contents, if that needs no waiting. None: `read` has to be run for them, and until it is, their segments
        stay.
        """
        found: list[StoredRun] = []
        place = 0
        while place < len(positions):
            run = self._fresh(positions, place) or self._stored(positions, lengths, place)
            if run is None:
                for position in positions:
                    self.journal.hold(position)
                return None
            found.append(run)
            place += run.messages
        return found

    def _fresh(self, positions: Sequence[int], place: int) -> StoredRun | None:
        """The leading ones that are in the same batch in memory."""
        at = bisect_right(self._positions, positions[place]) - 1
        if at < 0:
            return None
        first, payload = self._positions[at], self._batches[at]
        end, stop = first + len(payload), place
        while stop < len(positions) and first <= positions[stop] < end:
            stop += 1
        return StoredRun(payload, first, stop - place) if stop > place else None

    def _stored(self, positions: Sequence[int], lengths: Sequence[int], place: int) -> StoredRun | None:
        """The leading ones that lie close behind one another, read in one go."""
        first = end = positions[place]
        stop = place
        for position, length in zip(positions[place:], lengths[place:], strict=True):
            near = end <= position <= end + GAP_BYTES
            if stop > place and not (near and position + length - first <= RUN_BYTES):
                break
            end = position + length
            stop += 1
        data = self.journal.read_cached(first, end - first)
        if data is None:
            return None
        _check(data, [position - first for position in positions[place:stop]], lengths[place:stop])
        return StoredRun(data, first, stop - place)

    def get(self, position: int, length_bytes: int) -> Content:
        """One content, for a decision that rests on it. It may wait for the disk, on the loop: dead-lettering a message
        that is neither fresh nor in the page cache.
        """
        fresh = self._fresh((position,), 0)
        if fresh is not None:
            return content_at(fresh.data, position - fresh.position, length_bytes)
        return decode_content(self.journal.read(position, length_bytes))

    def read(self, positions: Sequence[int], lengths: Sequence[int]) -> list[StoredRun]:
        """The contents, waiting for the disk. On the reader's thread."""
        found = []
        try:
            for position, length in zip(positions, lengths, strict=True):
                data = self.journal.read(position, length)
                _check(data, [0], [length])
                found.append(StoredRun(data, position, 1))
        finally:
            for position in positions:
                self.journal.let_go(position)
        return found


def _check(data: bytes, places: Sequence[int], lengths: Sequence[int]) -> None:
    """Raises ContentCorrupt if one of the contents that lie there is not what was written."""
    view, unpack = memoryview(data), CRC.unpack_from
    for at, length in zip(places, lengths, strict=True):
        if unpack(data, at)[0] != crc32c(view[at + CHECKSUM_BYTES : at + length]):
            raise ContentCorrupt("the stored bytes of a message fail their checksum")


def contents_of(runs: list[StoredRun], positions: Sequence[int], lengths: Sequence[int]) -> Iterator[Content]:
    """One by one."""
    place = 0
    for data, first, count in runs:
        for position, length in zip(positions[place : place + count], lengths[place : place + count], strict=True):
            yield content_at(data, position - first, length)
        place += count
