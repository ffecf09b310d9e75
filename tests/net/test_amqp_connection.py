"""A connection that carries AMQP, on a transport in memory: what is not to be taken in yet is not read."""

from collections.abc import Callable
from typing import Any

from pamqp import commands, frame

from oncemq.net.amqp_listener import AmqpConnection
from oncemq.net.listener import Connections
from oncemq.protocols.amqp.door import AmqpDoor
from oncemq.protocols.passwords import Passwords
from tests.simulate.amqp_client import MemoryTransport
from tests.simulate.amqp_guest import door_of
from tests.simulate.amqp_wire import HEADER
from tests.simulate.server import Server
from tests.simulate.settling import runtime_idle

START_OK = frame.marshal(commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"), 0)
TUNE_OK = frame.marshal(commands.Connection.TuneOk(0, 0, 0), 0)
OPEN = frame.marshal(commands.Connection.Open("/"), 0)


def test_while_it_is_looked_into_who_connects_nothing_is_read() -> None:
    server = Server()
    door_of(server.engine)  # the user is there
    jobs: list[tuple[Callable[[], bool], Callable[[Any, BaseException | None], None]]] = []
    door = AmqpDoor(Passwords(bytes(32), lambda job, done: jobs.append((job, done))), bytes(32))
    written: list[bytes] = []
    transport = MemoryTransport(written.append)
    connection = AmqpConnection(Connections(server.runtime.now_ms), server.engine, door)
    connection.connection_made(transport)  # type: ignore[arg-type]
    connection.data_received(HEADER)
    assert transport.reading
    connection.data_received(START_OK)
    assert not transport.reading, "before the core has answered"
    runtime_idle(server.runtime)
    assert not transport.reading, "before the password is compared"
    [(job, done)] = jobs
    written.clear()
    done(job(), None)
    assert transport.reading
    assert isinstance(frame.unmarshal(b"".join(written))[2], commands.Connection.Tune)
    connection.data_received(TUNE_OK + OPEN)
    assert not transport.reading, "before it is known whether it may open the virtual host"
    runtime_idle(server.runtime)
    assert transport.reading
