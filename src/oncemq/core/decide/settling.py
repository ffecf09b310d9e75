"""What consumers say of the messages that they hold: done with, given back, rejected, kept for longer.

Consumers settle in runs. A run that is held as it was leased, the common case, is checked and recorded as one span.
"""

from typing import Any

from oncemq.core import routed_commands as commands
from oncemq.core.columns import held_in
from oncemq.core.consumer import Channel
from oncemq.core.decide.dead_lettering import REASON_DELIVERY_LIMIT, dead_letter, expire
from oncemq.core.decide.lasting import emit_of_entries
from oncemq.core.decide.redriving import reject
from oncemq.core.host import Host
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, LeaseExtended, Released, Removed
from oncemq.core.routed_commands import LeaseRun
from oncemq.core.spans import Span, add_span, cut_at_blocks, numbers_of
from oncemq.core.turn import Turn


def settle(turn: Turn, command: commands.Settle, address: Any) -> None:
    """Answers nothing. What is no longer held under its token is passed over."""
    host = turn.state.hosts[command.host]
    by_queue = held_spans(host, command.held)
    channels = _count_settled(host, command.held)
    for queue, spans in by_queue.items():
        _settle_in(turn, host, queue, spans, command.outcome)
        turn.wake(host, queue)
    for channel in channels:
        wake_queues_of(turn, host, channel)


def _count_settled(host: Host, held: list[LeaseRun]) -> dict[Channel, None]:
    """The channels that have room again."""
    channels: dict[Channel, None] = {}
    for run in held:
        consumer = host.consumers.get(run.consumer)
        if consumer is not None:
            consumer.unsettled -= run.count
            consumer.channel.unsettled -= run.count
            channels[consumer.channel] = None
            if not consumer.unsettled and consumer.channel.ended.pop(run.consumer, None) is not None:
                del host.consumers[run.consumer]
    return channels


def held_spans(host: Host, held: list[LeaseRun]) -> dict[Queue, list[Span]]:
    """Queue → entries that are still held under the tokens of these leases."""
    by_queue: dict[Queue, list[Span]] = {}
    for run in held:
        queue = host.queues_by_number.get(run.queue)
        if queue is None:
            continue
        spans = by_queue.get(queue)
        if spans is None:
            spans = by_queue[queue] = []
        token = run.first_token
        for number, start, stop in cut_at_blocks(run.first_entry, run.count):
            block = queue.blocks.get(number)
            if block is not None:
                for first, count in held_in(block, start, stop, token):
                    add_span(spans, first, count)
            token += stop - start
    return {queue: spans for queue, spans in by_queue.items() if spans}


def _settle_in(turn: Turn, host: Host, queue: Queue, spans: list[Span], outcome: int) -> None:
    if outcome == commands.ACK:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, spans, DELETED))
    elif outcome == commands.REJECT:
        reject(turn, host, queue, numbers_of(spans))
    else:
        give_back(turn, host, queue, numbers_of(spans), failed=True)


def give_back(turn: Turn, host: Host, queue: Queue, entries: list[int], *, failed: bool) -> None:
    """Leases end and their entries are ready again, each in its place, unless they failed too often."""
    emit_of_entries(turn, queue, Released(host.number, queue.number, entries, 0, True, failed))
    limit = queue.settings.delivery_limit
    if limit is not None:
        failures = [queue.blocks[entry >> BLOCK_SHIFT].failures[entry & BLOCK_MASK] for entry in entries]
        over = [entry for entry, count in zip(entries, failures, strict=True) if count > limit]
        if over:
            dead_letter(turn, host, queue, over, REASON_DELIVERY_LIMIT)
    expire(turn, host, queue, entries)


def extend_leases(turn: Turn, command: commands.ExtendLeases, address: Any) -> None:
    """Answers nothing. A lease that is over is passed over."""
    host = turn.state.hosts[command.host]
    for run in command.held:
        consumer = host.consumers.get(run.consumer)
        if consumer is None or not consumer.lease_ms:
            continue
        for queue, spans in held_spans(host, [run]).items():
            due_ms = turn.now_ms + consumer.lease_ms
            emit_of_entries(turn, queue, LeaseExtended(host.number, queue.number, numbers_of(spans), due_ms, True))


def wake_queues_of(turn: Turn, host: Host, channel: Channel) -> None:
    """Something may be delivered to its consumers again."""
    for consumer in channel.consumers.values():
        queue = host.queues_by_number[consumer.queue]
        if queue.ready:
            turn.wake(host, queue)
