"""Exchanges that give each message to one of their bindings: by hash (x-consistent-hash, x-modulus-hash), or any one
(x-random).

By consistent hash every binding scores against the key, weighted by its own routing key (a number), and the highest
score wins. So a binding that comes or goes moves only the keys that it wins, and shares follow weights closely. The
price: a message costs a hash for each binding.
"""

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from oncemq.core.exchanges.bindings import Binding

HASH_HEADER = "hash-header"
FULL = 1 << 64


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")


class _Chosen:
    """All bindings in their order."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []
        self.header: str | None = None
        """The header that is hashed instead of the routing key."""

    def add(self, binding: Binding) -> None:
        """A new binding."""
        self.bindings.append(binding)

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes."""
        self.bindings.remove(binding)

    def _hashed(self, routing_key: str, headers: Mapping[str, Any]) -> str:
        return routing_key if self.header is None else str(headers.get(self.header, ""))


class ConsistentHash(_Chosen):
    """Weighted rendezvous hashing."""

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The one with the highest score."""
        hashed = self._hashed(routing_key, headers)
        best: Binding | None = None
        highest = 0.0
        for binding in self.bindings:
            share = (_hash(f"{binding.kind}\0{binding.destination}\0{hashed}") + 0.5) / FULL
            score = _weight(binding.routing_key) / -math.log(min(share, 1 - 2**-53))
            if score > highest:
                best, highest = binding, score
        return [] if best is None else [best.target]


class ModulusHash(_Chosen):
    """The hash modulo the number of bindings."""

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The one at that place."""
        if not self.bindings:
            return []
        return [self.bindings[_hash(self._hashed(routing_key, headers)) % len(self.bindings)].target]


class AnyOne(_Chosen):
    """Without looking at the message. The core has no random numbers: a count is hashed instead."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Another one each time, in no order."""
        if not self.bindings:
            return []
        self.count += 1
        return [self.bindings[_hash(str(self.count)) % len(self.bindings)].target]


def _weight(routing_key: str) -> int:
    """A weight that is no number is 1; at 0 the binding gets nothing."""
    return int(routing_key) if routing_key.isascii() and routing_key.isdigit() and len(routing_key) <= 9 else 1
