"""A connection without a socket: bytes in, commands out; what the core would answer is said by the test."""

from typing import Any

from pamqp import commands, frame

from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal
from oncemq.core.system_outputs import Granted, UserInfo
from oncemq.core.user import Permission
from oncemq.protocols.amqp.asked import Asked
from oncemq.protocols.amqp.connection import AmqpConnection
from oncemq.protocols.amqp.door import AmqpDoor
from oncemq.protocols.amqp.frames import PROTOCOL_HEADER
from oncemq.protocols.passwords import SALT_BYTES, Passwords, hash_password

HANDSHAKE = (
    PROTOCOL_HEADER
    + frame.marshal(commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"), 0)
    + frame.marshal(commands.Connection.TuneOk(2047, 131_072, 0), 0)
    + frame.marshal(commands.Connection.Open("/"), 0)
)


PASSWORDS = Passwords(bytes(32), lambda job, done: done(job(), None))
GUEST = UserInfo("guest", hash_password("guest", bytes(SALT_BYTES)), [])
ALL = Granted([], Permission(".*", ".*", ".*"), {})


def new_connection() -> AmqpConnection:
    """Nothing said yet."""
    return AmqpDoor(PASSWORDS, bytes(32)).connection(peer_is_loopback=True)


def open_connection(channels: int = 1) -> AmqpConnection:
    """Open, with channels 1 …; what was said on the way is taken away."""
    connection = new_connection()
    opened = b"".join(frame.marshal(commands.Channel.Open(), number) for number in range(1, channels + 1))
    (asked,) = connection.feed(HANDSHAKE + opened)
    assert answer(asked, GUEST)
    (asked,) = connection.due()
    assert answer(asked, ALL)
    assert connection.due() == []
    names = [type(each).__name__ for each in heard(connection)]
    assert names == ["Start", "Tune", "OpenOk", *["OpenOk"] * channels]
    return connection


def heard(connection: AmqpConnection) -> list[Any]:
    """The frames that the connection has to say, as pamqp reads them."""
    data, connection.outgoing = b"".join(connection.outgoing), []
    found = []
    while data:
        size, _, value = frame.unmarshal(data)
        assert size, "half a frame"
        found.append(value)
        data = data[size:]
    return found


def answer(asked: Asked, output: Output | Refusal) -> bool:
    """What the core says to what was asked."""
    _, address = asked
    assert address is not None, "nobody wants an answer"
    return address.deliver(output)


def methods(*given: Any, channel: int = 1) -> bytes:
    """Method frames in one piece."""
    return b"".join(frame.marshal(method, channel) for method in given)
