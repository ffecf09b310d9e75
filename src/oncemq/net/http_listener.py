"""A TCP connection that carries HTTP: bytes to a protocol object, its commands to the engine, its answers back in
order.

A connection that says nothing, or never ends what it began, is closed. A peer that does not read its answers is not
read from.
"""

import asyncio
from collections import deque
from typing import Any, Protocol, cast

from structlog import get_logger

from oncemq.core.commands import CancelWaiting, ReceiveMessages
from oncemq.core.outputs import Output, Received
from oncemq.core.refusals import Refusal
from oncemq.engine.engine import Engine
from oncemq.net.addresses import is_loopback
from oncemq.net.listener import Connections

PIPELINED_REQUESTS = 16
"""Requests of one connection that are asked at once; the others wait, and it is not read. Each may be answered with
ten messages of 1 MiB, so this bounds what a peer that does not read can make the server hold."""


class Exchange(Protocol):
    """One request and its answer, of a protocol's making."""

    command: Any
    reply: bytes | None
    close: bool

    def render(self, output: Output | Refusal) -> bytes:
        """The core's answer as a whole HTTP response."""


class HttpProtocol(Protocol):
    """A protocol's side of one connection."""

    @property
    def unfinished(self) -> bool:
        """Whether a request has begun and not ended."""

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
        try:
            exchange.reply = exchange.render(output)
        except Exception:  # a bug in showing one answer, which must not keep the others from leaving
            get_logger().exception("http.answer_not_rendered", command=type(exchange.command).__name__)
            connection.transport.abort()
            return False
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
        "ended_by_peer",
        "engine",
        "exchanges",
        "held",
        "http",
        "paused_by_peer",
        "reading",
        "since_ms",
        "transport",
        "unread_bytes",
    )

    def __init__(self, connections: Connections, engine: Engine, door: HttpDoor) -> None:
        self.connections, self.engine, self.door = connections, engine, door
        self.exchanges: deque[tuple[Exchange, Asked | None]] = deque()
        self.held: deque[Exchange] = deque()
        """Requests that are read and not asked yet."""
        self.closed = False
        self.ended_by_peer = False
        self.reading = True
        self.paused_by_peer = False
        self.unread_bytes = 0
        """Answers that the peer had not read when it was last looked at."""
        self.since_ms = connections.now_ms()
        """When it last got further: a request began or ended, the peer read answers, reading went on."""
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
        now_ms = self.connections.now_ms()
        begun = self.http.unfinished
        found = self.http.feed(data, now_ms)
        if found or not begun:
            self.since_ms = now_ms
        exchanges = self.exchanges
        for exchange in found:
            if self.held or self.paused_by_peer or len(exchanges) >= PIPELINED_REQUESTS:
                self.held.append(exchange)
            else:
                self._ask(exchange)
        if exchanges and exchanges[0][0].reply is not None:
            self.write_replies()
        if self.held:
            self.read_if_wanted()

    def _ask(self, exchange: Exchange) -> None:
        if exchange.reply is None:
            asked = Asked(self, exchange)
            self.exchanges.append((exchange, asked))
            self.engine.submit(exchange.command, asked)
        else:
            self.exchanges.append((exchange, None))

    def _ask_held(self) -> None:
        while self.held and not self.paused_by_peer and len(self.exchanges) < PIPELINED_REQUESTS:
            self._ask(self.held.popleft())

    def eof_received(self) -> bool:
        """A peer that has closed its side still gets the answers that are under way."""
        self.ended_by_peer = True
        return bool(self.exchanges or self.held) and not self._all_wait()

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
        self.held.clear()

    def _all_wait(self) -> bool:
        return not self.held and all(type(exchange.command) is ReceiveMessages for exchange, _ in self.exchanges)

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
            if self.held:
                self._ask_held()
        if not self.reading:
            self.read_if_wanted()
        if not exchanges and (self.connections.draining or (self.ended_by_peer and not self.held)):
            self.close()

    def close(self) -> None:
        """Write what is written, then close."""
        self.closed = True
        self.transport.close()

    @property
    def idle(self) -> bool:
        """No request is open."""
        return not self.exchanges

    def give_up_if_overdue(self, now_ms: int, idle_ms: int, request_ms: int) -> None:
        """Closes the connection at once if it has not got further for too long."""
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes:
            if unread_bytes < self.unread_bytes or not self.unread_bytes:
                self.since_ms = now_ms
            overdue = now_ms - self.since_ms > request_ms
        elif self.exchanges or not self.reading:
            overdue = False
        else:
            overdue = now_ms - self.since_ms > (request_ms if self.http.unfinished else idle_ms)
        self.unread_bytes = unread_bytes
        if overdue:
            self.transport.abort()

    # Backpressure -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Asyncio's: the peer does not read."""
        self.paused_by_peer = True
        self.read_if_wanted()

    def resume_writing(self) -> None:
        """Asyncio's."""
        self.paused_by_peer = False
        self._ask_held()
        if self.exchanges:
            self.write_replies()
        self.read_if_wanted()

    def read_if_wanted(self) -> None:
        """Read from the peer unless it, or the journal, has enough to do."""
        wanted = not (self.paused_by_peer or self.engine.congested or self.held)
        if wanted != self.reading and not self.closed:
            self.reading = wanted
            self.since_ms = self.connections.now_ms()
            (self.transport.resume_reading if wanted else self.transport.pause_reading)()
