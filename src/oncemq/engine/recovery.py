"""From a data folder to a running state: the newest checkpoint, then every batch after it."""

from typing import NamedTuple

from oncemq.core.apply import NOWHERE
from oncemq.core.machine import Machine
from oncemq.core.snapshot import load
from oncemq.core.transient import Contents
from oncemq.journal.checkpoint import CheckpointStore
from oncemq.journal.codec import decode_payload
from oncemq.journal.disk import Disk
from oncemq.journal.journal import Journal
from oncemq.journal.segment import SEGMENT_BYTES


class Recovered(NamedTuple):
    """The state, and what goes on writing it."""

    machine: Machine
    journal: Journal
    store: CheckpointStore
    replayed_batches: int
    replayed_records: int


def recover(
    disk: Disk, new_identity: bytes, segment_bytes: int = SEGMENT_BYTES, contents: Contents | None = None
) -> Recovered:
    """Load and replay. `new_identity` (16 random bytes) names a journal that is new; `contents` will keep those of
    transient messages (None: memory, without a limit).

    Raises JournalCorrupt, CheckpointCorrupt, JournalVersion or RecordCorrupt, each naming the place.
    """
    machine = Machine(contents)
    store = CheckpointStore(disk)
    checkpoint = store.load()
    if checkpoint is not None:
        load(machine.state, ((key, checkpoint.read(key)) for key in checkpoint.manifest.pieces))
    resume = checkpoint.mark if checkpoint is not None else None
    journal = Journal.open(disk, new_identity=new_identity, resume=resume, segment_bytes=segment_bytes)
    batches = count = 0
    for batch in journal.replay():
        batches += 1
        for record, places in decode_payload(batch.payload, batch.payload_position):
            machine.replay(record, batch.now_ms, places or NOWHERE)
            count += 1
    if checkpoint is not None:
        journal.last_now_ms = max(journal.last_now_ms, checkpoint.now_ms)
    machine.recovered(journal.last_now_ms)
    return Recovered(machine, journal, store, batches, count)
