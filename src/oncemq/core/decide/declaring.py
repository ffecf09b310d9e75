"""Exchanges, bindings, and queues as AMQP declares and deletes them."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from oncemq.core import routed_commands as commands
from oncemq.core.decide.governing import change_own, created, govern_exchange
from oncemq.core.decide.lasting import emit_of_entries, emit_of_queue
from oncemq.core.decide.tasks import end_tasks_of
from oncemq.core.decide.unused import used
from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges import TOPIC, matching
from oncemq.core.exchanges.bindings import QUEUE, Binding
from oncemq.core.exchanges.headers import HEADERS, X_MATCH, X_MATCHES
from oncemq.core.host import Host
from oncemq.core.model import TRANSIENT_QUEUE
from oncemq.core.outputs import Done
from oncemq.core.plain import plain
from oncemq.core.queue import Queue
from oncemq.core.records import (
    DELETED,
    Bound,
    ExchangeDeclared,
    ExchangeDeleted,
    QueueCreated,
    QueueDeleted,
    Removed,
    Unbound,
)
from oncemq.core.refusals import QueueDoesNotExist, Refusal
from oncemq.core.routed_outputs import ConsumerCancelled, Declared, Emptied
from oncemq.core.routed_refusals import (
    ExchangeDoesNotExist,
    ExchangeInUse,
    ExchangeIsDefault,
    Inequivalent,
    QueueInUse,
    QueueLocked,
    QueueNotEmpty,
    UnknownExchangeType,
    UnknownHeaderMatch,
)
from oncemq.core.settings import Settings, changed
from oncemq.core.spans import spans_of
from oncemq.core.turn import Turn

ENTRIES_PER_EMPTYING = 1 << 40

DECLARED_FIELDS = ("durable", "auto_delete")
KNOWN_ARGUMENTS = (
    "x-message-ttl",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-priority",
    "x-queue-mode",
    "x-queue-type",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-max-receive-count",
)
"""Arguments that must be the same when a queue is declared anew; others are passed over."""
FIXED_ARGUMENTS = ("x-max-priority", "x-queue-type")
"""Those of them that cannot be changed in place either: the order of what is there rests on them."""
CHANGEABLE_FIELDS = (
    "arguments",
    "dead_letter_exchange",
    "dead_letter_routing_key",
    "deduplicates",
    "delivery_limit",
    "expires_ms",
    "maximum_bytes",
    "maximum_length",
    "message_ttl_ms",
    "overflow",
    "single_active_consumer",
)
"""What the other arguments say."""
SHARED_FIELDS = {"x-cache-ttl": "deduplication_window_ms", "x-max-receive-count": "maximum_receives"}
"""Those that SQS may have set as well: they change only with the argument."""


# Exchanges ------------------------------------------------------------------------------------------------------


def declare_exchange(turn: Turn, command: commands.DeclareExchange, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    turn.answer(address, _declare_exchange(turn, host, command) or Done())


def _declare_exchange(turn: Turn, host: Host, command: commands.DeclareExchange) -> Refusal | None:
    if command.exchange == DEFAULT_EXCHANGE:
        return None if command.traits is None else ExchangeIsDefault()
    exchange = host.exchanges.get(command.exchange)
    if command.traits is None:
        return None if exchange is not None else ExchangeDoesNotExist(command.exchange)
    if matching(command.traits) is None:
        return UnknownExchangeType(command.traits["type"])
    if exchange is None:
        if command.refusal_if_new is not None:
            return command.refusal_if_new
        kept = {**command.traits, "arguments": plain(command.traits["arguments"])}
        if kept["durable"]:
            turn.emit(ExchangeDeclared(host.number, host.next_exchange, command.exchange, kept))
        else:
            turn.emit_transient(ExchangeDeclared(host.number, host.next_transient_exchange, command.exchange, kept))
        govern_exchange(turn, host, host.exchanges[command.exchange])
        return None
    for field in ("type", "durable", "auto_delete", "internal"):
        if exchange.traits[field] != command.traits[field]:
            received, current = command.traits[field], exchange.traits[field]
            return Inequivalent("exchange", command.exchange, field, _shown(received), _shown(current))
    received, current = plain(command.traits["arguments"]), exchange.traits["arguments"]
    if received.get("alternate-exchange") != current.get("alternate-exchange"):
        values = (_shown(table.get("alternate-exchange")) for table in (received, current))
        return Inequivalent("exchange", command.exchange, "alternate-exchange", *values)
    return None


def delete_exchange(turn: Turn, command: commands.DeleteExchange, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    exchange = host.exchanges.get(command.exchange)
    if command.exchange == DEFAULT_EXCHANGE:
        turn.answer(address, ExchangeIsDefault())
        return
    if exchange is not None:
        if command.if_unused and exchange.by_identity:
            turn.answer(address, ExchangeInUse(command.exchange))
            return
        _drop_exchange(turn, host, exchange.name)
    turn.answer(address, Done())


def _drop_exchange(turn: Turn, host: Host, name: str) -> None:
    _unbind_all(turn, host, lambda binding: (binding.kind, binding.destination) == ("exchange", name))
    if name in host.exchanges:
        number = host.exchanges[name].number
        (turn.emit if number < TRANSIENT_QUEUE else turn.emit_transient)(ExchangeDeleted(host.number, number))


def bind(turn: Turn, command: commands.Bind, address: Any) -> None:
    """Answers Done. A binding that is there is not made again."""
    host = turn.state.hosts[command.host]
    binding = _kept(host, command.binding)
    refused = _refused_topic(host, command) or _refused_binding(host, binding, command.owner)
    if refused is None:
        exchange = host.exchanges[binding.source]
        if binding.identity not in exchange.by_identity:
            _emit_binding(turn, Bound(host.number, exchange.number, binding))
    turn.answer(address, refused or Done())


def unbind(turn: Turn, command: commands.Unbind, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    binding = _kept(host, command.binding)
    if binding.source == DEFAULT_EXCHANGE:
        turn.answer(address, ExchangeIsDefault())
        return
    exchange = host.exchanges.get(binding.source)
    refused = _refused_topic(host, command)
    if refused is None and exchange is not None and binding.identity in exchange.by_identity:
        _emit_binding(turn, Unbound(host.number, exchange.number, binding))
        _delete_if_done(turn, host, exchange.name)
    turn.answer(address, refused or Done())


def _refused_topic(host: Host, command: commands.Bind | commands.Unbind) -> Refusal | None:
    exchange = host.exchanges.get(command.binding.source)
    return command.refusal_if_topic if exchange is not None and exchange.traits["type"] == TOPIC else None


def _kept(host: Host, binding: Binding) -> Binding:
    """As it is kept: in plain data, and marked if one of its ends is transient."""
    source = host.exchanges.get(binding.source)
    end = (host.queues if binding.kind == QUEUE else host.exchanges).get(binding.destination)
    transient = any(each is not None and each.number >= TRANSIENT_QUEUE for each in (source, end))
    if not binding.arguments and not transient:
        return binding
    return replace(binding, arguments=plain(binding.arguments), transient=transient)


def _emit_binding(turn: Turn, record: Bound | Unbound) -> None:
    (turn.emit_transient if record.binding.transient else turn.emit)(record)


def _refused_binding(host: Host, binding: Binding, owner: Any) -> Refusal | None:
    if binding.source == DEFAULT_EXCHANGE:
        return ExchangeIsDefault()
    if binding.source not in host.exchanges:
        return ExchangeDoesNotExist(binding.source)
    if binding.kind == QUEUE:
        queue = host.queues.get(binding.destination)
        if queue is None:
            return QueueDoesNotExist(binding.destination)
        if queue.owner not in (None, owner):
            return QueueLocked(queue.name)
    elif binding.destination not in host.exchanges:
        return ExchangeDoesNotExist(binding.destination)
    how = binding.arguments.get(X_MATCH, X_MATCHES[0])
    matches = host.exchanges[binding.source].traits["type"] != HEADERS or how in X_MATCHES
    return None if matches else UnknownHeaderMatch(how)


def _unbind_all(turn: Turn, host: Host, goes: Any) -> None:
    for exchange in list(host.exchanges.values()):
        going = [binding for binding in exchange.bindings if goes(binding)]
        for binding in going:
            _emit_binding(turn, Unbound(host.number, exchange.number, binding))
        if going:
            _delete_if_done(turn, host, exchange.name)


def _delete_if_done(turn: Turn, host: Host, name: str) -> None:
    exchange = host.exchanges.get(name)
    if exchange is not None and exchange.traits["auto_delete"] and not exchange.by_identity:
        _drop_exchange(turn, host, name)


# Queues ---------------------------------------------------------------------------------------------------------


def declare_queue(turn: Turn, command: commands.DeclareQueue, address: Any) -> None:
    """Answers Declared."""
    host = turn.state.hosts[command.host]
    name = command.queue or _free_name(turn, host)
    queue = host.queues.get(name)
    if name in host.replies:
        turn.answer(address, Declared(name, 0, 1))
        return
    if queue is not None and queue.owner not in (None, command.owner):
        turn.answer(address, QueueLocked(name))
        return
    if queue is not None:
        used(turn, queue)
    if command.settings is None:
        answer = QueueDoesNotExist(name) if queue is None else _declared(queue)
        turn.answer(address, answer)
        return
    if command.refusal_if_new is not None and (queue is None or command.changes_arguments):
        turn.answer(address, command.refusal_if_new)
        return
    if queue is None:
        settings = created(host, name, plain(command.settings))
        passing = settings.get("exclusive") or not settings.get("durable", True)
        number = host.next_transient_queue if passing else host.next_queue
        emit_of_queue(turn, QueueCreated(host.number, number, name, settings, {}))
        queue = host.queues[name]
        queue.owner = command.owner if queue.settings.exclusive else None
        used(turn, queue)
        turn.answer(address, _declared(queue))
        return
    given = plain(command.settings)
    refused = _inequivalent(queue, given, FIXED_ARGUMENTS if command.changes_arguments else KNOWN_ARGUMENTS)
    if refused is None and command.changes_arguments:
        change_own(turn, host, queue, _changes(queue.settings, given))
    turn.answer(address, refused or _declared(queue))


def _changes(settings: Settings, given: dict[str, Any]) -> dict[str, Any]:
    """What is not given goes back to what it is without arguments."""
    changes = {field: given.get(field, getattr(Settings(), field)) for field in CHANGEABLE_FIELDS}
    for argument, field in SHARED_FIELDS.items():
        if argument in changes["arguments"] or argument in settings.arguments:
            changes[field] = given.get(field, getattr(Settings(), field))
    return changes


def _free_name(turn: Turn, host: Host) -> str:
    """A name that was never given before, and that nobody can guess: a client that comes back too late with the name
    of its exclusive queue must not find another's.
    """
    system = turn.state.system
    given = b"%d %d %d %d" % (host.number, system.starts, host.next_queue, host.next_transient_queue)
    return "amq.gen-" + urlsafe_b64encode(sha256(system.identity_key + given).digest()[:16]).decode().rstrip("=")


def _declared(queue: Queue) -> Declared:
    return Declared(queue.name, queue.ready, len(queue.consumers))


def _inequivalent(queue: Queue, given: dict[str, Any], arguments: Sequence[str]) -> Refusal | None:
    wanted = changed(Settings(), given)
    if wanted.exclusive != queue.settings.exclusive:
        return QueueLocked(queue.name)
    for field in DECLARED_FIELDS:
        received, current = getattr(wanted, field), getattr(queue.settings, field)
        if received != current:
            return Inequivalent("queue", queue.name, field, _shown(received), _shown(current))
    for name in arguments:
        received, current = wanted.arguments.get(name), queue.settings.arguments.get(name)
        if name == "x-queue-type":
            received, current = received or "classic", current or "classic"
        if received != current:
            return Inequivalent("queue", queue.name, name, _shown(received), _shown(current))
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def remove_queue(turn: Turn, command: commands.RemoveQueue, address: Any) -> None:
    """Answers Emptied."""
    host = turn.state.hosts[command.host]
    queue = host.queues.get(command.queue)
    if queue is None:
        turn.answer(address, Emptied(0))
    elif queue.owner not in (None, command.owner):
        turn.answer(address, QueueLocked(command.queue))
    elif command.if_unused and queue.consumers:
        turn.answer(address, QueueInUse(command.queue))
    elif command.if_empty and queue.ready:
        turn.answer(address, QueueNotEmpty(command.queue))
    else:
        turn.answer(address, Emptied(queue.ready))  # before its consumers hear of it: some clients wait for this alone
        drop_queue(turn, host, queue)


def drop_queue(turn: Turn, host: Host, queue: Queue) -> None:
    """The queue, its bindings and its messages are gone; its consumers and those who wait are told so."""
    end_tasks_of(turn, host, queue, "FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    parked, consumers = list(queue.parked.values()), list(queue.consumers)
    queue.consumers.clear()
    _unbind_all(turn, host, lambda binding: (binding.kind, binding.destination) == (QUEUE, queue.name))
    emit_of_queue(turn, QueueDeleted(host.number, queue.number))
    for waiting in parked:
        del host.parked_at[waiting.address]
        turn.answer(waiting.address, QueueDoesNotExist(queue.name))
    for consumer in consumers:
        host.forget(consumer)
        turn.answer(consumer.channel.address, ConsumerCancelled(consumer.number, consumer.tag))


def empty_queue(turn: Turn, command: commands.EmptyQueue, address: Any) -> None:
    """Answers Emptied."""
    host = turn.state.hosts[command.host]
    queue = host.queues.get(command.queue)
    if queue is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
    elif queue.owner not in (None, command.owner):
        turn.answer(address, QueueLocked(command.queue))
    else:
        entries = queue.order.peek(ENTRIES_PER_EMPTYING, turn.now_ms)
        if entries:
            emit_of_entries(turn, queue, Removed(host.number, queue.number, spans_of(entries), DELETED))
        turn.answer(address, Emptied(len(entries)))


def close_connection(turn: Turn, command: commands.CloseConnection, address: Any) -> None:
    """Answers Done if there is an address."""
    host = turn.state.hosts[command.host]
    turn.state.system.connections.pop(command.owner, None)
    host.outlets.pop(command.owner, None)
    for queue in [each for each in host.queues.values() if each.owner is not None and each.owner == command.owner]:
        drop_queue(turn, host, queue)
    if address is not None:
        turn.answer(address, Done())
