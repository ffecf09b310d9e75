"""Tests of the test: with a bug planted on purpose, some seed has to fail, and soon."""

from __future__ import annotations

import msgspec
import pytest

from oncemq.core.records import Published
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.engine import Engine
from oncemq.journal import gathering
from oncemq.journal.codec import encode_published
from tests.simulate.disk import ForgetfulDisk
from tests.simulate.life import Plant, Simulation

SEEDS_MAX = 400


def ignores_syncs(*names: str) -> Plant:
    """A disk whose syncs of these files do nothing."""

    def on_disk(disk: ForgetfulDisk) -> None:
        disk.ignored_syncs = names

    return Plant(on_disk=on_disk)


def no_sync_at_all(disk: ForgetfulDisk) -> None:
    disk.ignore_sync = True


def answers_early(engine: Engine) -> None:
    engine.answer_early = True


def publishes_early(engine: Engine) -> None:
    engine.checkpointer.publish_early = True


def reuses_tokens(engine: Engine) -> None:
    for host in engine.machine.state.hosts.values():
        host.next_token = 1


def forgets_counts(engine: Engine) -> None:
    for host in engine.machine.state.hosts.values():
        for queue in host.queues.values():
            for block in queue.blocks.values():
                for index in range(len(block.deliveries)):
                    block.deliveries[index] = 0


class DeletesFirst(Checkpointer):
    """Deletes segments before the manifest that makes them superfluous is durable."""

    def _publish(self) -> None:
        assert self._batch is not None and self._batch.mark is not None
        self.journal.delete_segments(self._batch.mark, self._held.__contains__)
        super()._publish()


class DropsAPiece(Checkpointer):
    """Forgets to write one of the pieces that changed."""

    def _put(self, gathered: list[tuple[bytes, bytes]]) -> None:
        old = self.store.current.manifest.pieces if self.store.current is not None else {}
        for at, (key, _) in enumerate(gathered):
            if key in old:
                self._keep[key] = None
                super()._put(gathered[:at] + gathered[at + 1 :])
                return
        super()._put(gathered)


PLANTS = {
    "no sync at all": Plant(on_disk=no_sync_at_all),
    "segments not synced": ignores_syncs("segment"),
    "folder not synced": ignores_syncs("folder"),
    "checkpoints not synced": ignores_syncs("checkpoint"),
    "answered early": Plant(on_start=answers_early),
    "checkpoint published early": Plant(on_start=publishes_early),
    "tokens used twice": Plant(on_start=reuses_tokens),
    "receive counts forgotten at a start": Plant(on_start=forgets_counts),
    "segments deleted before the manifest is durable": Plant(checkpointer=DeletesFirst),
    "a changed piece not written": Plant(checkpointer=DropsAPiece),
}


def first_failure(plant: Plant) -> str:
    """What the first seed that fails says; "" when none does."""
    for seed in range(SEEDS_MAX):
        try:
            Simulation(seed, plant=plant).play()
        except BaseException as error:
            return f"seed {seed}: {error!r}"
    return ""


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    assert first_failure(PLANTS[name]), f"{SEEDS_MAX} seeds did not notice: {name}"


def test_a_forgotten_deduplication_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_key(record: Published, lengths: list[int]) -> bytes:
        return encode_published(msgspec.structs.replace(record, deduplication=None), lengths)

    monkeypatch.setattr(gathering, "encode_published", without_key)
    assert first_failure(Plant())
