"""Direct: the binding's key is the message's routing key."""

from collections.abc import Mapping
from typing import Any

from oncemq.core.exchanges.bindings import Binding


class Direct:
    """Key → destinations."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[tuple[str, str]]] = {}

    def add(self, binding: Binding) -> None:
        """A new binding."""
        self.by_key.setdefault(binding.routing_key, []).append(binding.target)

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes."""
        targets = self.by_key[binding.routing_key]
        targets.remove(binding.target)
        if not targets:
            del self.by_key[binding.routing_key]

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """All bound with this very key."""
        return self.by_key.get(routing_key, [])
