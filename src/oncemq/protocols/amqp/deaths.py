"""What dead-lettering adds to a message, written into its headers when it is delivered: x-death and its company."""

from oncemq.core.model import Afterlife, Death
from oncemq.protocols.amqp import properties
from oncemq.protocols.amqp.tables import Table, Timestamp, Value


def with_deaths(header: bytes, afterlife: Afterlife) -> bytes:
    """The content header with x-death, x-first-death-* and x-last-death-*; its expiration is taken out."""
    decoded = properties.decode(header)
    headers: Table = dict(decoded.headers or {})
    deaths = afterlife.deaths
    first = (afterlife.first_queue, afterlife.first_reason)
    headers["x-death"] = [
        _line(death, decoded.expiration if (death.queue, death.reason) == first else None) for death in deaths
    ]
    headers |= afterlife.first_and_last
    if len(afterlife.routing_keys) == 1:
        headers.pop("CC", None)
    headers.pop("BCC", None)
    decoded.headers = headers
    decoded.expiration = None
    return properties.encode(decoded, properties.body_bytes(header))


def _line(death: Death, expiration: str | None) -> Table:
    keys: list[Value] = list(death.routing_keys)
    line: Table = {
        "count": death.count,
        "reason": death.reason,
        "queue": death.queue,
        "time": Timestamp(death.time_ms // 1000),
        "exchange": death.exchange,
        "routing-keys": keys,
    }
    if expiration is not None:  # taken out when it first died
        line["original-expiration"] = expiration
    return line
