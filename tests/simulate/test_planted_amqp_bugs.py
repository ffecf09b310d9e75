"""Tests of the test: with a bug of the AMQP door planted on purpose, some seed has to fail, and soon."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from oncemq.core import queue
from oncemq.core.commands import Command
from oncemq.core.decide import dead_lettering, lasting, storing
from oncemq.core.host import Host
from oncemq.core.model import BLOCK_SHIFT, CONTENT_AMQP, DELAYED, PRIORITY_SHIFT, READY
from oncemq.core.order.plain import Plain
from oncemq.core.outputs import Output
from oncemq.core.records import DELETED, Published, Record, Removed, Rewritten
from oncemq.core.refusals import Refusal
from oncemq.core.routed_commands import Publish, Transact
from oncemq.core.routed_outputs import Outcome, TransactionDone
from oncemq.core.turn import Turn
from oncemq.engine.engine import Address, Engine
from oncemq.journal import gathering
from oncemq.journal.codec import encode_published, encode_record
from tests.simulate.facts import Broken
from tests.simulate.life import Plant, Simulation

SEEDS_MAX = 400


def confirms_early(engine: Engine) -> None:
    """A confirm leaves before the batch is synced."""
    submit = engine.submit

    def early(command: Command, address: Address | None) -> None:
        submit(command, address)
        if isinstance(command, Publish) and address is not None:
            outputs = engine._turn.outputs
            mine = [each for each in outputs if each[0] is address]
            engine._turn.outputs = [each for each in outputs if each[0] is not address]
            for _, output in mine:
                address.deliver(output)

    engine.submit = early  # type: ignore[method-assign]


class Half:
    """The address of half a transaction: the outcomes of both are answered together, after the second."""

    def __init__(self, address: Address | None) -> None:
        self.address = address
        self.outcomes: list[Outcome | list[Outcome]] | None = None

    @property
    def order(self) -> object:
        """As that of whom it stands for."""
        return getattr(self.address, "order", self)

    def deliver(self, output: Output | Refusal) -> bool:
        assert isinstance(output, TransactionDone)
        if self.outcomes is None:
            self.outcomes = output.outcomes
            return True
        assert self.address is not None
        return self.address.deliver(TransactionDone(self.outcomes + output.outcomes))


def splits_transactions(engine: Engine) -> None:
    """The second half of a transaction is decided into the next batch, where a batch can be closed in between."""
    submit = engine.submit

    def split(command: Command, address: Address | None) -> None:
        if not isinstance(command, Transact) or len(command.commands) < 2:
            submit(command, address)
            return
        both, middle = Half(address), len(command.commands) // 2
        submit(Transact(command.host, command.commands[:middle]), both)
        if engine._written is None and engine._gathering.parts:
            engine._close_batch()
        submit(Transact(command.host, command.commands[middle:]), both)

    engine.submit = split  # type: ignore[method-assign]


class Tail(Plain):
    """What is requeued comes after all that was never delivered."""

    def ready(self, entry: int) -> None:
        if entry >> PRIORITY_SHIFT not in self.heads:
            super().ready(entry)

    def peek(self, maximum: int, now_ms: int) -> list[int]:
        found = super().peek(maximum, now_ms)
        for block in self.queue.blocks.values():
            entries = (block.number << BLOCK_SHIFT | index for index, state in enumerate(block.state) if state == READY)
            found += [entry for entry in entries if entry not in found]
        return found[:maximum]


def forgets_failures(engine: Engine) -> None:
    """How often a message was given back is not known any more after a start."""
    for host in engine.machine.state.hosts.values():
        for each in host.queues.values():
            for block in each.blocks.values():
                for index in range(len(block.failures)):
                    block.failures[index] = 0


def ends_delays(engine: Engine) -> None:
    """What was delayed is due at once after a start."""
    for host in engine.machine.state.hosts.values():
        for each in host.queues.values():
            for block in each.blocks.values():
                for index, state in enumerate(block.state):
                    if state == DELAYED:
                        block.due_ms[index] = 1
    engine.machine.recovered(0)


def finds(plant: Plant, said: str) -> bool:
    """Whether some seed fails, and says this."""
    for seed in range(SEEDS_MAX):
        try:
            Simulation(seed, plant=plant, doors="amqp").play()
        except Exception as error:
            if isinstance(error, Broken) and said in str(error):
                return True
    return False


PLANTS = {
    "confirmed early": (confirms_early, "is lost"),
    "transactions split": (splits_transactions, "half of a transaction"),
    "failures forgotten": (forgets_failures, "failed"),
    "delays ended": (ends_delays, "before its delay"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    on_start, said = PLANTS[name]
    assert finds(Plant(on_start=on_start), said)


def test_a_requeue_to_the_wrong_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "Plain", Tail)
    assert finds(Plant(), "out of turn")


def test_a_forgotten_deduplication_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_key(record: Published, lengths: list[int]) -> bytes:
        if any(content.kind == CONTENT_AMQP for content in record.contents):
            record = msgspec.structs.replace(record, deduplication=None)
        return encode_published(record, lengths)

    monkeypatch.setattr(gathering, "encode_published", without_key)
    assert finds(Plant(), "twice")


def test_an_ack_that_is_not_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_acks(record: Record) -> bytes:
        return b"" if isinstance(record, Removed) and record.reason == DELETED else encode_record(record)

    monkeypatch.setattr(gathering, "encode_record", without_acks)
    assert finds(Plant(), "is back")


def test_counts_of_deliveries_that_are_forgotten_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(engine: Engine) -> None:
        for host in engine.machine.state.hosts.values():
            for each in host.queues.values():
                for block in each.blocks.values():
                    for index in range(len(block.deliveries)):
                        block.deliveries[index] = 0

    assert finds(Plant(on_start=forgets), "as if for the first time")


def test_a_transient_message_that_is_journalled_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def persistent(*given: Any, **fields: Any) -> None:
        publish(*given, **{**fields, "persistent": True})

    publish = lasting.publish
    monkeypatch.setattr(storing, "publish", persistent)
    assert finds(Plant(), "outlived its server")


def test_a_transient_message_that_dies_into_a_durable_queue_and_is_not_written_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unwritten(turn: Turn, host: Host, record: Rewritten) -> None:
        number, kept = host.messages.transient.next, lasting._keep(turn, record.contents)
        turn.emit_transient(msgspec.structs.replace(record, first_message=number), kept)

    monkeypatch.setattr(dead_lettering, "rewrite", unwritten)
    assert finds(Plant(), "is lost")
