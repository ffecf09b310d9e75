"""Fanout: every binding, whatever its key."""

from collections.abc import Mapping
from typing import Any

from oncemq.core.exchanges.bindings import Binding


class Fanout:
    """All destinations, in the order in which they were bound."""

    def __init__(self) -> None:
        self.targets: list[tuple[str, str]] = []

    def add(self, binding: Binding) -> None:
        """A new binding."""
        self.targets.append(binding.target)

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes."""
        self.targets.remove(binding.target)

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """All."""
        return self.targets
