"""What a method is: its type, who sends it, what answers it. The methods themselves are generated: specification/."""

from typing import ClassVar, NamedTuple, Protocol


class Method(Protocol):
    """What every generated method can do."""

    NUMBER: ClassVar[int]
    """class << 16 | method."""

    @staticmethod
    def decode(payload: bytes) -> "Method":
        """From the payload of a method frame; FrameFault when its fields do not fill it exactly."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The payload of a method frame."""
        raise NotImplementedError


class Definition(NamedTuple):
    """What is to be known of a method besides its fields."""

    name: str
    """As RabbitMQ's texts call it: basic.publish."""
    type: type[Method]
    from_client: bool
    from_server: bool
    replies: tuple[int, ...]
    """The numbers of the methods that answer it; a method without is not waited for."""
    content: bool
    """A content header and a body follow."""
