"""Contents of transient messages, in memory and in files."""

from pathlib import Path

import pytest

from oncemq.core.model import Content
from oncemq.engine import transient
from oncemq.engine.transient import SPILLED, TransientContents
from oncemq.journal.disk import FolderDisk


def content(number: int) -> Content:
    return Content(1, b"p%d" % number, bytes([number]) * 1_000)


def test_the_first_are_in_memory_and_the_rest_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transient, "FILE_BYTES", 5_000)
    contents = TransientContents(FolderDisk(tmp_path), 3_000)
    places = [contents.keep(content(number)) for number in range(20)]
    assert [bool(position & SPILLED) for position, _ in places] == [False] * 2 + [True] * 18
    assert len({position for position, _ in places}) == 20
    assert len(contents.files) == 4
    assert list(tmp_path.iterdir()) == []
    for number, place in enumerate(places):
        assert contents.content(*place) == content(number)
    for position, _ in places[:7]:
        contents.drop(position)
    assert contents.bytes == 0 and len(contents.files) == 3, "the first file is closed with its last message"
    assert contents.content(*places[7]) == content(7)
    for position, _ in places[7:]:
        contents.drop(position)
    assert not contents.files
    assert not contents.keep(content(1))[0] & SPILLED, "there is room in memory again"


def test_a_file_left_by_a_process_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / transient.FILE_NAME).write_bytes(b"old")
    contents = TransientContents(FolderDisk(tmp_path), 0)
    assert contents.content(*contents.keep(content(1))) == content(1)
    assert list(tmp_path.iterdir()) == []


def test_on_a_disk_that_takes_no_more_it_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = TransientContents(FolderDisk(tmp_path), 0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(contents, "disk", type("Full", (), {"names": lambda self: [], "create": full})())
    position, length_bytes = contents.keep(content(1))
    assert not position & SPILLED
    assert contents.content(position, length_bytes) == content(1)
    contents.drop(position)
    assert contents.bytes == 0
