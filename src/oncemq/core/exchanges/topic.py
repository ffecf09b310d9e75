"""Topic: keys are words between dots; in a binding `*` stands for one word, `#` for any number of words.

Bindings lie in a tree of words. A key walks down all branches that fit, so a thousand bindings cost what their shared
words cost, not a thousand comparisons.
"""

from collections.abc import Mapping
from typing import Any

from oncemq.core.exchanges.bindings import Binding

ONE, MANY = "*", "#"


class _Node:
    __slots__ = ("branches", "targets")

    def __init__(self) -> None:
        self.branches: dict[str, _Node] = {}
        self.targets: list[tuple[str, str]] = []


def _words(key: str) -> list[str]:
    """An empty key has none; between two dots is an empty one."""
    return key.split(".") if key else []


class Topic:
    """A tree of words."""

    def __init__(self) -> None:
        self.root = _Node()

    def add(self, binding: Binding) -> None:
        """A new binding."""
        node = self.root
        for word in _words(binding.routing_key):
            node = node.branches.setdefault(word, _Node())
        node.targets.append(binding.target)

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes, and with it the branches that only it needed."""
        path = [self.root]
        words = _words(binding.routing_key)
        for word in words:
            path.append(path[-1].branches[word])
        path[-1].targets.remove(binding.target)
        for word, parent in zip(reversed(words), reversed(path[:-1]), strict=True):
            child = parent.branches[word]
            if child.targets or child.branches:
                break
            del parent.branches[word]

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """All whose pattern fits, each binding once."""
        words = _words(routing_key)
        found: list[tuple[str, str]] = []
        seen: dict[tuple[int, int], None] = {}
        walk = [(self.root, 0)]
        while walk:
            node, at = walk.pop()
            if (id(node), at) in seen:  # `#` reaches a place in more than one way
                continue
            seen[id(node), at] = None
            many = node.branches.get(MANY)
            if many is not None:
                walk.extend((many, following) for following in range(at, len(words) + 1))
            if at == len(words):
                found += node.targets
                continue
            for word in (words[at], ONE):
                branch = node.branches.get(word)
                if branch is not None and word != MANY:
                    walk.append((branch, at + 1))
        return found
