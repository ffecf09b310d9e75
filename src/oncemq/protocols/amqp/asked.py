"""What a connection asks of the core, and where the answer goes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from oncemq.core.commands import Command
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal

if TYPE_CHECKING:
    from oncemq.protocols.amqp.connection import AmqpConnection


class Address(Protocol):
    """Takes an output of the core."""

    def deliver(self, output: Output | Refusal) -> bool:
        """False: the connection is gone."""


Asked = tuple[Command, Address | None]
"""A command, and who gets its answer."""


class Answer:
    """The address of one command: `handle` turns the output into frames; its False says that nobody waits for it."""

    __slots__ = ("connection", "handle")

    def __init__(self, connection: "AmqpConnection", handle: Callable[[Output | Refusal], bool | None]) -> None:
        self.connection, self.handle = connection, handle

    @property
    def order(self) -> object:
        """Outputs of one connection leave in the order in which they were decided."""
        return self.connection

    def deliver(self, output: Output | Refusal) -> bool:
        """False: the connection is gone, or nobody waits for it."""
        return not self.connection.gone and self.connection.show(output, self.handle)
