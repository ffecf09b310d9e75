"""A broker from its URL."""

from collections.abc import Callable

from oncemq.worker.brokers.amqp import AmqpLink
from oncemq.worker.brokers.link import Link

OpenLink = Callable[[], Link]


class UnknownBroker(Exception):
    """The URL's scheme names none that the library knows."""


def broker(url: str) -> OpenLink:
    """What makes connections: `amqp://`, `amqps://` for OnceMQ's AMQP door and RabbitMQ."""
    scheme = url.partition("://")[0]
    if scheme in ("amqp", "amqps"):
        return lambda: AmqpLink(url)
    raise UnknownBroker(f"{scheme}: there are amqp, amqps")
