"""Headers: the binding's arguments against the message's headers; x-match says how many must fit.

`all` and `any` pass over arguments that begin with x-, `all-with-x` and `any-with-x` do not. An argument without a
value asks only that the header is there.
"""

from collections.abc import Mapping
from typing import Any

from oncemq.core.exchanges.bindings import Binding
from oncemq.core.plain import plain

HEADERS = "headers"
X_MATCH = "x-match"
X_MATCHES = ("all", "any", "all-with-x", "any-with-x")


class Headers:
    """All bindings; each is compared."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []

    def add(self, binding: Binding) -> None:
        """A new binding."""
        self.bindings.append(binding)

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes."""
        self.bindings.remove(binding)

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """All whose arguments fit."""
        return [binding.target for binding in self.bindings if _fits(binding.arguments, headers)]


def _fits(arguments: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    how = arguments.get(X_MATCH)
    if not isinstance(how, str):
        how = "all"
    wanted = {
        name: value
        for name, value in arguments.items()
        if name != X_MATCH and (how.endswith("-with-x") or not name.startswith("x-"))
    }
    fitting = [name in headers and _equal(value, headers[name]) for name, value in wanted.items()]
    return any(fitting) if how.startswith("any") else all(fitting)


def _equal(wanted: Any, value: Any) -> bool:
    """Of another type it is another value (to Python, True is 1)."""
    if wanted is None:
        return True
    value = plain(value)
    return type(wanted) is type(value) and bool(wanted == value)
