"""Consumers: what becomes ready is sent to them as long as they have room; and what they say of it.

Consumers of the highest priority that have room are served in turn, one message each; a single one gets as much as it
has room for at once.
"""

from collections import Counter
from typing import Any

from oncemq.core import routed_commands as commands
from oncemq.core.commands import Lease
from oncemq.core.consumer import UNLIMITED, Channel, Consumer
from oncemq.core.decide.dead_lettering import REASON_DELIVERY_LIMIT, dead_letter, expire
from oncemq.core.decide.declaring import drop_queue
from oncemq.core.decide.lasting import emit_of_entries, lease
from oncemq.core.decide.receiving import received, serve_parked
from oncemq.core.decide.redriving import redrive, reject
from oncemq.core.decide.replying import end_replies
from oncemq.core.decide.unused import used
from oncemq.core.host import Host
from oncemq.core.limits import DELIVERIES_PER_STEP
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, LEASED
from oncemq.core.outputs import Done
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, LeaseExtended, Released, Removed
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_outputs import Consuming, Deliveries, Got, RoutedMessage
from oncemq.core.routed_refusals import ExclusiveConsumer, QueueLocked
from oncemq.core.turn import Turn


def deliver(turn: Turn, host: Host, queue: Queue) -> None:
    """Send what is ready to who has room; parked receives of the other door come after consumers."""
    while queue.ready and queue.consumers:
        waiting = _with_room(queue)
        if not waiting or not redrive(turn, host, queue):
            break
        share = min(DELIVERIES_PER_STEP, waiting[0].room) if len(waiting) == 1 else 1
        if queue.fifo:  # what follows in a group may go only as `peek` says it when its first is held
            del waiting[1:]
        entries = queue.order.peek(min(share * len(waiting), queue.ready), turn.now_ms)
        if not entries:
            break
        for consumer in waiting:
            if entries and consumer.room > 0:  # another of its channel may just have taken the last
                own, entries = entries[:share], entries[share:]
                _send(turn, host, queue, consumer, own)
                queue.consumers.remove(consumer)
                queue.consumers.append(consumer)
    if queue.parked:
        serve_parked(turn, host, queue)


def _with_room(queue: Queue) -> list[Consumer]:
    if queue.settings.single_active_consumer:
        active = _active(queue)
        return [active] if active.room > 0 else []
    free = [consumer for consumer in queue.consumers if consumer.room > 0]
    if not free:
        return []
    highest = max(consumer.priority for consumer in free)
    return [consumer for consumer in free if consumer.priority == highest]


def _active(queue: Queue) -> Consumer:
    """The one that gets all. It stays so until it ends; then it is the turn of the highest priority, of those of the
    one that came first.
    """
    for consumer in queue.consumers:
        if consumer.active:
            return consumer
    chosen = min(queue.consumers, key=lambda consumer: (-consumer.priority, consumer.number))
    chosen.active = True
    return chosen


def _send(turn: Turn, host: Host, queue: Queue, consumer: Consumer, entries: list[int]) -> None:
    due_ms = turn.now_ms + consumer.lease_ms if consumer.lease_ms else 0
    messages = _hand_out(turn, host, queue, entries, consumer.no_ack, due_ms)
    if not consumer.no_ack:
        consumer.unsettled += len(entries)
        consumer.channel.unsettled += len(entries)
    turn.answer(consumer.channel.address, Deliveries(host.name, consumer.number, consumer.tag, messages))


def _hand_out(
    turn: Turn, host: Host, queue: Queue, entries: list[int], no_ack: bool, due_ms: int = 0
) -> list[RoutedMessage]:
    lease(turn, host, queue, entries, due_ms)
    messages = []
    for entry in entries:
        each = received(host, queue, entry)
        messages.append(RoutedMessage(each, each.deliveries > 1, host.messages.afterlife(each.message)))
    if no_ack:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, entries, DELETED))
    return messages


def consume(turn: Turn, command: commands.Consume, address: Any) -> None:
    """Answers Consuming; then Deliveries."""
    host = turn.state.hosts[command.host]
    queue = host.queues.get(command.queue)
    if queue is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return
    if queue.owner not in (None, command.owner):
        turn.answer(address, QueueLocked(command.queue))
        return
    if any(each.exclusive for each in queue.consumers) or (command.exclusive and queue.consumers):
        turn.answer(address, ExclusiveConsumer(command.queue))
        return
    channel = _channel(host, command.channel)
    consumer = Consumer(host.next_consumer, channel, queue.number, command.tag, command.limit or UNLIMITED)
    consumer.no_ack, consumer.exclusive, consumer.priority = command.no_ack, command.exclusive, command.priority
    consumer.lease_ms = 0 if command.no_ack else command.lease_ms
    consumer.follows_limit = command.follows_limit
    host.next_consumer += 1
    host.consumers[consumer.number] = channel.consumers[consumer.number] = consumer
    queue.consumers.append(consumer)
    if queue.settings.single_active_consumer:
        _active(queue)
    turn.answer(address, Consuming(consumer.number))
    turn.wake(host, queue)


def extend_leases(turn: Turn, command: commands.ExtendLeases, address: Any) -> None:
    """Answers nothing. A lease that is over is passed over."""
    host = turn.state.hosts[command.host]
    for held, number in zip(command.leases, command.consumers, strict=True):
        consumer, queue = host.consumers.get(number), host.queues_by_number.get(held.queue)
        if consumer is None or queue is None or not consumer.lease_ms:
            continue
        if queue.state_of(held.entry) == LEASED and queue.token_of(held.entry) == held.token:
            due_ms = turn.now_ms + consumer.lease_ms
            emit_of_entries(turn, queue, LeaseExtended(host.number, queue.number, [held.entry], due_ms, True))


def _channel(host: Host, address: Any) -> Channel:
    channel = host.channels.get(address)
    if channel is None:
        channel = host.channels[address] = Channel(address)
    return channel


def limit_channel(turn: Turn, command: commands.LimitChannel, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    channel = _channel(host, command.channel)
    channel.limit = command.limit or UNLIMITED
    turn.answer(address, Done())
    _wake_queues_of(turn, host, channel)


def limit_consumers(turn: Turn, command: commands.LimitConsumers, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    channel = _channel(host, command.channel)
    for consumer in channel.consumers.values():
        if consumer.follows_limit:
            consumer.limit = command.limit or UNLIMITED
    turn.answer(address, Done())
    _wake_queues_of(turn, host, channel)


def hold_channel(turn: Turn, command: commands.HoldChannel, address: Any) -> None:
    """Answers nothing."""
    host = turn.state.hosts[command.host]
    channel = host.channels.get(command.channel)
    if channel is not None:
        channel.held = command.held
        if not command.held:
            _wake_queues_of(turn, host, channel)


def cancel(turn: Turn, command: commands.Cancel, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    consumer = host.consumers.get(command.consumer)
    if consumer is not None and consumer.number in consumer.channel.consumers:
        end_consumer(turn, host, consumer)
    turn.answer(address, Done())


def end_consumer(turn: Turn, host: Host, consumer: Consumer) -> None:
    """It is sent nothing more; a queue that only lived for its consumers goes with the last."""
    host.forget(consumer)
    queue = host.queues_by_number.get(consumer.queue)
    if queue is None:
        return
    queue.consumers.remove(consumer)
    used(turn, queue)
    if not queue.consumers and queue.settings.auto_delete:
        drop_queue(turn, host, queue)
    else:
        turn.wake(host, queue)


def get(turn: Turn, command: commands.Get, address: Any) -> None:
    """Answers Got."""
    host = turn.state.hosts[command.host]
    queue = host.queues.get(command.queue)
    if queue is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
    elif queue.owner not in (None, command.owner):
        turn.answer(address, QueueLocked(command.queue))
    else:
        used(turn, queue)
        redrive(turn, host, queue)
        entries = queue.order.peek(1, turn.now_ms) if queue.ready else []
        messages = _hand_out(turn, host, queue, entries, command.no_ack) if entries else [None]
        turn.answer(address, Got(host.name, messages[0], queue.ready))


def settle(turn: Turn, command: commands.Settle, address: Any) -> None:
    """Answers nothing. What is no longer held under its token is passed over."""
    host = turn.state.hosts[command.host]
    by_queue = _held(host, command.leases)
    channels: dict[int, Channel] = {}
    for number, count in Counter(command.consumers).items():
        consumer = host.consumers.get(number)
        if consumer is not None:
            consumer.unsettled -= count
            consumer.channel.unsettled -= count
            channels[id(consumer.channel)] = consumer.channel
            if not consumer.unsettled and consumer.channel.ended.pop(number, None) is not None:
                del host.consumers[number]
    for number, entries in by_queue.items():
        queue = host.queues_by_number[number]
        _settle_in(turn, host, queue, entries, command.outcome)
        turn.wake(host, queue)
    for channel in channels.values():
        _wake_queues_of(turn, host, channel)


def _held(host: Host, leases: list[Lease]) -> dict[int, list[int]]:
    """Queue number → entries that are still held under the tokens of these leases."""
    held: dict[int, list[int]] = {}
    for each in leases:
        queue = host.queues_by_number.get(each.queue)
        block = queue.blocks.get(each.entry >> BLOCK_SHIFT) if queue is not None else None
        if block is None:
            continue
        index = each.entry & BLOCK_MASK
        if index < len(block.state) and block.state[index] == LEASED and block.token[index] == each.token:
            entries = held.get(each.queue)
            if entries is None:
                held[each.queue] = [each.entry]
            else:
                entries.append(each.entry)
    return held


def _settle_in(turn: Turn, host: Host, queue: Queue, entries: list[int], outcome: int) -> None:
    if outcome == commands.ACK:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, entries, DELETED))
    elif outcome == commands.REJECT:
        reject(turn, host, queue, entries)
    else:
        give_back(turn, host, queue, entries, failed=True)


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


def _wake_queues_of(turn: Turn, host: Host, channel: Channel) -> None:
    for consumer in channel.consumers.values():
        queue = host.queues_by_number[consumer.queue]
        if queue.ready:
            turn.wake(host, queue)


def close_channel(turn: Turn, command: commands.CloseChannel, address: Any) -> None:
    """Answers Done if there is an address."""
    host = turn.state.hosts[command.host]
    end_replies(host, command.channel)
    channel = host.channels.pop(command.channel, None)
    if channel is not None:
        for consumer in list(channel.consumers.values()):
            end_consumer(turn, host, consumer)
        for number in channel.ended:
            del host.consumers[number]
    by_queue = _held(host, command.leases)
    for number, entries in by_queue.items():
        queue = host.queues_by_number[number]
        give_back(turn, host, queue, entries, failed=command.failed)
        turn.wake(host, queue)
    if address is not None:
        turn.answer(address, Done())


def end_channel_leases(turn: Turn, host: Host) -> None:
    """The server starts: no channel lives, so what was leased to one is ready again. That is no failure."""
    for queue in host.queues.values():
        for block in list(queue.blocks.values()):
            base = block.number << BLOCK_SHIFT
            entries = [
                base | index
                for index, state in enumerate(block.state if LEASED in block.state else ())
                if state == LEASED and not block.due_ms[index]
            ]
            if entries:
                give_back(turn, host, queue, entries, failed=False)
                turn.wake(host, queue)
