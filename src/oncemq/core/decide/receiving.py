"""ReceiveMessages: leases on the next messages, at once or when some come; dead letters on the way."""

from typing import Any

from oncemq.core import timers
from oncemq.core.commands import CancelWaiting, EndWaiting, Lease, ReceiveMessages
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.dead_lettering import REASON_DELIVERY_LIMIT, dead_letter
from oncemq.core.decide.lasting import emit_of_entries, lease
from oncemq.core.decide.moving import move
from oncemq.core.decide.unused import used
from oncemq.core.deduplication import digest
from oncemq.core.host import Host
from oncemq.core.limits import (
    DEAD_LETTERS_PER_RECEIVE,
    LEASED_ENTRIES_FIFO,
    LEASED_ENTRIES_STANDARD,
    PARKED_RECEIVES_PER_QUEUE,
    RECEIVED_BODY_BYTES,
    RECEIVED_STORED_BYTES,
)
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, CONTENT_AMQP, LEASED, TRANSIENT, Parked
from oncemq.core.outputs import Received, ReceivedMessage
from oncemq.core.queue import Queue
from oncemq.core.records import LeaseExtended, Released
from oncemq.core.refusals import NotForStandardQueues, QueueDoesNotExist, TooManyLeased
from oncemq.core.spans import spans_of
from oncemq.core.turn import Turn


def receive_messages(turn: Turn, command: ReceiveMessages, address: Any) -> None:
    """Answers Received, or parks the asker until messages or its time come."""
    found = turn.find(command)
    if found is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return
    host, queue = found
    if command.caller is not None:
        refused = refused_access(host, queue, command.caller, "ReceiveMessage")
        if refused is not None:
            turn.answer(address, refused)
            return
    if command.attempt is not None and not queue.fifo:
        turn.answer(address, NotForStandardQueues("attempt"))
        return
    wait_ms = queue.settings.receive_wait_ms if command.wait_ms is None else command.wait_ms
    if not wait_ms and not queue.fifo and queue.leased >= LEASED_ENTRIES_STANDARD:
        turn.answer(address, TooManyLeased(LEASED_ENTRIES_STANDARD))
        return
    used(turn, queue)
    attempt = None if command.attempt is None else digest(command.attempt, None)
    dead_letters = DEAD_LETTERS_PER_RECEIVE
    messages = take(turn, host, queue, command.maximum, command.visibility_timeout_ms, attempt, dead_letters)
    if messages or not wait_ms or len(queue.parked) >= PARKED_RECEIVES_PER_QUEUE:
        turn.answer(address, Received(host.name, messages, attempt is None))
    else:
        _park(turn, host, queue, command, address, attempt, wait_ms)


def _park(
    turn: Turn, host: Host, queue: Queue, command: ReceiveMessages, address: Any, attempt: bytes | None, wait_ms: int
) -> None:
    due_ms = turn.now_ms + wait_ms
    parked = Parked(
        host.next_parked, address, queue.number, command.maximum, command.visibility_timeout_ms, attempt, due_ms
    )
    host.next_parked += 1
    queue.parked[parked.number] = host.parked_at[address] = parked
    turn.state.timers.add(due_ms, host.number, queue.number, timers.PARKED, parked.number)


def cancel_waiting(turn: Turn, command: CancelWaiting, address: Any) -> None:
    """The asker has gone."""
    host = turn.state.hosts.get(command.host)
    if host is not None:
        parked = host.parked_at.pop(command.address, None)
        if parked is not None:
            host.queues_by_number[parked.queue].parked.pop(parked.number, None)


def end_all_waiting(turn: Turn, command: EndWaiting, address: Any) -> None:
    """Answers nothing itself."""
    for host in turn.state.hosts.values():
        for parked in list(host.parked_at.values()):
            end_waiting(turn, host, host.queues_by_number[parked.queue], parked.number)


def end_waiting(turn: Turn, host: Host, queue: Queue, number: int) -> None:
    """A parked receive's time has come: it is answered empty."""
    parked = queue.parked.pop(number, None)
    if parked is not None:
        del host.parked_at[parked.address]
        turn.answer(parked.address, Received(host.name, []))


def serve_parked(turn: Turn, host: Host, queue: Queue, dead_letters: int | None = None) -> None:
    """Give what is ready to those who wait, in turn."""
    if dead_letters is None:
        dead_letters = DEAD_LETTERS_PER_RECEIVE
    while queue.parked and queue.ready:
        parked = next(iter(queue.parked.values()))
        messages = take(turn, host, queue, parked.maximum, parked.visibility_timeout_ms, parked.attempt, dead_letters)
        if not messages:
            break
        del queue.parked[parked.number]
        del host.parked_at[parked.address]
        turn.answer(parked.address, Received(host.name, messages, parked.attempt is None))


def take(
    turn: Turn,
    host: Host,
    queue: Queue,
    maximum: int,
    visibility_timeout_ms: int | None,
    attempt: bytes | None,
    dead_letters: int,
) -> list[ReceivedMessage]:
    """Lease up to `maximum` messages; those that were delivered too often go to the dead-letter queue instead, until
    `dead_letters` have gone.
    """
    if visibility_timeout_ms is None:
        visibility_timeout_ms = queue.settings.visibility_timeout_ms
    if attempt is not None:
        again = _receive_again(turn, host, queue, attempt, visibility_timeout_ms)
        if again is not None:
            return again
    limit = LEASED_ENTRIES_FIFO if queue.fifo else LEASED_ENTRIES_STANDARD
    maximum = min(maximum, limit - queue.leased)
    taken: list[int] = []
    while queue.ready and len(taken) < maximum:
        entries = _receivable(turn, host, queue, maximum - len(taken))
        dead = over_limit(host, queue, entries)
        if dead and dead_letters > 0:
            move_dead(turn, host, queue, dead)
            dead_letters -= len(dead)
            if dead_letters <= 0:  # who waits goes on at the next tick
                turn.state.timers.add(turn.now_ms, host.number, queue.number, timers.SERVE, 0)
            continue  # what follows in a FIFO group may go only as `peek` says it now
        if dead:
            entries = entries[: entries.index(dead[0])]
        if not entries:
            break
        due_ms = turn.now_ms + visibility_timeout_ms
        # With an attempt id all leases are one record: such a queue is FIFO, and its order gives all in one peek.
        lease(turn, host, queue, spans_of(entries), due_ms, attempt)
        taken += entries
        if attempt is not None:
            break
    messages = [received(host, queue, entry) for entry in taken]
    if taken and not visibility_timeout_ms:
        emit_of_entries(turn, queue, Released(host.number, queue.number, taken, 0, True, False))
    return messages


def _receivable(turn: Turn, host: Host, queue: Queue, wanted: int) -> list[int]:
    """The next entries whose bodies a receive can carry: the others are for consumers."""
    looked_at = wanted
    while True:
        entries = queue.order.peek(looked_at, turn.now_ms)
        found = [entry for entry in entries if not _is_too_large(turn, host, queue, entry)]
        if len(found) == len(entries) or len(found) >= wanted or len(entries) < looked_at:
            return found[:wanted]
        looked_at *= 2


def _is_too_large(turn: Turn, host: Host, queue: Queue, entry: int) -> bool:
    message = queue.blocks[entry >> BLOCK_SHIFT].message[entry & BLOCK_MASK]
    _, length = host.messages.place(message)
    if length <= RECEIVED_BODY_BYTES:
        return False
    if length > RECEIVED_STORED_BYTES:
        return True
    content = turn.content(host, message)
    return content.kind == CONTENT_AMQP and len(content.body) > RECEIVED_BODY_BYTES


def received(host: Host, queue: Queue, entry: int) -> ReceivedMessage:
    """As it was just leased. Its token is the entry's own: a dead letter on the way may have given others out."""
    block, index = queue.blocks[entry >> BLOCK_SHIFT], entry & BLOCK_MASK
    number = block.message[index]
    position, length = host.messages.place(number)
    source = block.source[index] if block.source is not None else 0
    return ReceivedMessage(
        Lease(queue.number, entry, block.token[index]),
        number,
        position,
        length,
        block.sent_ms[index],
        block.deliveries[index],
        block.first_delivery_ms[index],
        queue.fifo,
        queue.sources[source - 1] if source else None,
        host.contents.content(position, length) if number >= TRANSIENT else None,
    )


def over_limit(host: Host, queue: Queue, entries: list[int]) -> list[int]:
    """Those that were delivered as often as they may be, if there is where they can go."""
    maximum = queue.settings.maximum_receives
    if maximum is None or not (_redrive_target(host, queue) or queue.settings.dead_letter_exchange in host.exchanges):
        return []
    blocks = queue.blocks
    return [entry for entry in entries if blocks[entry >> BLOCK_SHIFT].deliveries[entry & BLOCK_MASK] >= maximum]


def _redrive_target(host: Host, queue: Queue) -> Queue | None:
    name = queue.settings.redrive_queue
    return host.queues.get(name) if name is not None and name != queue.name else None


def move_dead(turn: Turn, host: Host, queue: Queue, entries: list[int]) -> None:
    """They go where those go that were delivered too often."""
    target = _redrive_target(host, queue)
    if target is None:
        dead_letter(turn, host, queue, entries, REASON_DELIVERY_LIMIT)
        return
    move(turn, host, queue, target, entries, kept=True, task=0)
    if target.parked:  # whose own dead letters wait for its next receive: queues may form a chain, or a circle
        serve_parked(turn, host, target, 0)
    if target.consumers or target.settings.bounded:
        turn.wake(host, target)


def _receive_again(
    turn: Turn, host: Host, queue: Queue, attempt: bytes, visibility_timeout_ms: int
) -> list[ReceivedMessage] | None:
    """The same messages under the same handles, if this attempt still stands: its visibility starts anew."""
    known = queue.attempts.find(attempt, turn.now_ms)
    if known is None:
        return None
    for offset, entry in enumerate(known.entries):
        if queue.state_of(entry) != LEASED or queue.token_of(entry) != known.first_token + offset:
            return None
    due_ms = turn.now_ms + visibility_timeout_ms
    emit_of_entries(turn, queue, LeaseExtended(host.number, queue.number, known.entries, due_ms, False))
    return [received(host, queue, entry) for entry in known.entries]
