"""exchange.* and queue.*: declare, delete, bind, unbind, purge."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oncemq.core import routed_commands as commands
from oncemq.core import routed_outputs as outputs
from oncemq.core.exchanges.bindings import EXCHANGE, QUEUE, Binding
from oncemq.protocols.amqp import errors, permitting, refusals
from oncemq.protocols.amqp.asked import Asked
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.queue_arguments import CHANGE_ARGUMENT, settings_of
from oncemq.protocols.amqp.replies import REPLY_TO
from oncemq.protocols.amqp.specification import exchange, queue

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel

PREDECLARED_EXCHANGES = ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match")


ALTERNATE = "alternate-exchange"


def _plain(name: str) -> str:
    return name.replace("\r", "").replace("\n", "")


def exchange_declare(channel: "AmqpChannel", method: exchange.ExchangeDeclare, asked: list[Asked]) -> None:
    """exchange.declare"""
    name = _plain(method.exchange)
    traits = {
        "type": method.exchange_type,
        "durable": method.durable,
        "auto_delete": method.auto_delete,
        "internal": method.internal,
        "arguments": method.arguments,
    }
    if not name:
        raise FrameFault(refusals.default_exchange())
    if method.passive:
        command = commands.DeclareExchange(channel.connection.host, name, None)
    else:
        _check_exchange(method, name, channel.connection.host)
        refusal = permitting.declare_exchange(channel, name, method.arguments)
        command = commands.DeclareExchange(channel.connection.host, name, traits, refusal)
    ok = None if method.no_wait else exchange.ExchangeDeclareOk()
    channel.ask(command, asked, lambda _: ok, method.NUMBER)


def _check_exchange(method: exchange.ExchangeDeclare, name: str, host: str) -> None:
    if name.startswith("amq.") and name not in PREDECLARED_EXCHANGES:
        raise FrameFault(refusals.reserved_name("exchange", name))
    if not method.exchange_type:
        raise FrameFault(errors.invalid_exchange_type(method.exchange_type))
    alternate = method.arguments.get(ALTERNATE, "")
    if not isinstance(alternate, str):
        raise FrameFault(refusals.invalid_argument_type(ALTERNATE, "exchange", name, host, alternate))


def exchange_delete(channel: "AmqpChannel", method: exchange.ExchangeDelete, asked: list[Asked]) -> None:
    """exchange.delete"""
    if method.exchange.startswith("amq."):
        raise FrameFault(refusals.system_exchange(method.exchange, channel.connection.host))
    command = commands.DeleteExchange(channel.connection.host, method.exchange, method.if_unused)
    ok = None if method.no_wait else exchange.ExchangeDeleteOk()
    channel.ask(command, asked, lambda _: ok, method.NUMBER)


def exchange_bind(channel: "AmqpChannel", method: exchange.ExchangeBind, asked: list[Asked]) -> None:
    """exchange.bind"""
    if not method.destination:
        raise FrameFault(refusals.default_exchange())
    binding = Binding(method.source, EXCHANGE, method.destination, method.routing_key, method.arguments)
    ok = None if method.no_wait else exchange.ExchangeBindOk()
    refusal = permitting.bind_topic(channel, method.source, method.routing_key)
    command = commands.Bind(channel.connection.host, binding, channel.connection, refusal)
    channel.ask(command, asked, lambda _: ok, method.NUMBER)


def exchange_unbind(channel: "AmqpChannel", method: exchange.ExchangeUnbind, asked: list[Asked]) -> None:
    """exchange.unbind"""
    if not method.destination:
        raise FrameFault(refusals.default_exchange())
    binding = Binding(method.source, EXCHANGE, method.destination, method.routing_key, method.arguments)
    ok = None if method.no_wait else exchange.ExchangeUnbindOk()
    refusal = permitting.bind_topic(channel, method.source, method.routing_key)
    command = commands.Unbind(channel.connection.host, binding, channel.connection, refusal)
    channel.ask(command, asked, lambda _: ok, method.NUMBER)


def queue_declare(channel: "AmqpChannel", method: queue.QueueDeclare, asked: list[Asked]) -> None:
    """queue.declare"""
    name = _plain(method.queue)
    if name == REPLY_TO:
        channel.reply(queue.QueueDeclareOk(name, 0, 1))
        return
    if not method.passive and name.startswith("amq."):
        raise FrameFault(refusals.reserved_name("queue", name))
    if not name and method.passive:  # as in RabbitMQ the queue declared last is not meant here
        raise FrameFault(refusals.not_found("queue", name, channel.connection.host))
    if method.passive:
        command = commands.DeclareQueue(channel.connection.host, name, None, channel.connection)
    else:
        name = name or channel.connection.door.new_queue_name()
        refusal = permitting.declare_queue(channel, name, method.arguments)
        settings = settings_of(method, channel.connection.host)
        command = commands.DeclareQueue(channel.connection.host, name, settings, channel.connection, refusal)
        command.changes_arguments = method.arguments.get(CHANGE_ARGUMENT) is True
    channel.declared = command.queue  # what follows in the same read may mean it

    def declared(output: outputs.Declared) -> Method | None:
        channel.declared = output.queue
        if method.no_wait:
            return None
        return queue.QueueDeclareOk(output.queue, output.ready, output.consumers)

    channel.ask(command, asked, declared, method.NUMBER)


def queue_bind(channel: "AmqpChannel", method: queue.QueueBind, asked: list[Asked]) -> None:
    """queue.bind"""
    key = method.routing_key if method.queue or method.routing_key else channel.named("")
    binding = Binding(method.exchange, QUEUE, channel.named(method.queue), key, method.arguments)
    ok = None if method.no_wait else queue.QueueBindOk()
    refusal = permitting.bind_topic(channel, method.exchange, key)
    command = commands.Bind(channel.connection.host, binding, channel.connection, refusal)
    channel.ask(command, asked, lambda _: ok, method.NUMBER)


def queue_unbind(channel: "AmqpChannel", method: queue.QueueUnbind, asked: list[Asked]) -> None:
    """queue.unbind"""
    name = channel.named(method.queue)
    key = method.routing_key if method.queue or method.routing_key else name
    binding = Binding(method.exchange, QUEUE, name, key, method.arguments)
    refusal = permitting.bind_topic(channel, method.exchange, key)
    command = commands.Unbind(channel.connection.host, binding, channel.connection, refusal)
    channel.ask(command, asked, lambda _: queue.QueueUnbindOk(), method.NUMBER)


def queue_purge(channel: "AmqpChannel", method: queue.QueuePurge, asked: list[Asked]) -> None:
    """queue.purge"""
    command = commands.EmptyQueue(channel.connection.host, channel.named(method.queue), channel.connection)

    def purged(output: outputs.Emptied) -> Method | None:
        return None if method.no_wait else queue.QueuePurgeOk(output.messages)

    channel.ask(command, asked, purged, method.NUMBER)


def queue_delete(channel: "AmqpChannel", method: queue.QueueDelete, asked: list[Asked]) -> None:
    """queue.delete"""
    name = channel.named(method.queue)
    host, owner = channel.connection.host, channel.connection
    command = commands.RemoveQueue(host, name, method.if_unused, method.if_empty, owner)

    def deleted(output: outputs.Emptied) -> Method | None:
        return None if method.no_wait else queue.QueueDeleteOk(output.messages)

    channel.ask(command, asked, deleted, method.NUMBER)


HANDLERS: dict[type[Any], Callable[["AmqpChannel", Any, list[Asked]], None]] = {
    exchange.ExchangeDeclare: exchange_declare,
    exchange.ExchangeDelete: exchange_delete,
    exchange.ExchangeBind: exchange_bind,
    exchange.ExchangeUnbind: exchange_unbind,
    queue.QueueDeclare: queue_declare,
    queue.QueueBind: queue_bind,
    queue.QueueUnbind: queue_unbind,
    queue.QueuePurge: queue_purge,
    queue.QueueDelete: queue_delete,
}
