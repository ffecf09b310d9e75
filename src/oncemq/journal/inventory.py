"""What the batches of a journal hold: every record decoded, every stored content checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from oncemq.core.apply import Places
from oncemq.core.records import Record
from oncemq.journal.codec import ContentCorrupt, RecordCorrupt, decode_content, decode_payload
from oncemq.journal.verify import ScannedBatch


def stored_contents(batch: ScannedBatch, places: Places | None) -> Iterator[tuple[int, int, bytes]]:
    """Position, length and stored bytes of the contents of one record."""
    if places is not None:
        for position, length_bytes in zip(places.positions, places.lengths, strict=True):
            start = position - batch.payload_position
            yield position, length_bytes, bytes(batch.payload[start : start + length_bytes])


class Inventory:
    """Counts what it is shown. A flaw is noted with its place; it does not end the look."""

    def __init__(self) -> None:
        self.records: Counter[type[Record]] = Counter()
        self.contents = 0
        self.content_bytes = 0
        self.flaws: list[str] = []

    def look(self, batch: ScannedBatch) -> None:
        """Decode a batch's records and check their contents."""
        try:
            for record, places in decode_payload(batch.payload, batch.payload_position):
                self.records[type(record)] += 1
                self._check_contents(batch, places)
        except RecordCorrupt as error:
            self._note(batch, str(error))

    def _check_contents(self, batch: ScannedBatch, places: Places | None) -> None:
        for position, length_bytes, stored in stored_contents(batch, places):
            self.contents += 1
            self.content_bytes += length_bytes
            try:
                decode_content(stored)
            except ContentCorrupt as error:
                self._note(batch, f"position {position}: {error}")

    def _note(self, batch: ScannedBatch, flaw: str) -> None:
        self.flaws.append(f"{batch.segment_name}, offset {batch.offset_bytes}, batch {batch.number}: {flaw}")
