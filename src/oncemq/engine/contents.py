"""Contents of messages for outputs: from memory while they are fresh, else from the journal.

What is not durable yet is always here. What is, stays while it is among the newest CACHE_BYTES. A content that is
in neither is read without waiting if the system has it in memory, else on the reader's thread.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from oncemq.core.model import Content
from oncemq.journal.codec import decode_content
from oncemq.journal.journal import Journal

CACHE_BYTES = 16 * 1024 * 1024
RUN_BYTES = 256 * 1024
"""Read in one go at most."""
GAP_BYTES = 4 * 1024
"""Between two messages that are read in one go: other records of a batch, the end of one and the head of the next."""
ENTRY_OVERHEAD_BYTES = 300
"""What a small content takes beside its bytes: objects, a slot in the table, a place in the line."""


class Contents:
    """Positions → contents, the newest ones."""

    __slots__ = ("by_position", "bytes", "journal", "line", "maximum_bytes")

    def __init__(self, journal: Journal, maximum_bytes: int = CACHE_BYTES) -> None:
        self.journal = journal
        self.maximum_bytes = maximum_bytes
        self.by_position: dict[int, Content] = {}
        self.line: deque[tuple[int, int]] = deque()
        """(position, bytes) in the order of positions."""
        self.bytes = 0

    def add(self, contents: dict[int, Content]) -> None:
        """The contents of a batch that is about to be written."""
        self.by_position.update(contents)
        for position, content in contents.items():
            size = len(content.body) + len(content.properties) + ENTRY_OVERHEAD_BYTES
            self.line.append((position, size))
            self.bytes += size

    def durable_before(self, position: int) -> None:
        """Contents before this position can be read from the journal: let the oldest go, down to the limit."""
        while self.bytes > self.maximum_bytes and self.line and self.line[0][0] < position:
            oldest, size = self.line.popleft()
            del self.by_position[oldest]
            self.bytes -= size

    def find(self, positions: Sequence[int], lengths: Sequence[int]) -> list[Content] | None:
        """The contents, if that needs no waiting. None: `read` has to be run for them, and until it is, their segments
        stay.
        """
        fresh = self.by_position
        found = [fresh.get(position) for position in positions]
        missing = [place for place, content in enumerate(found) if content is None]
        for run in _runs(missing, positions, lengths):
            self._find_run(run, positions, lengths, found)
        if all(found):
            return found  # type: ignore[return-value]
        for position in positions:
            self.journal.hold(position)
        return None

    def get(self, position: int, length_bytes: int) -> Content:
        """One content, for a decision that rests on it. It may wait for the disk, on the loop: dead-lettering a message
        that is neither fresh nor in the page cache.
        """
        found = self.by_position.get(position)
        return decode_content(self.journal.read(position, length_bytes)) if found is None else found

    def _find_run(
        self, run: list[int], positions: Sequence[int], lengths: Sequence[int], found: list[Content | None]
    ) -> None:
        first = positions[run[0]]
        stored = self.journal.read_cached(first, positions[run[-1]] + lengths[run[-1]] - first)
        if stored is None:
            return
        for place in run:
            at = positions[place] - first
            found[place] = decode_content(stored[at : at + lengths[place]])

    def read(self, positions: Sequence[int], lengths: Sequence[int]) -> list[Content]:
        """The contents, waiting for the disk. On the reader's thread."""
        try:
            return [
                decode_content(self.journal.read(position, length))
                for position, length in zip(positions, lengths, strict=True)
            ]
        finally:
            for position in positions:
                self.journal.let_go(position)


def _runs(places: list[int], positions: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Those that lie close behind one another in one segment, to be read in one go."""
    run: list[int] = []
    for place in places:
        position = positions[place]
        if run:
            end = positions[run[-1]] + lengths[run[-1]]
            near = end <= position <= end + GAP_BYTES
            if not near or position + lengths[place] - positions[run[0]] > RUN_BYTES:
                yield run
                run = []
        run.append(place)
    if run:
        yield run
