"""Stored contents: found in the batches that are in memory, in the page cache, on the disk; each checked when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncemq.core.model import Content
from oncemq.engine.contents import Contents, contents_of
from oncemq.journal.codec import ContentCorrupt, encode_content
from oncemq.journal.disk import FolderDisk
from oncemq.journal.journal import Journal


class Written:
    """A journal with batches of contents, which `contents` has been given."""

    def __init__(self, folder: Path, maximum_bytes: int) -> None:
        self.journal = Journal.open(FolderDisk(folder), new_identity=bytes(16), resume=None)
        list(self.journal.replay())
        self.contents = Contents(self.journal, maximum_bytes)
        self.positions: list[int] = []
        self.lengths: list[int] = []
        self.stored: list[Content] = []

    def batch(self, count: int, size: int = 1_000) -> None:
        position = self.journal.next_payload_position
        payload = b"records"
        for number in range(count):
            content = Content(1, b"\0\1q", b"%d|" % number + b"x" * size)
            self.positions.append(position + len(payload))
            payload += encode_content(content)
            self.lengths.append(position + len(payload) - self.positions[-1])
            self.stored.append(content)
        batch = self.journal.close_batch((payload,), len(payload), 0)
        self.contents.add(position, payload)
        self.journal.write(batch)
        self.contents.durable_before(batch.next_position)

    def found(self) -> list[Content]:
        runs = self.contents.find(self.positions, self.lengths)
        if runs is None:
            runs = self.contents.read(self.positions, self.lengths)
        assert sum(run.messages for run in runs) == len(self.positions)
        return list(contents_of(runs, self.positions, self.lengths))


@pytest.mark.parametrize("maximum_bytes", [0, 6_000, 1 << 30])
def test_contents_from_memory_and_from_the_journal(tmp_path: Path, maximum_bytes: int) -> None:
    written = Written(tmp_path, maximum_bytes)
    for count in (3, 1, 700, 2, 4):
        written.batch(count)
    assert written.contents.bytes <= maximum_bytes
    assert written.found() == written.stored
    for column in (written.positions, written.lengths, written.stored):
        column.reverse()
    assert written.found() == written.stored
    assert written.contents.get(written.positions[5], written.lengths[5]) == written.stored[5]


def test_what_is_not_durable_is_kept_beyond_the_limit(tmp_path: Path) -> None:
    written = Written(tmp_path, 0)
    written.batch(2)
    assert not written.contents.bytes
    position = written.journal.next_payload_position
    written.contents.add(position, encode_content(Content(1, b"", b"fresh")))
    written.contents.durable_before(position)
    assert written.contents.get(position, 14) == Content(1, b"", b"fresh")


def test_damage_is_found_when_it_is_read(tmp_path: Path) -> None:
    written = Written(tmp_path, 0)
    written.batch(5)
    (segment,) = (path for path in tmp_path.iterdir() if path.stat().st_size)
    with segment.open("r+b") as file:
        file.seek(2_500)
        file.write(b"damage")
    with pytest.raises(ContentCorrupt):
        written.found()
