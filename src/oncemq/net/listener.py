"""All connections of a server: how many there may be, which are idle for too long, and how they end."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

CONNECTIONS = 50_000
IDLE_MS = 120_000
"""A connection without an open request that says nothing for that long is closed."""
REQUEST_MS = 60_000
"""A request that is not complete that long after its first byte is given up, and so is a peer that for that long reads
nothing of what it was answered. From the first byte: who sends one now and then would last for ever otherwise."""


class Connection(Protocol):
    """What the set of all connections needs of one."""

    @property
    def idle(self) -> bool: ...

    def close(self) -> None: ...

    def give_up_if_overdue(self, now_ms: int, idle_ms: int, request_ms: int) -> None: ...

    def read_if_wanted(self) -> None: ...


class Connections:
    """The open connections."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        maximum: int = CONNECTIONS,
        idle_ms: int = IDLE_MS,
        request_ms: int = REQUEST_MS,
    ) -> None:
        self.now_ms = now_ms
        self.maximum = maximum
        self.idle_ms, self.request_ms = idle_ms, request_ms
        self.draining = False
        self._all_closed = asyncio.Event()
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> bool:
        """False: there are too many already."""
        if len(self._open) >= self.maximum or self.draining:
            return False
        self._open[connection] = None
        self._all_closed.clear()
        return True

    def remove(self, connection: Connection) -> None:
        """It is closed."""
        self._open.pop(connection, None)
        if not self._open:
            self._all_closed.set()

    def congestion(self, congested: bool) -> None:
        """The journal has too much to do, or has done it."""
        for connection in list(self._open):
            connection.read_if_wanted()

    def close_overdue(self) -> None:
        """Give up those that say nothing, never end what they began, or do not read."""
        now_ms = self.now_ms()
        for connection in list(self._open):
            connection.give_up_if_overdue(now_ms, self.idle_ms, self.request_ms)

    async def drain(self, seconds: float) -> None:
        """Let open requests be answered, take no new ones, and close all after `seconds`."""
        self.draining = True
        for connection in [each for each in self._open if each.idle]:
            connection.close()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_closed.wait(), seconds)
        for connection in list(self._open):
            connection.close()
