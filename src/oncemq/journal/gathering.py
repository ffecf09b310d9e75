"""The batch that gathers: records become bytes as they are made, and contents get their positions."""

from collections.abc import Callable
from functools import partial

from oncemq.core.apply import Places
from oncemq.core.model import Content
from oncemq.core.records import Published, Record, Rewritten
from oncemq.journal.codec import encode_contents, encode_published, encode_record, encode_with_contents


class Gathering:
    """A core Log over memory. `contents` are those of this batch, by position, for who reads them before they are
    on disk.
    """

    __slots__ = ("_stored", "contents", "length_bytes", "parts", "position")

    def __init__(self, position: int, stored: Callable[[int, int], Content] | None = None) -> None:
        self.position = position
        """Of the first byte of the payload."""
        self.parts: list[bytes] = []
        self.length_bytes = 0
        self.contents: dict[int, Content] = {}
        self._stored = stored

    def write(self, record: Record) -> Places | None:
        """Append the record."""
        if type(record) is Published:
            return self._write_contents(record.contents, partial(encode_published, record))
        if type(record) is Rewritten:
            return self._write_contents(record.contents, partial(encode_with_contents, record))
        frame = encode_record(record)
        self.parts.append(frame)
        self.length_bytes += len(frame)
        return None

    def _write_contents(self, contents: list[Content], encode: Callable[[list[int]], bytes]) -> Places:
        stored, lengths = encode_contents(contents)
        frame = encode(lengths)
        at = self.position + self.length_bytes + len(frame)
        positions = []
        for content, length in zip(contents, lengths, strict=True):
            self.contents[at] = content
            positions.append(at)
            at += length
        self.parts.append(frame)
        self.parts += stored
        self.length_bytes = at - self.position
        return Places(positions, lengths)

    def content(self, position: int, length_bytes: int) -> Content:
        """A content of this batch, or one that is stored."""
        found = self.contents.get(position)
        if found is None:
            assert self._stored is not None, "nothing is stored before this batch"
            found = self._stored(position, length_bytes)
        return found
