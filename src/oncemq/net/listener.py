"""All connections of a server: how many there may be, which are idle for too long, and how they end."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

CONNECTIONS = 50_000
IDLE_MS = 120_000
"""A connection without an open request that says nothing for that long is closed."""
REQUEST_MS = 30_000
"""A request that is not complete that long after its last byte is given up, with its connection."""


class Connection(Protocol):
    """What the set of all connections needs of one."""

    last_heard_ms: int

    @property
    def idle(self) -> bool: ...

    def close(self) -> None: ...

    def read_if_wanted(self) -> None: ...


class Connections:
    """The open connections."""

    def __init__(self, now_ms: Callable[[], int], maximum: int = CONNECTIONS, idle_ms: int = IDLE_MS) -> None:
        self.now_ms = now_ms
        self.maximum = maximum
        self.idle_ms = idle_ms
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

    def close_idle(self) -> None:
        """Close those that have said nothing for too long and wait for nothing."""
        before_ms = self.now_ms() - self.idle_ms
        for connection in [each for each in self._open if each.idle and each.last_heard_ms < before_ms]:
            connection.close()

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
