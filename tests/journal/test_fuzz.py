"""Whatever lies on the disk, a start, `verify` and `scan` end with an answer or a typed error, in bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.journal.batch import (
    BLOCK_BYTES,
    HEADER_BYTES,
    BatchHeader,
    batch_bytes,
    decode_header,
    encode_unsummed,
)
from oncemq.journal.checkpoint import CheckpointStore
from oncemq.journal.errors import JournalError
from oncemq.journal.manifest import Manifest, Piece, data_name, decode_manifest, encode_manifest, manifest_name
from oncemq.journal.mark import Mark
from oncemq.journal.segment import position_of, segment_name
from oncemq.journal.verify import scan, verify
from tests.journal.journals import IDENTITY, append, numbered_payload, opened, replayed
from tests.simulate.disk import ForgetfulDisk

# What decoding may take beyond the bytes it was given: a few read windows of 1 MiB.
MEMORY_BYTES_MAX = 8 * 1024 * 1024

numbers = st.integers(0, 3) | st.integers(0, 2**64 - 1)
headers = st.builds(
    BatchHeader,
    version=st.just(1) | st.integers(0, 2**16 - 1),
    flags=st.sampled_from([0, 1, 2, 0xFFFF]),
    identity=st.sampled_from([IDENTITY, bytes(16)]),
    number=numbers,
    last_durable=numbers,
    now_ms=numbers,
    payload_bytes=st.integers(0, 20_000) | st.sampled_from([2**31, 2**63, 2**64 - 1]) | numbers,
    previous_crc=st.integers(0, 2**32 - 1) | st.just(0),
    crc=st.integers(0, 2**32 - 1),
)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """A batch whose header says anything, summed right or not, cut off or not, in whole blocks or not."""
    header = draw(headers)
    payload = draw(st.binary(max_size=200)) * draw(st.sampled_from([1, 1, 40]))
    if draw(st.booleans()):
        header = header._replace(payload_bytes=len(payload))
    head = encode_unsummed(header)
    crc = crc32c(payload, crc32c(head)) if draw(st.booleans()) else header.crc
    data = (head + crc.to_bytes(4, "little") + payload).ljust(batch_bytes(len(payload)), b"\0")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


segments = st.binary(max_size=300) | st.lists(blocks(), max_size=5).map(b"".join)
marks = st.builds(
    Mark,
    number=numbers,
    position=st.sampled_from([0, 4096, position_of(1, 0)]) | numbers,
    crc=st.integers(0, 2**32 - 1),
    identity=st.sampled_from([IDENTITY, bytes(16)]),
    batch_position=st.sampled_from([0, 4096, position_of(1, 0)]) | numbers,
)


@contextmanager
def bounded_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES_MAX
    finally:
        tracemalloc.stop()


def start_and_append(disk: ForgetfulDisk, resume: Mark | None) -> None:
    """If it starts, it takes a batch and gives back one more than before."""
    with suppress(JournalError):
        journal, batches = replayed(disk, resume)
        append(journal, b"one more")
        assert len(replayed(disk, resume)[1]) == len(batches) + 1


@given(st.dictionaries(st.integers(0, 3), segments, max_size=3), st.none() | marks)
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_segments(contents: dict[int, bytes], resume: Mark | None) -> None:
    disk = ForgetfulDisk()
    for number, content in contents.items():
        disk.put(segment_name(number), content)
    with bounded_memory():
        verify(disk)
        with suppress(JournalError):
            list(scan(disk))
        start_and_append(disk, resume)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_damage_to_a_good_journal(data: st.DataObject) -> None:
    disk = ForgetfulDisk()
    journal = opened(disk)
    for number in range(1, 9):
        append(journal, numbered_payload(number, 9_000))
    for _ in range(data.draw(st.integers(1, 3))):
        content = disk.content(segment_name(data.draw(st.integers(0, 1))))
        at_bytes = data.draw(st.integers(0, 12).map(lambda block: block * BLOCK_BYTES) | st.integers(0, len(content)))
        damage = data.draw(st.binary(min_size=1, max_size=80) | blocks())
        content[at_bytes : at_bytes + len(damage)] = damage
    with bounded_memory():
        verify(disk)
        start_and_append(disk, None)
        start_and_append(disk, journal.mark)


@given(st.binary(max_size=400))
def test_any_bytes_as_a_header(data: bytes) -> None:
    header = decode_header(data)
    assert header is None or encode_unsummed(header) == data[: HEADER_BYTES - 4]


pieces = st.builds(Piece, numbers, numbers, numbers, st.integers(0, 2**32 - 1))
manifests = st.builds(
    Manifest, st.just(1) | numbers, numbers, marks, st.dictionaries(st.binary(max_size=20), pieces, max_size=5)
)


@given(manifests)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert decode_manifest(manifest_name(manifest.number), encode_manifest(manifest)) == manifest


@given(st.binary(max_size=400) | manifests.map(encode_manifest), st.binary(max_size=100))
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_a_manifest(manifest: bytes, content: bytes) -> None:
    disk = ForgetfulDisk()
    disk.put(manifest_name(1), manifest)
    for number in range(3):
        disk.put(data_name(number), content)
    with bounded_memory():
        verify(disk)
        with suppress(JournalError):
            checkpoint = CheckpointStore(disk).load()
            assert checkpoint is not None
            for key in checkpoint.keys():  # noqa: SIM118 - a Checkpoint is no mapping
                checkpoint.read(key)


@given(manifests, st.data())
def test_a_manifest_summed_right_over_anything(manifest: Manifest, data: st.DataObject) -> None:
    """Past the checksum the list of pieces is decoded with care, too."""
    head = bytearray(encode_manifest(manifest)[:80])
    rest = data.draw(st.binary(max_size=200))
    head[72:80] = len(rest).to_bytes(8, "little")
    crc = crc32c(rest, crc32c(bytes(head)))
    with suppress(JournalError):
        decode_manifest(manifest_name(manifest.number), bytes(head) + crc.to_bytes(4, "little") + rest)
