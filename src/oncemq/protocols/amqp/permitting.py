"""Which method needs which permission: RabbitMQ's table of access control.

| method | configure | write | read |
|---|---|---|---|
| exchange.declare | exchange | new, with alternate-exchange: that | new, with alternate-exchange: exchange |
| exchange.delete | exchange | | |
| exchange.bind, unbind | | destination | source, topic |
| queue.declare | queue | new, with x-dead-letter-exchange: that | new, with x-dead-letter-exchange: queue |
| queue.delete | queue | | |
| queue.bind, unbind | | queue | exchange, topic |
| queue.purge, basic.get, basic.consume | | | queue |
| basic.publish (`publishing.py`) | | exchange, topic | |

Passive declarations need none, nor do direct replies.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.system_refusals import AccessRefused, TopicAccessRefused
from oncemq.protocols.amqp.replies import REPLY_TO
from oncemq.protocols.amqp.specification import basic_client as basic
from oncemq.protocols.amqp.specification import exchange, queue
from oncemq.protocols.amqp.tables import Table

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel


def declare_exchange(channel: "AmqpChannel", name: str, arguments: Table) -> AccessRefused | None:
    """FrameFault 403, or what is to be answered if the exchange is new."""
    access = channel.connection.access
    if name == DEFAULT_EXCHANGE:
        return None  # nobody declares it
    access.check("configure", "exchange", name)
    alternate = arguments.get("alternate-exchange")
    if not isinstance(alternate, str):
        return None
    return access.refusal("read", "exchange", name) or access.refusal("write", "exchange", alternate)


def declare_queue(channel: "AmqpChannel", name: str, arguments: Table) -> AccessRefused | None:
    """The same of a queue."""
    access = channel.connection.access
    access.check("configure", "queue", name)
    dead_letters = arguments.get("x-dead-letter-exchange")
    if not isinstance(dead_letters, str):
        return None
    return access.refusal("read", "queue", name) or access.refusal("write", "exchange", dead_letters)


def bind_topic(channel: "AmqpChannel", source: str, key: str) -> TopicAccessRefused | None:
    """What is to be answered if the source is a topic exchange."""
    return channel.connection.access.topic_refusal("read", source, (key,))


def _delete_exchange(channel: "AmqpChannel", method: exchange.ExchangeDelete) -> None:
    if method.exchange != DEFAULT_EXCHANGE and not method.exchange.startswith("amq."):  # those nobody deletes
        channel.connection.access.check("configure", "exchange", method.exchange)


def _bind_exchange(channel: "AmqpChannel", method: exchange.ExchangeBind | exchange.ExchangeUnbind) -> None:
    channel.connection.access.check("write", "exchange", method.destination)
    if method.source != DEFAULT_EXCHANGE:  # which nobody binds
        channel.connection.access.check("read", "exchange", method.source)


def _bind_queue(channel: "AmqpChannel", method: queue.QueueBind | queue.QueueUnbind) -> None:
    channel.connection.access.check("write", "queue", channel.named(method.queue))
    if method.exchange != DEFAULT_EXCHANGE:
        channel.connection.access.check("read", "exchange", method.exchange)


def _delete_queue(channel: "AmqpChannel", method: queue.QueueDelete) -> None:
    channel.connection.access.check("configure", "queue", channel.named(method.queue))


def _read_queue(channel: "AmqpChannel", method: queue.QueuePurge | basic.BasicGet | basic.BasicConsume) -> None:
    if method.queue != REPLY_TO:
        channel.connection.access.check("read", "queue", channel.named(method.queue))


CHECKS: dict[type[Any], Callable[["AmqpChannel", Any], None]] = {
    exchange.ExchangeDelete: _delete_exchange,
    exchange.ExchangeBind: _bind_exchange,
    exchange.ExchangeUnbind: _bind_exchange,
    queue.QueueBind: _bind_queue,
    queue.QueueUnbind: _bind_queue,
    queue.QueueDelete: _delete_queue,
    queue.QueuePurge: _read_queue,
    basic.BasicGet: _read_queue,
    basic.BasicConsume: _read_queue,
}
"""Method → raises FrameFault 403. Declarations are checked where they are made into commands."""
