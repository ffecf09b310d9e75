"""DeleteMessages, ChangeVisibility, and leases that come back because nobody got the answer.

Late words on a lease: a standard queue takes them while the message was not received again, and answers without
effect when it was; a FIFO queue refuses them (Amazon SQS).
"""

from typing import Any

from oncemq.core.commands import ChangeVisibility, DeleteMessages, Lease, ReturnUndelivered
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.dead_lettering import expire
from oncemq.core.decide.lasting import emit_of_entries
from oncemq.core.host import Host
from oncemq.core.limits import LEASE_MS
from oncemq.core.model import BLOCK_MASK, GONE, LEASED
from oncemq.core.outputs import Results
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, LeaseExtended, Released, Removed
from oncemq.core.refusals import (
    LeaseExpired,
    LeaseNotHeld,
    LeaseOfAnotherQueue,
    QueueDoesNotExist,
    Refusal,
    VisibilityBeyondMaximum,
)
from oncemq.core.spans import spans_of
from oncemq.core.turn import Turn


def delete_messages(turn: Turn, command: DeleteMessages, address: Any) -> None:
    """Answers Results. All that go are one record."""
    place = _find(turn, command, address, "DeleteMessage")
    if place is None:
        return
    host, queue = place
    results: list[Refusal | None] = []
    going: dict[int, None] = {}
    for lease in command.leases:
        refused = _deletable(queue, lease, going)
        results.append(refused)
    if going:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, spans_of(list(going)), DELETED))
    turn.answer(address, Results(results))
    if queue.awaited:  # in a FIFO queue it may have held others back
        turn.wake(host, queue)


def _deletable(queue: Queue, lease: Lease, going: dict[int, None]) -> Refusal | None:
    if lease.queue != queue.number:
        return LeaseOfAnotherQueue()
    state = queue.state_of(lease.entry)
    if state == GONE or lease.entry in going:
        return None
    current = queue.token_of(lease.entry) == lease.token
    if queue.fifo and not (current and state == LEASED):
        return LeaseExpired()
    if current:
        going[lease.entry] = None
    return None


def change_visibility(turn: Turn, command: ChangeVisibility, address: Any) -> None:
    """Answers Results."""
    place = _find(turn, command, address, "ChangeMessageVisibility")
    if place is None:
        return
    host, queue = place
    changes = zip(command.leases, command.timeouts_ms, strict=True)
    results = [_change_one(turn, host, queue, lease, timeout_ms) for lease, timeout_ms in changes]
    turn.answer(address, Results(results))
    if queue.awaited or queue.settings.bounded:
        turn.wake(host, queue)


def _change_one(turn: Turn, host: Host, queue: Queue, lease: Lease, timeout_ms: int) -> Refusal | None:
    if lease.queue != queue.number:
        return LeaseOfAnotherQueue()
    state = queue.state_of(lease.entry)
    if state == GONE:
        return LeaseNotHeld(gone=True)
    current = queue.token_of(lease.entry) == lease.token
    if queue.fifo and not (current and state == LEASED):
        return LeaseExpired()
    if not current:
        return None
    leased_ms = queue.blocks[lease.entry >> 16].leased_ms[lease.entry & BLOCK_MASK]
    if turn.now_ms + timeout_ms > leased_ms + LEASE_MS:
        return VisibilityBeyondMaximum(timeout_ms, LEASE_MS)
    if timeout_ms:
        due_ms = turn.now_ms + timeout_ms
        emit_of_entries(turn, queue, LeaseExtended(host.number, queue.number, [lease.entry], due_ms, True))
    elif state == LEASED:
        emit_of_entries(turn, queue, Released(host.number, queue.number, [lease.entry], 0, True, False))
        expire(turn, host, queue, [lease.entry])
    return None


def return_undelivered(turn: Turn, command: ReturnUndelivered, address: Any) -> None:
    """Answers nothing. What is still leased under these tokens is ready again, its delivery not counted."""
    host = turn.state.hosts.get(command.host)
    if host is None:
        return
    by_queue: dict[int, list[int]] = {}
    for lease in command.leases:
        queue = host.queues_by_number.get(lease.queue)
        if queue is not None and queue.state_of(lease.entry) == LEASED and queue.token_of(lease.entry) == lease.token:
            by_queue.setdefault(lease.queue, []).append(lease.entry)
    for number, entries in by_queue.items():
        queue = host.queues_by_number[number]
        emit_of_entries(turn, queue, Released(host.number, number, entries, 0, False, False))
        expire(turn, host, queue, entries)
        if queue.awaited or queue.settings.bounded:
            turn.wake(host, queue)


def _find(
    turn: Turn, command: DeleteMessages | ChangeVisibility, address: Any, action: str
) -> tuple[Host, Queue] | None:
    """The command's queue; None: it was answered with a refusal."""
    found = turn.find(command)
    if found is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return None
    host, queue = found
    if command.caller is not None:
        refused = refused_access(host, queue, command.caller, action)
        if refused is not None:
            turn.answer(address, refused)
            return None
    return found
