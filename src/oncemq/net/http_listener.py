"""A TCP connection that carries HTTP: bytes to a protocol object, its commands to the engine, its answers back in
order.

A connection that says nothing, or never ends what it began, is closed. A peer that does not read its answers is not
read from.
"""

import asyncio
from collections import deque
from typing import Any, Protocol, cast

from oncemq.core.commands import CancelWaiting, ReceiveMessages
from oncemq.core.outputs import Output, Received
from oncemq.core.refusals import Refusal
from oncemq.engine.engine import Engine
from oncemq.net.addresses import is_loopback
from oncemq.net.listener import Connections

PIPELINED_REQUESTS = 128
"""Requests of one connection that are open at once, from which it is not read."""


class Exchange(Protocol):
    """One request and its answer, of a protocol's making."""

    command: Any
    reply: bytes | None
    close: bool

    def render(self, output: Output | Refusal) -> bytes:
        """The core's answer as a whole HTTP response."""


class HttpProtocol(Protocol):
    """A protocol's side of one connection."""

    def feed(self, data: bytes, now_ms: int) -> list[Any]:
        """Exchanges that these bytes complete. Never raises."""


class HttpDoor(Protocol):
    """Makes the protocol's side of a connection."""

    def connection(self, peer_is_loopback: bool) -> HttpProtocol:
        """For a new connection."""


class Asked:
    """The address of one exchange."""

    __slots__ = ("connection", "exchange", "unwritten")

    def __init__(self, connection: "HttpConnection", exchange: Exchange) -> None:
        self.connection, self.exchange = connection, exchange
        self.unwritten: Received | None = None
        """Leases in an answer whose turn has not come."""

    def deliver(self, output: Output | Refusal) -> bool:
        """Render the answer, and write it if it is its turn. False: the connection is gone."""
        connection = self.connection
        if connection.closed or connection.transport.is_closing():
            return False
        exchange = self.exchange
        exchange.reply = exchange.render(output)
        if connection.exchanges[0][0] is not exchange and type(output) is Received:
            self.unwritten = output
        connection.write_replies()
        return True


class HttpConnection(asyncio.Protocol):
    """One connection. Answers leave in the order of the requests."""

    __slots__ = (
        "closed",
        "connections",
        "door",
        "engine",
        "exchanges",
        "http",
        "last_heard_ms",
        "paused_by_peer",
        "reading",
        "transport",
    )

    def __init__(self, connections: Connections, engine: Engine, door: HttpDoor) -> None:
        self.connections, self.engine, self.door = connections, engine, door
        self.exchanges: deque[tuple[Exchange, Asked | None]] = deque()
        self.closed = False
        self.reading = True
        self.paused_by_peer = False
        self.last_heard_ms = connections.now_ms()
        self.transport: asyncio.Transport

    # From the peer ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.http = self.door.connection(peer_is_loopback=bool(peer) and is_loopback(peer[0]))
        if not self.connections.add(self):
            self.closed = True
            self.transport.abort()
        elif self.engine.congested:
            self.read_if_wanted()

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        now_ms = self.last_heard_ms = self.connections.now_ms()
        exchanges = self.exchanges
        for exchange in self.http.feed(data, now_ms):
            if exchange.reply is None:
                asked = Asked(self, exchange)
                exchanges.append((exchange, asked))
                self.engine.submit(exchange.command, asked)
            else:
                exchanges.append((exchange, None))
        if exchanges and exchanges[0][0].reply is not None:
            self.write_replies()
        if len(exchanges) >= PIPELINED_REQUESTS:
            self.read_if_wanted()

    def eof_received(self) -> bool:
        """A peer that has closed its side still gets the answers that are under way."""
        return bool(self.exchanges) and not self._all_wait()

    def connection_lost(self, error: Exception | None) -> None:
        """What it waited for, nobody waits for."""
        self.closed = True
        self.connections.remove(self)
        for exchange, asked in self.exchanges:
            if exchange.reply is None and type(exchange.command) is ReceiveMessages:
                self.engine.submit(CancelWaiting(exchange.command.host, asked), None)
            elif asked is not None and asked.unwritten is not None:
                self.engine.return_undelivered(asked.unwritten)
        self.exchanges.clear()

    def _all_wait(self) -> bool:
        return all(type(exchange.command) is ReceiveMessages for exchange, _ in self.exchanges)

    # To the peer ------------------------------------------------------------------------------------------------

    def write_replies(self) -> None:
        """Write the answers whose turn it is."""
        exchanges = self.exchanges
        write = self.transport.write
        while exchanges and exchanges[0][0].reply is not None:
            exchange, _ = exchanges.popleft()
            assert exchange.reply is not None
            write(exchange.reply)
            if exchange.close:
                self.close()
                return
        if not self.reading:
            self.read_if_wanted()
        elif self.connections.draining and not exchanges:
            self.close()

    def close(self) -> None:
        """Write what is written, then close."""
        self.closed = True
        self.transport.close()

    @property
    def idle(self) -> bool:
        """No request is open."""
        return not self.exchanges

    # Backpressure -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Asyncio's: the peer does not read."""
        self.paused_by_peer = True
        self.read_if_wanted()

    def resume_writing(self) -> None:
        """Asyncio's."""
        self.paused_by_peer = False
        self.read_if_wanted()

    def read_if_wanted(self) -> None:
        """Read from the peer unless it, or the journal, has enough to do."""
        wanted = not (self.paused_by_peer or self.engine.congested or len(self.exchanges) >= PIPELINED_REQUESTS)
        if wanted != self.reading and not self.closed:
            self.reading = wanted
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()
