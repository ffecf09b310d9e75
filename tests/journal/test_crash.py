"""Journal and checkpoints over a disk that forgets: whatever `write` and `publish` returned for is there again.

Each seed is one life after another of the same disk: append, checkpoint, delete segments, crash at some operation,
start again and compare with what was acknowledged. The state that is checkpointed is the simplest one there is: for
each key the number of the batch that set it last. With a promise of the disk or a rule of the caller broken, the same
test has to fail; that is tested, too.
"""

from __future__ import annotations

import random

import pytest

from oncemq.journal.checkpoint import CheckpointStore
from oncemq.journal.errors import JournalError
from oncemq.journal.journal import Batch, Journal
from oncemq.journal.mark import Mark
from oncemq.journal.verify import verify
from tests.journal.journals import SEGMENT_BYTES
from tests.simulate.disk import Crashed, ForgetfulDisk

SEEDS = 400
LIVES = 5
KEYS = 12


class Lost(AssertionError):
    """Something acknowledged is not there, or something is there that never was."""


class Server:
    """One life: a state machine over a journal, as the engine is, but in one thread and without any meaning."""

    def __init__(self, disk: ForgetfulDisk, dice: random.Random) -> None:
        self.disk = disk
        self.dice = dice
        self.store = CheckpointStore(disk)
        checkpoint = self.store.load()
        self.state: dict[int, int] = {}
        self.changed: set[int] = set(range(KEYS))
        if checkpoint is not None:
            self.state = {key[0]: int(checkpoint.read(key)) for key in checkpoint.keys()}  # noqa: SIM118
        mark = checkpoint.mark if checkpoint else None
        self.journal = Journal.open(disk, new_identity=dice.randbytes(16), resume=mark, segment_bytes=SEGMENT_BYTES)
        for batch in self.journal.replay():
            self.apply(batch.number, bytes(batch.payload))

    def apply(self, number: int, payload: bytes) -> None:
        if payload != payload_of(number, len(payload)):
            raise Lost(f"batch {number} is not what was written")
        self.state[number % KEYS] = number
        self.changed.add(number % KEYS)

    def close_batch(self) -> Batch:
        number = self.journal.last_number + 1
        payload = payload_of(number, self.dice.choice((8, 600, 4_000, 5_000, 9_000, 40_000)))
        cut = self.dice.randrange(len(payload))
        batch = self.journal.close_batch([payload[:cut], payload[cut:]], len(payload), number)
        self.apply(number, payload)
        return batch

    def checkpoint(self, mark: Mark) -> None:
        """Publish the state as it is now under this mark, and delete what that makes superfluous."""
        known = {key[0] for key in self.store.current.keys()} if self.store.current else set()  # noqa: SIM118
        writer = self.store.begin()
        for key, number in self.state.items():
            if key in self.changed or key not in known:
                writer.put(bytes([key]), b"%d" % number)
            else:
                writer.keep(bytes([key]))
        writer.publish(mark, mark.number)
        self.changed.clear()
        live = set(self.dice.sample(range(100), 30))
        self.journal.delete_segments(mark, lambda segment: segment in live)


def payload_of(number: int, length_bytes: int) -> bytes:
    return (number.to_bytes(8, "big") * (length_bytes // 8 + 1))[:length_bytes]


def expected_state(number: int) -> dict[int, int]:
    """The state after batch `number`: for each key the greatest number that set it."""
    return {(number - back) % KEYS: number - back for back in range(min(KEYS, number))}


def live_once(server: Server, acknowledged: int) -> int:
    """Work until the disk stops; the number of the last batch that was acknowledged."""
    try:
        while True:
            batch = server.close_batch()
            server.journal.write(batch)
            acknowledged = batch.number
            if server.dice.random() < 0.1:
                server.checkpoint(server.journal.mark)
    except Crashed:
        return acknowledged


def run(seed: int, *, ignore_sync: bool = False) -> None:
    """Several lives of one disk. Raises Lost or a JournalError when a start finds less than was acknowledged."""
    dice = random.Random(seed)
    disk = ForgetfulDisk()
    acknowledged = 0
    for _ in range(LIVES):
        disk.ignore_sync = ignore_sync
        disk.stop_after = dice.randrange(250)
        try:
            server = Server(disk, dice)
            check(server, acknowledged)
            acknowledged = live_once(server, max(acknowledged, server.journal.last_number))
        except Crashed:
            pass  # a start may be cut short as well
        disk = disk.kill() if dice.random() < 0.3 else disk.crash(dice)
    check(Server(disk, dice), acknowledged)
    assert verify(disk).is_sound


def check(server: Server, acknowledged: int) -> None:
    number = server.journal.last_number
    if number not in (acknowledged, acknowledged + 1):
        raise Lost(f"{acknowledged} batches were acknowledged, {number} are there")
    if server.state != expected_state(number):
        raise Lost(f"the state is not that after batch {number}: {server.state}")


@pytest.mark.parametrize("part", range(4))
def test_nothing_acknowledged_is_lost(part: int) -> None:
    for seed in range(part, SEEDS, 4):
        try:
            run(seed)
        except (Lost, JournalError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_a_disk_that_does_not_sync_is_found_out() -> None:
    """Test of the test."""
    found = 0
    for seed in range(20):
        try:
            run(seed, ignore_sync=True)
        except (Lost, JournalError):
            found += 1
    assert found >= 10


def test_a_checkpoint_published_before_its_batch_is_durable_is_found_out() -> None:
    """Test of the test: the batch on which the checkpoint rests is not there, and the start says so."""
    for seed in range(20):
        dice = random.Random(seed)
        disk = ForgetfulDisk()
        server = Server(disk, dice)
        for _ in range(5):
            server.journal.write(server.close_batch())
        copy = disk.crash(dice)
        server.journal.write(server.close_batch())
        too_early = server.journal.mark
        other = Server(copy, dice)
        other.store.begin().publish(too_early, 0)
        with pytest.raises(JournalError, match="batch 6: the checkpoint rests on it"):
            Server(copy.crash(dice), dice)


@pytest.mark.parametrize("fault", ["fail_write_after", "fail_sync_after"])
def test_after_a_fault_and_a_kill_nothing_that_was_seen_is_lost(fault: str) -> None:
    """A failed sync drops what memory goes on showing. What the next start has shown must survive the power."""
    for seed in range(100):
        dice = random.Random(seed)
        disk = ForgetfulDisk()
        server = Server(disk, dice)
        setattr(disk, fault, dice.randrange(30))
        with pytest.raises(OSError):
            while True:
                server.journal.write(server.close_batch())
                if dice.random() < 0.1:
                    server.checkpoint(server.journal.mark)
        disk = disk.kill()
        second = Server(disk, dice)
        check(second, server.journal.durable_number)
        for _ in range(dice.randrange(3)):
            second.journal.write(second.close_batch())
        third = Server(disk.crash(dice), dice)
        assert third.state == second.state, seed
