"""Counts everything anew from the columns, and compares with what the state keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from oncemq.core import timers
from oncemq.core.host import Host, Partition
from oncemq.core.limits import BLOCK_ENTRIES, TIMER_BUCKET_MS
from oncemq.core.messages import SEGMENT_SHIFT, Messages
from oncemq.core.model import BLOCK_SHIFT, DELAYED, GONE, LEASED, READY, TRANSIENT
from oncemq.core.queue import Queue
from oncemq.core.transient import ContentsInMemory, TransientMessages


def wrong_counts(state: Partition, *, timers: bool = True) -> list[str]:
    """What does not agree, in words; empty if all does."""
    wrong = []
    for host in state.hosts.values():
        for queue in host.queues.values():
            wrong += [f"{queue.name}: {each}" for each in _wrong_in_queue(queue)]
            if timers:
                wrong += [f"{queue.name}: {each}" for each in _wrong_in_timers(state, queue)]
        entries = Counter(message for queue in host.queues.values() for _, message, _ in _live(queue))
        durable = Counter({message: count for message, count in entries.items() if message < TRANSIENT})
        wrong += _wrong_in_messages(host.messages, durable)
        wrong += [f"transient: {each}" for each in _wrong_in_messages(host.messages.transient, entries - durable)]
        wrong += list(_wrong_in_consumers(host))
        waiting = {parked.number for queue in host.queues.values() for parked in queue.parked.values()}
        if waiting != {parked.number for parked in host.parked_at.values()}:
            wrong.append("parked receives and their askers differ")
    held = sum(len(column) for bucket in state.timers.buckets.values() for column in bucket.values())
    if held != state.timers.size:
        wrong.append(f"timers hold {held}, say {state.timers.size}")
    return wrong


def _live(queue: Queue) -> Iterator[tuple[int, int, int]]:
    """(entry, message, group) of all that is not gone."""
    for block in queue.blocks.values():
        for index, state in enumerate(block.state):
            if state:
                group = block.group[index] if block.group is not None else 0
                yield block.number << BLOCK_SHIFT | index, block.message[index], group


def _wrong_in_queue(queue: Queue) -> Iterator[str]:
    states: Counter[int] = Counter()
    groups: Counter[int] = Counter()
    for block in queue.blocks.values():
        states.update(block.state)
        if block.live != len(block.state) - block.state.count(GONE):
            yield f"block {block.number} says {block.live} live"
        if not block.live and len(block.state) == BLOCK_ENTRIES:
            yield f"block {block.number} should have been let go"
        columns = [
            getattr(block, name) for name in ("message", "sent_ms", "deliveries", "token", "due_ms", "leased_ms")
        ]
        columns += [column for column in (block.group, block.source, block.expires_ms) if column is not None]
        if {len(column) for column in columns} != {len(block.state)}:
            yield f"columns of block {block.number} differ in length"
        if any(block.state[: block.first_live]):
            yield f"block {block.number} has a live entry before the first"
    groups.update(group for _, _, group in _live(queue) if group)
    for name, state in (("ready", READY), ("delayed", DELAYED), ("leased", LEASED)):
        if getattr(queue, name) != states[state]:
            yield f"{name} is {getattr(queue, name)}, counted {states[state]}"
    transient = sum(message >= TRANSIENT for _, message, _ in _live(queue))
    if queue.transient_entries != (0 if queue.transient else transient):
        yield f"{queue.transient_entries} transient entries, counted {transient}"
    if queue.transient_entries != sum(block.transient for block in queue.blocks.values()):
        yield "its blocks do not say how many transient entries there are"
    if queue.group_counts != groups:
        yield f"group counts are {queue.group_counts}, counted {dict(groups)}"
    if sorted(queue.group_names) != sorted(groups) or len(queue.group_numbers) != len(groups):
        yield "names of groups are kept that no entry has, or the other way about"
    for entry, key in queue.attempts.by_entry.items():
        if entry not in queue.attempts.by_key[key].entries:
            yield f"entry {entry} is in no attempt"


def _wrong_in_timers(state: Partition, queue: Queue) -> Iterator[str]:
    """Whatever waits for a time stands in the timers for just that time."""

    def waits(due_ms: int, kind: int, item: int) -> bool:
        bucket = state.timers.buckets.get(-(-due_ms // TIMER_BUCKET_MS), {})
        key = (queue.host << timers.QUEUE_BITS | queue.number) << timers.KIND_BITS | kind
        return item in bucket.get(key, ())

    for block in queue.blocks.values():
        for index, entry_state in enumerate(block.state):
            entry = block.number << BLOCK_SHIFT | index
            due_ms = block.due_ms[index] if entry_state in (LEASED, DELAYED) else 0
            expires_ms = block.expires_ms[index] if block.expires_ms is not None and entry_state == READY else 0
            if due_ms and not waits(due_ms, timers.ENTRY, entry):
                yield f"no timer for entry {entry}"
            if entry_state == DELAYED and not due_ms:
                yield f"entry {entry} is delayed for ever"
            if expires_ms and not waits(expires_ms, timers.EXPIRY, entry):
                yield f"no timer for the expiry of entry {entry}"
    for parked in queue.parked.values():
        if not waits(parked.due_ms, timers.PARKED, parked.number):
            yield f"no timer for the waiting receive {parked.number}"
    if queue.live and queue.settings.retention_ms and not waits(queue.retention_due_ms, timers.RETENTION, 0):
        yield "no timer for the retention time"


def _wrong_in_consumers(host: Host) -> Iterator[str]:
    """Who is listed where, and what each channel holds unsettled."""
    of_queues = [consumer.number for queue in host.queues.values() for consumer in queue.consumers]
    of_channels = [number for channel in host.channels.values() for number in channel.consumers]
    if sorted(of_queues) != sorted(of_channels):
        yield f"queues have consumers {of_queues}, channels {of_channels}"
    for consumer in host.consumers.values():
        if consumer.unsettled < 0:
            yield f"consumer {consumer.number} holds {consumer.unsettled}"
    for channel in host.channels.values():
        held = sum(each.unsettled for each in host.consumers.values() if each.channel is channel)
        if held != channel.unsettled:
            yield f"channel {channel.address} says {channel.unsettled} unsettled, its consumers {held}"


def _wrong_in_messages(table: Messages, entries: Counter[int]) -> Iterator[str]:
    """References, live messages, and live messages by segment. `entries`: how many hold each message."""
    references: Counter[int] = Counter()
    segments: Counter[int] = Counter()
    for number, block in table.blocks.items():
        if any(not block.references[index] for index in block.afterlives):
            yield f"message block {number} keeps an afterlife that no message has"
        held = [index for index, count in enumerate(block.references) if count]
        if block.live != len(held):
            yield f"message block {number} says {block.live} live, counted {len(held)}"
        for index in held:
            references[number << BLOCK_SHIFT | index] = block.references[index]
            segments[block.position[index] >> SEGMENT_SHIFT] += 1
    if references != entries:
        yield f"references are {dict(references)}, entries hold {dict(entries)}"
    if table.live != len(references):
        yield f"{table.live} messages are said to live, counted {len(references)}"
    if isinstance(table, TransientMessages):
        kept = table.contents.by_position if isinstance(table.contents, ContentsInMemory) else {}
        if len(kept) != len(references):
            yield f"{len(kept)} contents are kept for {len(references)} messages"
    elif table.live_in_segment != segments:
        yield f"by segment {table.live_in_segment}, counted {dict(segments)}"
