"""Which dangerous moments the crashes fell into, counted: a moment that is never hit is a moment that is not tested."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

BEFORE_OPERATION = {
    # line, operation, kind of file, what went before on this line ("" = anything): the moment
    ("write", "write", "segment", "create"): "segment created, first batch not written",
    ("write", "write", "segment", ""): "batch closed, not written",
    ("write", "sync", "segment", ""): "batch written, not synced",
    ("write", "sync_folder", "folder", ""): "first batch of a segment synced, folder not",
    ("write", "create", "segment", ""): "batch closed, its segment not created",
    ("loop", "read", "segment", ""): "content being read on the loop",
    ("background", "create", "data", ""): "checkpoint begun, no data written",
    ("background", "write", "data", ""): "checkpoint data half written",
    ("background", "sync", "data", ""): "checkpoint data written, not synced",
    ("background", "create", "temporary", ""): "checkpoint data synced, no manifest",
    ("background", "write", "temporary", ""): "manifest created, not written",
    ("background", "sync", "temporary", ""): "manifest written, not synced",
    ("background", "sync_folder", "folder", "sync"): "manifest synced, folder not",
    ("background", "rename", "temporary", ""): "manifest and folder synced, not renamed",
    ("background", "sync_folder", "folder", "rename"): "manifest renamed, folder not synced",
    ("background", "remove", "data", ""): "old checkpoint being removed",
    ("background", "remove", "manifest", ""): "old checkpoint being removed",
    ("background", "remove", "segment", ""): "segments being deleted",
    ("background", "sync_folder", "folder", "remove"): "files removed, folder not synced",
    ("recovery", "write", "segment", "read"): "recovery: last batch read, not written again or not cut",
    ("recovery", "sync", "segment", ""): "recovery: written, not synced",
    ("recovery", "sync_folder", "folder", ""): "recovery: files removed, folder not synced",
    ("recovery", "remove", "segment", ""): "recovery: segment behind the end being removed",
    ("recovery", "remove", "data", ""): "recovery: unpublished checkpoint being removed",
    ("recovery", "remove", "temporary", ""): "recovery: unpublished checkpoint being removed",
}

OTHER = (
    "batch synced, not answered",
    "batch and checkpoint half done together",
    "during recovery",
    "contents being read",
    "checkpoint gathering between batches",
    "power lost",
    "process killed, memory of the system kept",
    "unsynced batch found whole",
    "unsynced batch forgotten",
    "torn batch cut",
    "file forgotten that was not synced",
    "answers checked",
    "sends answered as duplicates",
    "messages redelivered",
    "messages received from a dead-letter queue",
    "messages moved back by a task",
    "checkpoints published",
    "AMQP: publishes confirmed",
    "AMQP: publishes to several queues confirmed",
    "AMQP: publishes unconfirmed at a crash, found",
    "AMQP: publishes unconfirmed at a crash, not found",
    "AMQP: duplicates confirmed",
    "AMQP: unroutable messages returned",
    "AMQP: acks certain",
    "AMQP: acks uncertain at a crash, done",
    "AMQP: acks uncertain at a crash, not done",
    "AMQP: transactions committed",
    "AMQP: transactions that publish and settle committed",
    "AMQP: transactions unanswered at a crash, found whole",
    "AMQP: transactions unanswered at a crash, found absent",
    "AMQP: transactions rolled back or left",
    "AMQP: dead letters delivered: rejected",
    "AMQP: dead letters delivered: expired",
    "AMQP: dead letters delivered: maxlen",
    "AMQP: dead letters delivered: delivery_limit",
    "AMQP: dead letters over a crash",
    "AMQP: delayed messages delivered",
    "AMQP: delayed messages over a crash",
    "AMQP: messages redelivered",
    "AMQP: delivery counts over a crash",
    "AMQP: requeued messages delivered before later ones",
    "AMQP: deliveries out of the order of publishing, by priority",
    "AMQP: channels ended that held messages",
    "AMQP: publishes refused by a full queue",
    "AMQP: transactions refused whole",
    "AMQP: messages received through SQS",
    "AMQP: messages deleted through SQS",
    "AMQP: transient messages gone with a crash",
    "AMQP: transient messages dead-lettered and kept over a crash",
)
MOMENTS = sorted({*BEFORE_OPERATION.values(), *OTHER})


class Operation(NamedTuple):
    """An operation of the disk that is about to happen."""

    line: str
    name: str
    kind: str
    before: str
    """The operation before it on the same line."""


def kind_of(file: str) -> str:
    """Segment, folder, data, manifest or temporary."""
    return file.partition("-")[0] if file.startswith("segment") else file.rpartition(".")[2]


class Hits(Counter[str]):
    """Counts of the moments."""

    def stopped_before(self, operation: Operation) -> None:
        """The crash fell right before this operation."""
        line, name, kind, before = operation
        moment = BEFORE_OPERATION.get((line, name, kind, before)) or BEFORE_OPERATION.get((line, name, kind, ""))
        if moment is not None:
            self[moment] += 1
        if line == "recovery":
            self["during recovery"] += 1

    def missed(self) -> list[str]:
        """Moments that no crash fell into."""
        return [moment for moment in MOMENTS if not self[moment]]

    def table(self) -> str:
        """All counts, in words."""
        width = max(map(len, self), default=0)
        return "\n".join(f"  {moment:<{width}}  {count:>7,}" for moment, count in sorted(self.items()))
