"""Which queues a message goes to: exchanges, exchanges bound to exchanges, alternate exchanges."""

from collections.abc import Mapping, Sequence
from typing import Any

from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges.bindings import QUEUE
from oncemq.core.host import Host
from oncemq.core.queue import Queue


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
