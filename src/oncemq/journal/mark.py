"""A mark: a place between two batches of one journal, with all that is needed to go on from there."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """The place right after batch `number`.

    `position` is where the next batch begins; `crc` is the checksum of batch `number`, to which the next one is
    chained; `batch_position` is where batch `number` itself begins, so that a start can check that the journal still
    holds the batch on which a checkpoint rests. Number 0 is the place before the first batch: there is no such batch.
    """

    number: int
    position: int
    crc: int
    identity: bytes
    batch_position: int


def first_mark(identity: bytes) -> Mark:
    """The mark of a journal that holds nothing yet."""
    return Mark(number=0, position=0, crc=0, identity=identity, batch_position=0)
