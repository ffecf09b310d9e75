"""An exchange: a name, a kind, and its bindings. As a piece it is all of these."""

from typing import Any

from oncemq.core.exchanges import Binding, Matcher, matcher_of
from oncemq.core.exchanges.bindings import EXCHANGE as TO_EXCHANGE
from oncemq.core.model import Piece
from oncemq.core.pieces import EXCHANGE, Pieces, key_of

DEFAULT_EXCHANGE = ""
"""Routes to the queue whose name is the routing key. It is not stored, nor are its bindings."""

PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
}
"""Exchanges that every virtual host has."""


class Exchange(Piece):
    """One exchange of a virtual host."""

    __slots__ = ("by_identity", "host", "matcher", "name", "number", "onward", "pieces", "traits")

    def __init__(self, host: int, number: int, name: str, traits: dict[str, Any], pieces: Pieces) -> None:
        super().__init__(key_of(EXCHANGE, host, 0, number))
        self.host, self.number, self.name, self.pieces = host, number, name, pieces
        self.traits = traits
        """type, durable, auto_delete, internal, arguments; policy_name and policy_alternate once a policy was for it"""
        self.matcher: Matcher = matcher_of(traits)
        self.by_identity: dict[tuple[str, str, str, bytes], Binding] = {}
        self.onward = 0
        """How many of them are to other exchanges."""

    @property
    def bindings(self) -> list[Binding]:
        """All, in the order in which they were made."""
        return list(self.by_identity.values())

    @property
    def alternate(self) -> str | None:
        """Where a message goes that nothing here matches."""
        found = self.traits["arguments"].get("alternate-exchange")
        return found if isinstance(found, str) else self.traits.get("policy_alternate")

    def touch(self) -> None:
        """The exchange is about to change."""
        if self.epoch != self.pieces.epoch:
            self.pieces.touch(self)

    def bind(self, binding: Binding) -> None:
        """Add a binding that is not there yet."""
        self.touch()
        self.add(binding)

    def add(self, binding: Binding) -> None:
        """The same, in a state that is being loaded."""
        self.by_identity[binding.identity] = binding
        self.onward += binding.kind == TO_EXCHANGE
        self.matcher.add(binding)

    def unbind(self, binding: Binding) -> None:
        """Take a binding away."""
        self.touch()
        del self.by_identity[binding.identity]
        self.onward -= binding.kind == TO_EXCHANGE
        self.matcher.remove(binding)
