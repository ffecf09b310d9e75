"""Contents of messages for outputs: from memory while they are fresh, else from the journal.

What is not durable yet is always here. What is, stays while it is among the newest CACHE_BYTES. A content that is
in neither is read without waiting if the system has it in memory, else on the reader's thread.
"""

from collections import deque
from collections.abc import Iterator

from oncemq.core.model import Content
from oncemq.core.outputs import ReceivedMessage
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

    def fill(self, messages: list[ReceivedMessage]) -> bool:
        """Give each message its content if that needs no waiting; False: `read` has to be run for them, and until
        it is, their segments stay.
        """
        missing = []
        for message in messages:
            if message.content is None:
                message.content = self.by_position.get(message.position)
                if message.content is None:
                    missing.append(message)
        complete = True
        for run in _runs(missing):
            if not self._fill_run(run):
                complete = False
        return complete

    def get(self, position: int, length_bytes: int) -> Content:
        """One content, for a decision that rests on it. It may wait for the disk, on the loop: dead-lettering a message
        that is neither fresh nor in the page cache.
        """
        found = self.by_position.get(position)
        return decode_content(self.journal.read(position, length_bytes)) if found is None else found

    def _fill_run(self, run: list[ReceivedMessage]) -> bool:
        first, last = run[0], run[-1]
        stored = self.journal.read_cached(first.position, last.position + last.length_bytes - first.position)
        if stored is None:
            for message in run:
                self.journal.hold(message.position)
            return False
        for message in run:
            at = message.position - first.position
            message.content = decode_content(stored[at : at + message.length_bytes])
        return True

    def read(self, messages: list[ReceivedMessage]) -> None:
        """Give each message its content, waiting for the disk. On the reader's thread."""
        for message in messages:
            if message.content is None:
                try:
                    message.content = decode_content(self.journal.read(message.position, message.length_bytes))
                finally:
                    self.journal.let_go(message.position)


def _runs(messages: list[ReceivedMessage]) -> Iterator[list[ReceivedMessage]]:
    """Messages that lie close behind one another in one segment, to be read in one go."""
    run: list[ReceivedMessage] = []
    for message in messages:
        if run:
            end = run[-1].position + run[-1].length_bytes
            near = end <= message.position <= end + GAP_BYTES
            if not near or message.position + message.length_bytes - run[0].position > RUN_BYTES:
                yield run
                run = []
        run.append(message)
    if run:
        yield run
