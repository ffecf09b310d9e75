"""Which queues a message goes to: exchanges, exchanges bound to exchanges, alternate exchanges."""

from collections.abc import Mapping, Sequence
from typing import Any

from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges import DELAYED
from oncemq.core.exchanges.bindings import QUEUE
from oncemq.core.host import Host
from oncemq.core.limits import DELAY_MS
from oncemq.core.model import PRIORITY_SHIFT
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn

DELAY_HEADER = "x-delay"


def route(host: Host, exchange: str, keys: Sequence[str], headers: Mapping[str, Any]) -> list[Queue]:
    """The queues, each once, in the order in which they were found. The exchange exists or is the default one."""
    found: dict[str, None] = {}
    for key in keys:
        _follow(host, exchange, key, headers, found, {})
    return [host.queues[name] for name in found if name in host.queues]


def _follow(
    host: Host,
    name: str,
    key: str,
    headers: Mapping[str, Any],
    found: dict[str, None],
    seen: dict[str, None],
) -> None:
    if name == DEFAULT_EXCHANGE:
        found[key] = None
        return
    exchange = host.exchanges.get(name)
    if exchange is None or name in seen:
        return
    seen[name] = None
    targets = exchange.matcher.match(key, headers)
    if not targets and exchange.alternate is not None:
        _follow(host, exchange.alternate, key, headers, found, seen)
    for kind, destination in targets:
        if kind == QUEUE:
            found[destination] = None
        else:
            _follow(host, destination, key, headers, found, seen)


def delays(host: Host, name: str) -> bool:
    """Whether the exchange is one for delayed messages."""
    exchange = host.exchanges.get(name)
    return exchange is not None and exchange.traits["type"] == DELAYED


def delay_ms(host: Host, name: str, headers: Mapping[str, Any]) -> int:
    """What an exchange for delayed messages is told."""
    asked = headers.get(DELAY_HEADER) if headers else None
    if not isinstance(asked, int) or not delays(host, name):
        return 0
    return min(max(0, asked), DELAY_MS)


def place_in(
    turn: Turn, queue: Queue, priority: int, expiration_ms: int | None, delay_ms: int = 0
) -> tuple[int, int, int]:
    """(queue number, entry, when it expires) for the next message of this priority, ready after `delay_ms`."""
    settings = queue.settings
    priority = min(priority, settings.maximum_priority) if settings.maximum_priority else 0
    entry = queue.next_entry.get(priority, priority << PRIORITY_SHIFT)
    times = [ttl for ttl in (settings.message_ttl_ms, expiration_ms) if ttl is not None]
    # 1 ms, so that a message with a TTL of 0 is delivered if a consumer waits, and else expires at the next tick.
    return queue.number, entry, turn.now_ms + delay_ms + max(1, min(times)) if times else 0
