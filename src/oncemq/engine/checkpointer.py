"""Checkpoints while the server works: the state as after one batch, gathered a few pieces at a time, written in the
background.

1. `begin`, right after batch n was closed: the state as it stands now is what is written; what changes later is
   copied first.
2. `step`, again and again on the loop: a few pieces are encoded, and written on the background thread.
3. When all are written and batch n is durable, the checkpoint is published.
4. Segments that end before n and held no live content as after n are deleted.

Publishing before batch n is durable would leave, after a crash, a state that rests on records that are not there.
Asking in step 4 what is live by then would delete a segment too much: a message that a batch after n removes is there
again when a crash forgets that batch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from oncemq.core.machine import Machine
from oncemq.core.snapshot import all_pieces
from oncemq.engine.runtime import Runtime
from oncemq.journal.checkpoint import CheckpointStore, CheckpointWriter
from oncemq.journal.journal import Batch, Journal

PIECES_PER_STEP = 8
CHECKPOINT_EVERY_BYTES = 64 * 1024 * 1024


class Checkpointer:
    """At most one checkpoint at a time."""

    def __init__(self, machine: Machine, journal: Journal, store: CheckpointStore, runtime: Runtime) -> None:
        self.machine, self.journal, self.store, self.runtime = machine, journal, store, runtime
        self.every_bytes = CHECKPOINT_EVERY_BYTES
        self.bytes_since = 0
        self.published = 0
        """Checkpoints published since the start."""
        self.publish_early = False
        """A planted bug for tests of the tests: publish without waiting for batch n."""
        self._batch: Batch | None = None
        self._writer: CheckpointWriter | None = None
        self._keep: dict[bytes, None] = {}
        self._held: frozenset[int] = frozenset()
        """Segments with live contents as after batch n."""
        self._durable = False
        """Batch n is durable, and every output that it or one before held back is on its way."""
        self._writing = False
        self._ended: Callable[[], None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a checkpoint is being made."""
        return self._batch is not None

    def closed(self, batch: Batch) -> None:
        """A batch was closed, and nothing was decided since: a checkpoint may begin here."""
        self.bytes_since += batch.disk_bytes
        if self.bytes_since >= self.every_bytes and not self.under_way:
            self.begin(batch)

    def begin(self, batch: Batch, ended: Callable[[], None] | None = None) -> None:
        """Start a checkpoint of the state as after `batch`, the last one closed."""
        self.bytes_since = 0
        self._batch, self._ended = batch, ended
        self._keep = dict.fromkeys(piece.key for piece in all_pieces(self.machine.state))
        hosts = self.machine.state.hosts.values()
        self._held = frozenset(segment for host in hosts for segment in host.messages.live_in_segment)
        self._durable = False
        self.machine.state.pieces.begin()
        self._writer = self.store.begin()
        self.runtime.call_soon(self.step)

    def step(self) -> None:
        """Gather some more, or publish when all is written and the batch is durable."""
        pieces = self.machine.state.pieces
        if self._batch is None or self._writing:
            return
        if not pieces.complete:
            gathered = pieces.gather(PIECES_PER_STEP)
            for key, _ in gathered:
                self._keep.pop(key, None)
            self._run(partial(self._put, gathered), self._put_done)
        elif self._durable or self.publish_early:
            self._run(self._publish, self._publish_done)
        # else: `durable` calls again

    def durable(self) -> None:
        """A batch became durable, and its outputs have been let out."""
        if self._batch is not None and self._batch.mark is not None:
            self._durable = True
            self.step()

    def _run(self, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self._writing = True
        self.runtime.background(job, partial(self._ran, done))

    def _ran(self, done: Callable[[Any], None], result: Any, error: BaseException | None) -> None:
        self._writing = False
        if error is not None:
            self.runtime.fail_stop(error)
            return
        done(result)

    def _put(self, gathered: list[tuple[bytes, bytes]]) -> None:
        assert self._writer is not None
        for key, data in gathered:
            self._writer.put(key, data)

    def _put_done(self, result: None) -> None:
        self.runtime.call_soon(self.step)

    def _publish(self) -> None:
        assert self._writer is not None and self._batch is not None
        for key in self._keep:
            self._writer.keep(key)
        mark = self._batch.mark or self.journal.mark
        self._writer.publish(mark, self._batch.now_ms)

    def _publish_done(self, result: None) -> None:
        assert self._batch is not None
        mark, held = self._batch.mark, self._held
        if mark is None:
            self._end(None)
        else:
            self._run(lambda: self.journal.delete_segments(mark, held.__contains__), self._end)

    def _end(self, deleted: Any) -> None:
        self.published += 1
        ended, self._ended, self._batch, self._writer = self._ended, None, None, None
        if ended is not None:
            ended()
