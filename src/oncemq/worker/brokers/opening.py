"""A broker from its URL."""

from collections.abc import Callable

from oncemq.worker.brokers.link import Link

OpenLink = Callable[[], Link]


class UnknownBroker(Exception):
    """The URL's scheme names none that the library knows."""


def broker(url: str) -> OpenLink:
    """What makes connections: `amqp://`, `amqps://` for OnceMQ's AMQP door and RabbitMQ; `sqs://` for SQS.

    A client library is imported when its broker is asked for: each is an extra of its own.
    """
    scheme = url.partition("://")[0]
    if scheme in ("amqp", "amqps"):
        from oncemq.worker.brokers.amqp import AmqpLink

        return lambda: AmqpLink(url)
    if scheme == "sqs":
        from oncemq.worker.brokers.sqs import SqsLink

        return lambda: SqsLink(url)
    raise UnknownBroker(f"{scheme}: there are amqp, amqps, sqs")
