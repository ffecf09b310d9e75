"""Pieces of the state as bytes, and back: what a checkpoint is made of.

Derived things (orders, counts, timers) are not written; `load` makes them anew, so a state and its loaded copy give
the same pieces, byte for byte. Integers in columns are little-endian.
"""

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from operator import le
from typing import Any

import msgspec

from oncemq.core.attempts import Attempt
from oncemq.core.deduplication import Generation
from oncemq.core.exchange import Exchange
from oncemq.core.exchanges.bindings import Binding
from oncemq.core.host import Host, Partition, System
from oncemq.core.messages import SEGMENT_SHIFT
from oncemq.core.model import (
    BLOCK_SHIFT,
    DELAYED,
    GONE,
    LEASED,
    PRIORITY_SHIFT,
    READY,
    TRANSIENT,
    TRANSIENT_QUEUE,
    Afterlife,
    Block,
    MessageBlock,
    MoveTask,
    Piece,
)
from oncemq.core.order.fair import Fair
from oncemq.core.order.plain import Plain
from oncemq.core.pieces import BLOCK, DEDUPLICATION, EXCHANGE, HOST, KEY, MESSAGES, QUEUE, SYSTEM, USER
from oncemq.core.policies import Policy
from oncemq.core.queue import Queue
from oncemq.core.settings import Settings, changed
from oncemq.core.user import Permission, TopicPermission, User

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.decode

BLOCK_COLUMNS = ("message", "sent_ms", "deliveries", "failures", "first_delivery_ms", "leased_ms", "token", "due_ms")
OPTIONAL_COLUMNS = ("group", "source", "expires_ms")
MESSAGE_COLUMNS = ("position", "length", "references")


def _column_bytes(column: "array[int]") -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _column(typecode: str, data: bytes) -> "array[int]":
    column = array(typecode, data)
    if sys.byteorder == "big":
        column.byteswap()
    return column


# Writing --------------------------------------------------------------------------------------------------------


def encode_piece(piece: Piece) -> bytes:
    """A piece as bytes."""
    return _pack(_ENCODE[type(piece)](piece))


def _encode_system(system: System) -> Any:
    counters = system.next_host, system.next_user, system.first_queue, system.first_message, system.starts
    return system.identity_key, counters


def _encode_host(host: Host) -> Any:
    return (
        host.name,
        (host.next_queue, host.next_token, host.next_task, host.messages.next, host.next_exchange),
        [task for task in host.tasks.values() if task.number < TRANSIENT_QUEUE],
        host.deleted_ms,
        (host.description, host.tags),
        [*host.policies.values(), *host.operator_policies.values()],
    )


def _encode_queue(queue: Queue) -> Any:
    order = queue.order
    remembered = None if isinstance(order, Plain) else order.remembered()
    return (
        queue.name,
        settings_given(queue.settings),
        queue.tags,
        (queue.created_ms, queue.changed_ms, queue.purged_ms, queue.next_group),
        queue.next_entry,
        queue.group_names,
        queue.sources,
        type(order).__name__,
        remembered,
        queue.attempts.by_key,
    )


def _encode_block(block: Block) -> Any:
    if block.transient:
        if block.live == block.transient:
            return None
        block = _durable_part(block)
    columns = [_column_bytes(getattr(block, name)) for name in BLOCK_COLUMNS]
    given = (getattr(block, name) for name in OPTIONAL_COLUMNS)
    optional = [None if column is None else _column_bytes(column) for column in given]
    return block.in_order, bytes(block.state), columns, optional


def _durable_part(block: Block) -> Block:
    """A copy of the block in which transient messages are gone without a trace but their places."""
    part = Block(block.key, block.number)
    part.in_order, part.state, part.sent_ms = block.in_order, bytearray(block.state), block.sent_ms
    columns = []
    for name in (*BLOCK_COLUMNS, *OPTIONAL_COLUMNS):
        column = getattr(block, name)
        if column is not None and name != "sent_ms":
            setattr(part, name, column[:])
            columns.append(getattr(part, name))
    for index in [index for index, message in enumerate(block.message) if message >= TRANSIENT]:
        part.state[index] = GONE
        for column in columns:
            column[index] = 0
    return part


def _encode_generation(generation: Generation) -> Any:
    return generation.start_ms, generation.window_ms, generation.buckets


def _encode_message_block(block: MessageBlock) -> Any:
    return [_column_bytes(getattr(block, name)) for name in MESSAGE_COLUMNS], block.afterlives


def _encode_user(user: User) -> Any:
    return user.name, user.password_hash, user.tags, user.permissions, user.topic_permissions


def _encode_exchange(exchange: Exchange) -> Any:
    return exchange.name, exchange.traits, [binding for binding in exchange.bindings if not binding.transient]


_ENCODE: dict[type[Piece], Callable[[Any], Any]] = {
    System: _encode_system,
    Host: _encode_host,
    Queue: _encode_queue,
    Block: _encode_block,
    Generation: _encode_generation,
    MessageBlock: _encode_message_block,
    Exchange: _encode_exchange,
    User: _encode_user,
}


def settings_given(settings: Settings) -> dict[str, Any]:
    """The fields that are not the defaults, as plain data."""
    default = Settings()
    given = {f: getattr(settings, f) for f in settings.__struct_fields__ if getattr(settings, f) != getattr(default, f)}
    plain: dict[str, Any] = msgspec.to_builtins(given)
    return plain


def all_pieces(state: Partition) -> Iterator[Piece]:
    """Every piece of the state, in the order in which they load."""
    yield state.system
    for host in state.hosts.values():
        yield from host.all_pieces()
    yield from state.users.values()


# Loading --------------------------------------------------------------------------------------------------------


def load(state: Partition, pieces: Iterable[tuple[bytes, bytes]]) -> None:
    """Fill an empty state with all pieces of a checkpoint, whatever their order."""
    for key, data in sorted(pieces):
        kind, host, queue, index = KEY.unpack(key)
        _LOAD[kind](state, host, queue, index, _unpack(data))
    for loaded in state.hosts.values():
        for each in loaded.queues.values():
            _derive_queue(each)
            each.weigh(loaded.messages)
    state.pieces.dirty.clear()


def _load_system(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    system = state.system
    system.identity_key, counters = data
    system.next_host, system.next_user, system.first_queue, system.first_message, system.starts = counters


def _load_host(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    name, numbers, tasks, deleted_ms, said, policies = data
    loaded = Host(host, name, state.pieces, state.contents)
    loaded.started(state.system.starts)
    loaded.next_queue, loaded.next_token, loaded.next_task, loaded.messages.next, loaded.next_exchange = numbers
    loaded.deleted_ms = deleted_ms
    loaded.description, loaded.tags = said
    for task in msgspec.convert(tasks, list[MoveTask]):
        loaded.tasks[task.number] = task
    for policy in msgspec.convert(policies, list[Policy]):
        (loaded.operator_policies if policy.operator else loaded.policies)[policy.name] = policy
    state.hosts[name] = state.hosts_by_number[host] = loaded


def _load_queue(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    name, settings, tags, numbers, next_entry, group_names, sources, order, remembered, attempts = data
    owner = state.hosts_by_number[host]
    loaded = Queue(host, queue, name, changed(Settings(), settings), tags, numbers[0], state.pieces)
    _, loaded.changed_ms, loaded.purged_ms, loaded.next_group = numbers
    loaded.next_entry = next_entry
    loaded.group_names = group_names
    loaded.group_numbers = {name: number for number, name in group_names.items()}
    loaded.sources = sources
    if order == Fair.__name__:
        loaded.order = Fair(loaded)
    loaded.remembered = remembered
    for key, attempt in attempts.items():
        loaded.attempts.restore(key, msgspec.convert(attempt, Attempt))
    owner.queues[name] = owner.queues_by_number[queue] = loaded


def _load_block(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    if data is None:  # all that lived in it was transient
        return
    in_order, states, columns, (group, source, expires_ms) = data
    owner = state.hosts_by_number[host].queues_by_number[queue]
    block = Block(KEY.pack(BLOCK, host, queue, index), index)
    block.in_order, block.state = in_order, bytearray(states)
    for name, column in zip(BLOCK_COLUMNS, columns, strict=True):
        setattr(block, name, _column(getattr(block, name).typecode, column))
    block.group = None if group is None else _column("I", group)
    block.source = None if source is None else _column("I", source)
    block.expires_ms = None if expires_ms is None else _column("q", expires_ms)
    ready, delayed, leased = (states.count(state) for state in (READY, DELAYED, LEASED))
    block.live = ready + delayed + leased
    owner.ready, owner.delayed, owner.leased = owner.ready + ready, owner.delayed + delayed, owner.leased + leased
    owner.blocks[index] = block


def _load_generation(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    start_ms, window_ms, buckets = data
    owner = state.hosts_by_number[host].queues_by_number[queue]
    generation = Generation(KEY.pack(DEDUPLICATION, host, queue, index), start_ms, window_ms)
    generation.buckets = {number: bytearray(rows) for number, rows in buckets.items()}
    owner.deduplication.restore(generation)


def _load_message_block(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    table = state.hosts_by_number[host].messages
    data, afterlives = data
    block = MessageBlock(KEY.pack(MESSAGES, host, 0, index))
    for name, column in zip(MESSAGE_COLUMNS, data, strict=True):
        setattr(block, name, _column(getattr(block, name).typecode, column))
    block.afterlives = msgspec.convert(afterlives, dict[int, Afterlife])
    block.in_order = all(map(le, block.position, block.position[1:]))
    held = table.live_in_segment
    for position, references in zip(block.position, block.references, strict=True):
        if references:
            segment = position >> SEGMENT_SHIFT
            held[segment] = held.get(segment, 0) + 1
            block.live += 1
    table.live += block.live
    table.blocks[index] = block


def _load_exchange(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    name, traits, bindings = data
    owner = state.hosts_by_number[host]
    exchange = Exchange(host, index, name, traits, state.pieces)
    for binding in msgspec.convert(bindings, list[Binding]):
        exchange.add(binding)
    owner.exchanges[name] = owner.exchanges_by_number[index] = exchange


def _load_user(state: Partition, host: int, queue: int, index: int, data: Any) -> None:
    name, password_hash, tags, permissions, topic_permissions = data
    user = User(index, name, password_hash, tags, state.pieces)
    user.permissions = msgspec.convert(permissions, dict[int, Permission])
    user.topic_permissions = msgspec.convert(topic_permissions, dict[int, dict[str, TopicPermission]])
    state.users[name] = state.users_by_number[index] = user


_LOAD: dict[int, Callable[[Partition, int, int, int, Any], None]] = {
    SYSTEM: _load_system,
    HOST: _load_host,
    QUEUE: _load_queue,
    BLOCK: _load_block,
    DEDUPLICATION: _load_generation,
    MESSAGES: _load_message_block,
    EXCHANGE: _load_exchange,
    USER: _load_user,
}


def _derive_queue(queue: Queue) -> None:
    """Order and group counts, from the entries and from what the checkpoint remembered."""
    remembered, queue.remembered = queue.remembered, None
    for block in queue.blocks.values():
        if block.group is not None:
            for group, state in zip(block.group, block.state, strict=True):
                if group and state:
                    queue.group_counts[group] = queue.group_counts.get(group, 0) + 1
    if isinstance(queue.order, Plain):
        for priority in queue.next_entry:
            queue.order.ready(priority << PRIORITY_SHIFT)
        _skip_to_first_blocks(queue)
    else:
        queue.rebuild_order()
        queue.order.restore(remembered)


def _skip_to_first_blocks(queue: Queue) -> None:
    """Heads at the first block that is there, so that the first look does not walk over all that are gone."""
    assert isinstance(queue.order, Plain)
    first: dict[int, int] = {}
    for number in queue.blocks:
        entry = number << BLOCK_SHIFT
        first.setdefault(entry >> PRIORITY_SHIFT, entry)
    for priority in queue.next_entry:
        queue.order.heads[priority] = first.get(priority, queue.next_entry[priority])
