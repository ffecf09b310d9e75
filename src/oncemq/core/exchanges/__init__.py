"""Exchanges: which destinations a message is routed to. One kind a file; `MATCHERS` names them all."""

from typing import Any

from oncemq.core.exchanges.bindings import Binding, Matcher
from oncemq.core.exchanges.direct import Direct
from oncemq.core.exchanges.fanout import Fanout
from oncemq.core.exchanges.hashed import HASH_HEADER, AnyOne, ConsistentHash, ModulusHash
from oncemq.core.exchanges.headers import Headers
from oncemq.core.exchanges.topic import Topic

TOPIC = "topic"
RANDOM = "x-random"
DELAYED = "x-delayed-message"
DELAYED_TYPE = "x-delayed-type"

MATCHERS: dict[str, type[Matcher]] = {
    "direct": Direct,
    "fanout": Fanout,
    TOPIC: Topic,
    "headers": Headers,
    "x-consistent-hash": ConsistentHash,
    "x-modulus-hash": ModulusHash,
    RANDOM: AnyOne,
}
"""Exchange type, as AMQP names it → how it matches. DELAYED matches as its argument DELAYED_TYPE says."""

BY_KEY = ("direct", "fanout", TOPIC)
"""Types that do not look at a message's headers."""


def matching(traits: dict[str, Any]) -> str | None:
    """The key in MATCHERS of an exchange with these traits; None: there is none."""
    kind = traits["type"]
    if kind == DELAYED:
        kind = traits["arguments"].get(DELAYED_TYPE)
    return kind if isinstance(kind, str) and kind in MATCHERS else None


def matcher_of(traits: dict[str, Any]) -> Matcher:
    """A new one for an exchange with these traits."""
    matcher = MATCHERS[matching(traits) or ""]()
    header = traits["arguments"].get(HASH_HEADER)
    if isinstance(matcher, ConsistentHash | ModulusHash) and isinstance(header, str):
        matcher.header = header
    return matcher


__all__ = [
    "BY_KEY",
    "DELAYED",
    "DELAYED_TYPE",
    "MATCHERS",
    "RANDOM",
    "TOPIC",
    "Binding",
    "Matcher",
    "matcher_of",
    "matching",
]
