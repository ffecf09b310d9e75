"""A binding, and what every kind of exchange does with bindings."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

QUEUE = "queue"
EXCHANGE = "exchange"
_in_order = msgspec.msgpack.Encoder(order="deterministic").encode


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """From an exchange to a queue or another exchange, by name. `arguments` are an AMQP table."""

    source: str
    kind: str
    """QUEUE or EXCHANGE."""
    destination: str
    routing_key: str
    arguments: dict[str, Any]
    transient: bool = False
    """One of its ends lives no longer than the server."""

    @property
    def identity(self) -> tuple[str, str, str, bytes]:
        """What two bindings from one exchange differ in."""
        arguments = _in_order(self.arguments) if self.arguments else b""
        return self.kind, self.destination, self.routing_key, arguments

    @property
    def target(self) -> tuple[str, str]:
        """(kind, name) of the destination."""
        return self.kind, self.destination


class Matcher(Protocol):
    """How one kind of exchange chooses among its bindings."""

    def add(self, binding: Binding) -> None:
        """A new binding."""

    def remove(self, binding: Binding) -> None:
        """A binding that was added goes."""

    def match(self, routing_key: str, headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The destinations; one may come twice."""
