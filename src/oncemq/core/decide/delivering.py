"""Consumers: what becomes ready is sent to them as long as they have room; and what they say of it.

Consumers of the highest priority that have room are served in turn, one message each, whole rounds at a time. Room is
messages (prefetch) and bytes: what was sent to a connection and is not written yet, see `Outlet`.
"""

from itertools import islice, takewhile
from typing import Any

from oncemq.core import routed_commands as commands
from oncemq.core.consumer import UNLIMITED, Channel, Consumer, Outlet
from oncemq.core.decide.declaring import drop_queue
from oncemq.core.decide.lasting import alike, emit_of_entries, lease
from oncemq.core.decide.lots import Lot
from oncemq.core.decide.receiving import received, serve_parked
from oncemq.core.decide.redriving import redrive
from oncemq.core.decide.replying import end_replies
from oncemq.core.decide.settling import give_back, held_spans, wake_queues_of
from oncemq.core.decide.unused import used
from oncemq.core.host import Host
from oncemq.core.limits import DELIVERIES_PER_STEP
from oncemq.core.model import BLOCK_SHIFT, LEASED
from oncemq.core.outputs import Done
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, Removed
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_outputs import Consuming, Deliveries, Got, RoutedMessage
from oncemq.core.routed_refusals import ExclusiveConsumer, QueueLocked
from oncemq.core.spans import first_of, numbers_of
from oncemq.core.turn import Turn


def deliver(turn: Turn, host: Host, queue: Queue) -> None:
    """Send what is ready to who has room; parked receives of the other door come after consumers."""
    while queue.ready and queue.consumers:
        waiting = _with_room(queue)
        if not waiting or not redrive(turn, host, queue) or not _deal(turn, host, queue, waiting):
            break
    if queue.parked:
        serve_parked(turn, host, queue)


def _with_room(queue: Queue) -> list[Consumer]:
    """Who is served next: consumers of the highest priority that have room, the next one first, no more than there are
    messages.
    """
    consumers = queue.consumers
    if queue.settings.single_active_consumer:
        consumers = [_active(queue)]
    # What follows in a FIFO group may go only as `peek` says it when its first is held.
    wanted = 1 if queue.fifo else queue.ready
    priority = consumers[0].priority
    if any(consumer.priority != priority for consumer in consumers):
        priority = max((consumer.priority for consumer in consumers if consumer.room > 0), default=0)
        consumers = [consumer for consumer in consumers if consumer.priority == priority]
    return list(islice((consumer for consumer in consumers if consumer.room > 0), wanted))


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


def _deal(turn: Turn, host: Host, queue: Queue, waiting: list[Consumer]) -> bool:
    """Give the next messages to those who wait, in turn; False: there is nothing to give."""
    first = waiting[0]
    served, share = _shares(waiting)
    spans = queue.order.peek_spans(share * len(served), turn.now_ms)
    if not spans:
        return False
    lot = Lot(host, queue, *alike(queue, spans))
    room_bytes = min(consumer.channel.outlet.room_bytes for consumer in served)
    if lot.bytes > room_bytes:
        count = 1 if len(served) > 1 else lot.fitting(room_bytes)
        lot = Lot(host, queue, first_of(lot.spans, count), lot.transient)
        del served[1:]
    lot.number()
    if first.no_ack:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, lot.spans, DELETED))
    else:
        lease(turn, host, queue, lot.spans, turn.now_ms + first.lease_ms if first.lease_ms else 0)
    parts = len(served)
    if len({consumer.channel: None for consumer in served}) < parts:
        parts = lot.count  # on one channel messages keep their order
    for at in range(min(parts, lot.count)):
        consumer = served[at % len(served)]
        _send(turn, consumer, lot.part(at, parts, consumer))
    _move_back(queue, served, lot.count)
    return True


def _shares(waiting: list[Consumer]) -> tuple[list[Consumer], int]:
    """Who is given something by one record, and how many messages each of them at most."""
    first = waiting[0]
    if len(waiting) == 1:
        return waiting, min(DELIVERIES_PER_STEP, first.room)
    channels = {consumer.channel: None for consumer in waiting}
    if len(channels) < len(waiting) and any(channel.limit != UNLIMITED for channel in channels):
        return [first], 1  # it may take the last of its channel
    served = list(takewhile(first.takes_like, waiting))
    if len(served) < len(waiting):
        return served, 1
    return served, max(1, min(DELIVERIES_PER_STEP // len(served), *(consumer.room for consumer in served)))


def _send(turn: Turn, consumer: Consumer, deliveries: Deliveries) -> None:
    count = len(deliveries.positions)
    if not consumer.no_ack:
        consumer.unsettled += count
        consumer.channel.unsettled += count
    consumer.channel.outlet.room_bytes -= sum(deliveries.lengths)
    turn.answer(consumer.channel.address, deliveries)


def _move_back(queue: Queue, served: list[Consumer], count: int) -> None:
    """`count` messages were given to these in turn: who would have been next stays in front."""
    if len(served) == 1:
        queue.consumers.remove(served[0])
        queue.consumers.append(served[0])
    else:
        following = count % len(served)
        last = served[:following] if count < len(served) else served[following:] + served[:following]
        moved = dict.fromkeys(last)
        queue.consumers[:] = [consumer for consumer in queue.consumers if consumer not in moved] + last


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
    shared = queue.consumers or queue.settings.single_active_consumer
    if any(each.exclusive for each in queue.consumers) or (command.exclusive and shared):
        turn.answer(address, ExclusiveConsumer(command.queue))
        return
    channel = _channel(host, command.channel)
    _connect(host, channel, command.owner)
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


def _connect(host: Host, channel: Channel, owner: Any) -> None:
    """Its connection's outlet is the channel's."""
    outlet = host.outlets.get(owner)
    if outlet is None:
        outlet = host.outlets[owner] = Outlet()
    channel.outlet = outlet
    outlet.channels[channel] = None


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
    wake_queues_of(turn, host, channel)


def limit_consumers(turn: Turn, command: commands.LimitConsumers, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    channel = _channel(host, command.channel)
    for consumer in channel.consumers.values():
        if consumer.follows_limit:
            consumer.limit = command.limit or UNLIMITED
    turn.answer(address, Done())
    wake_queues_of(turn, host, channel)


def grant_room(turn: Turn, command: commands.GrantRoom, address: Any) -> None:
    """Answers nothing."""
    host = turn.state.hosts[command.host]
    outlet = host.outlets.get(command.owner)
    if outlet is None:
        return
    was_full, outlet.held = outlet.full, command.held
    outlet.room_bytes += command.room_bytes
    if was_full and not outlet.full:
        for channel in outlet.channels:
            wake_queues_of(turn, host, channel)


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
        message = _hand_out(turn, host, queue, entries[0], command.no_ack) if entries else None
        turn.answer(address, Got(host.name, message, queue.ready))


def _hand_out(turn: Turn, host: Host, queue: Queue, entry: int, no_ack: bool) -> RoutedMessage:
    lease(turn, host, queue, [(entry, 1)], 0)
    leased = received(host, queue, entry)
    message = RoutedMessage(leased, leased.deliveries > 1, host.messages.afterlife(leased.message))
    if no_ack:
        emit_of_entries(turn, queue, Removed(host.number, queue.number, [(entry, 1)], DELETED))
    return message


def close_channel(turn: Turn, command: commands.CloseChannel, address: Any) -> None:
    """Answers Done if there is an address."""
    host = turn.state.hosts[command.host]
    end_replies(host, command.channel)
    channel = host.channels.pop(command.channel, None)
    if channel is not None:
        channel.outlet.channels.pop(channel, None)
        for consumer in list(channel.consumers.values()):
            end_consumer(turn, host, consumer)
        for number in channel.ended:
            del host.consumers[number]
    for queue, spans in held_spans(host, command.held).items():
        give_back(turn, host, queue, numbers_of(spans), failed=command.failed)
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
