"""A TCP connection that carries AMQP: bytes to a protocol object, its commands to the engine, its frames back.

Heartbeats go out every half of what was agreed on while nothing else does; a peer that is silent for twice as long is
given up.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from structlog import get_logger

from oncemq.core.routed_commands import REQUEUE, CheckRuns, Publish, Settle, Transact
from oncemq.engine.engine import Engine
from oncemq.net.addresses import is_loopback
from oncemq.net.listener import Connections

PUBLISHING = (Publish, CheckRuns, Transact)
"""What waits while there is little disk or memory left."""
HANDSHAKE_MS = 10_000
"""A connection that is not open by then is closed."""
CLOSING_MS = 10_000
"""So long a peer that is asked to close may take."""


class AmqpProtocol(Protocol):
    """A protocol's side of one connection."""

    outgoing: list[bytes]
    flush: Callable[[], None]
    on_bug: Callable[[Exception], None]
    closing: bool
    deaf: bool
    paused: bool
    heartbeat_seconds: int
    host: str

    @property
    def leaves(self) -> bool:
        """The peer is asked to close, and has not."""

    def feed(self, data: bytes) -> list[Any]:
        """(command, address) pairs that these bytes ask. Never raises."""

    def due(self) -> list[Any]:
        """What is to be asked after an answer."""

    def hold(self) -> list[Any]:
        """The peer does not read."""

    def written(self) -> list[Any]:
        """What was delivered has been written, and the peer reads."""

    def lost(self) -> list[Any]:
        """The socket is gone."""

    def heartbeat(self) -> None:
        """A heartbeat frame, and flush."""

    def block(self, reason: str) -> None:
        """Say that what it publishes waits."""

    def unblock(self) -> None:
        """Say that it goes on."""

    def force_close(self, reason: str) -> None:
        """Ask the peer to close, and flush."""


class AmqpDoor(Protocol):
    """Makes the protocol's side of a connection."""

    def connection(self, peer_is_loopback: bool, certificate: dict[str, Any] | None) -> AmqpProtocol:
        """For a new connection. `certificate` as `ssl` gives the peer's, empty if it has shown none; None: no TLS."""


def _log_bug(error: Exception) -> None:
    get_logger().error("amqp.output_not_shown", exc_info=error)


class AmqpConnection(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "amqp",
        "closed",
        "connections",
        "door",
        "engine",
        "heard_ms",
        "held",
        "leaving_ms",
        "paused_by_peer",
        "reading",
        "sent_ms",
        "transport",
    )

    def __init__(self, connections: Connections, engine: Engine, door: AmqpDoor) -> None:
        self.connections, self.engine, self.door = connections, engine, door
        self.closed = False
        self.reading = True
        self.paused_by_peer = False
        self.held: list[Any] = []
        """Asked while disk or memory is low, from the first publish on. Nothing more is read meanwhile."""
        self.heard_ms = self.sent_ms = connections.now_ms()
        self.leaving_ms: int | None = None
        self.transport: asyncio.Transport
        self.amqp: AmqpProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        secured = transport.get_extra_info("ssl_object") is not None
        certificate = (transport.get_extra_info("peercert") or {}) if secured else None
        self.amqp = self.door.connection(bool(peer) and is_loopback(peer[0]), certificate)
        self.amqp.flush, self.amqp.on_bug = self.flush, _log_bug
        if not self.connections.add(self):
            self.closed = True
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        self.heard_ms = self.connections.now_ms()
        for command, address in self.amqp.feed(data):
            if self.held or (isinstance(command, PUBLISHING) and self.engine.low_on):
                self._await_room(command, address)
            else:
                self.engine.submit(command, address)
        self.flush()
        if self.amqp.paused:
            self.read_if_wanted()

    def _await_room(self, command: Any, address: Any) -> None:
        if not self.held:
            self.amqp.block("low on " + self.engine.low_on)
        self.held.append((command, address))
        self.read_if_wanted()

    def _let_go(self) -> None:
        """There is room again: what waited is asked."""
        held, self.held = self.held, []
        self.amqp.unblock()
        for command, address in held:
            self.engine.submit(command, address)
        self.read_if_wanted()

    def _give_back_held(self) -> None:
        """The connection is gone: what was published in vain was never confirmed, what was settled is."""
        for command, address in self.held:
            if isinstance(command, Transact):
                for each in command.commands:
                    if isinstance(each, Settle):
                        self.engine.submit(Settle(each.host, each.held, REQUEUE), None)
            elif not isinstance(command, PUBLISHING):
                self.engine.submit(command, address)
        self.held = []

    def flush(self) -> None:
        """Write what the protocol has to say, and ask what it has to ask."""
        amqp = self.amqp
        if amqp.outgoing:
            self.sent_ms = self.heard_ms
            parts, amqp.outgoing = amqp.outgoing, []
            if not self.closed:
                self.transport.write(b"".join(parts))
        for command, address in amqp.due():
            self.engine.submit(command, address)
        if self.closed:
            return
        if not self.paused_by_peer:
            for command, address in amqp.written():
                self.engine.submit(command, address)
        if not self.reading:
            self.read_if_wanted()
        if amqp.closing or (amqp.deaf and not self.transport.can_write_eof()):
            self.close()
        elif amqp.leaves and self.leaving_ms is None:
            self.leaving_ms = self.connections.now_ms()
            if amqp.deaf:  # its close-ok will not be understood; what it has sent must not reset the connection
                self.transport.write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        """What it held goes back."""
        self.closed = True
        self.connections.remove(self)
        self._give_back_held()
        for command, address in self.amqp.lost():
            self.engine.submit(command, address)

    @property
    def idle(self) -> bool:
        """Whether it may be closed when the server ends: always, the peer is told why."""
        if not self.closed:
            self.amqp.force_close("shutdown")
        return True

    def close(self) -> None:
        """Write what is written, then close."""
        self.closed = True
        self.transport.close()

    def give_up_if_overdue(self, now_ms: int, idle_ms: int, request_ms: int) -> None:
        """Heartbeats, both ways; and a handshake that does not end."""
        if self.held:
            self.heard_ms = now_ms  # nothing is read, so nothing can be heard
            if not self.engine.low_on:
                self._let_go()
        heartbeat_ms = self.amqp.heartbeat_seconds * 1000
        if not self.reading and not self.paused_by_peer:  # what it says meanwhile is not heard
            self.heard_ms = now_ms
        if self.leaving_ms is not None:
            overdue = now_ms - self.leaving_ms > CLOSING_MS
        elif not self.amqp.host:
            overdue = now_ms - self.heard_ms > HANDSHAKE_MS
        elif heartbeat_ms:
            overdue = now_ms - self.heard_ms > 2 * heartbeat_ms
            if now_ms - self.sent_ms >= heartbeat_ms // 2:
                self.amqp.heartbeat()
                self.sent_ms = now_ms
        else:
            overdue = False
        if overdue:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Asyncio's: the peer does not read."""
        self.paused_by_peer = True
        if not self.closed:
            for command, address in self.amqp.hold():
                self.engine.submit(command, address)
        self.read_if_wanted()

    def resume_writing(self) -> None:
        """Asyncio's."""
        self.paused_by_peer = False
        self.flush()
        self.read_if_wanted()

    def read_if_wanted(self) -> None:
        """Read from the peer unless it, or the journal, has enough to do."""
        wanted = not (self.paused_by_peer or self.held or self.engine.congested or self.amqp.paused)
        if wanted != self.reading and not self.closed:
            self.reading = wanted
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()
