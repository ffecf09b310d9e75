"""The thread on which everything that the broker hears and says happens: connection, heartbeats, leases,
acknowledgements.

Handlers never run here, so a slow one keeps its lease, up to its time limit.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from structlog import get_logger

from oncemq.worker.brokers.link import BrokerAway, Link, Published, Subscription
from oncemq.worker.brokers.opening import OpenLink
from oncemq.worker.message import Delivery, Outgoing, Settlement
from oncemq.worker.work import Work

Answer = TypeVar("Answer")

RECONNECT_FIRST_S: Final = 0.1
RECONNECT_LIMIT_S: Final = 5.0
WATCH_S: Final = 0.25
CLOSE_S: Final = 10.0
EXTENSIONS_A_LEASE: Final = 3


class BrokerThread:
    """One link at a time. Every method may be called on any thread."""

    def __init__(
        self,
        open_link: OpenLink,
        subscriptions: Sequence[Subscription],
        deliver: Callable[[Delivery], None],
        link_lost: Callable[[Link], None],
        overdue: Callable[[], Work | None],
        beat: Callable[[], None],
    ) -> None:
        self._open_link = open_link
        self._subscriptions = subscriptions
        self._deliver = deliver
        self._link_lost = link_lost
        self._overdue = overdue
        self._beat = beat
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="oncemq-broker", daemon=True)
        self._link: Link | None = None
        self._is_consuming = True
        self._is_closing = False
        self._changed: asyncio.Event = asyncio.Event()
        self.connected = threading.Event()
        """Set when it has connected once, and the queues are there."""
        self._settlements: list[Settlement] = []
        self._settling = asyncio.Lock()
        self._log = get_logger("oncemq.worker")

    def start(self) -> None:
        """Connect, again and again until `close`."""
        self._thread.start()

    def settle(self, settlement: Settlement) -> None:
        """Soon. It is lost with its link, and then the message comes again."""
        self._loop.call_soon_threadsafe(self._gather, settlement)

    def publish(self, messages: Sequence[Outgoing]) -> Future[list[Published]]:
        """Raises BrokerAway in the future."""
        return self._submit(self._publish(messages))

    def pause(self) -> None:
        """Take no deliveries."""
        self._loop.call_soon_threadsafe(self._set_consuming, False)

    def resume(self) -> None:
        """Take deliveries again."""
        self._loop.call_soon_threadsafe(self._set_consuming, True)

    def close(self) -> None:
        """Settle what was told before, give back the rest, end."""
        self._submit(self._close()).result(CLOSE_S)
        self._thread.join(CLOSE_S)

    def _submit(self, work: Coroutine[Any, Any, Answer]) -> "Future[Answer]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        watch = asyncio.create_task(self._watch())
        delay_s = RECONNECT_FIRST_S
        while not self._is_closing:
            link = self._open_link()
            try:
                await link.connect()
                await link.declare(self._subscriptions)
                self._log.info("broker.connected")
                self.connected.set()
                delay_s = RECONNECT_FIRST_S
                await self._serve(link)
            except Exception as error:
                self._log.warning("broker.away", error=f"{type(error).__name__}: {error}")
            finally:
                self._link = None
                await _end(link)
                self._link_lost(link)
            if not self._is_closing:
                await self._wait(delay_s)
                delay_s = min(RECONNECT_LIMIT_S, delay_s * 2)
        watch.cancel()

    async def _serve(self, link: Link) -> None:
        """Until the link is lost or this is closed."""
        self._link = link
        lost = asyncio.create_task(link.lost())
        lost.add_done_callback(lambda _: self._changed.set())
        lease_s = min((each.lease_ms for each in self._subscriptions), default=60_000) / 1_000
        consuming = False
        try:
            while not lost.done() and not self._is_closing:
                if consuming != self._is_consuming:
                    consuming = self._is_consuming
                    await (link.consume(self._subscriptions, self._deliver) if consuming else link.cancel())
                if not await self._wait(lease_s / EXTENSIONS_A_LEASE):
                    await link.extend()
            if self._is_closing:
                await self._settle_all()
        finally:
            lost.cancel()

    async def _wait(self, seconds: float) -> bool:
        """Until something changes; False: it did not."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    async def _watch(self) -> None:
        """A handler over its time limit that cannot be cancelled costs its process: the lease is not extended any
        more."""
        while True:
            await asyncio.sleep(WATCH_S)
            self._beat()
            work = self._overdue()
            if work is not None:
                self._log.critical("handler.over_time_limit", message=str(work), limit_s=work.consumer.time_limit_s)
                os.kill(os.getpid(), signal.SIGKILL)

    def _set_consuming(self, wanted: bool) -> None:
        self._is_consuming = wanted
        self._changed.set()

    def _gather(self, settlement: Settlement) -> None:
        self._settlements.append(settlement)
        if len(self._settlements) == 1:
            self._loop.create_task(self._settle_all())

    async def _settle_all(self) -> None:
        async with self._settling:
            settlements, self._settlements = self._settlements, []
            if self._link is None or not settlements:
                return
            try:
                await self._link.settle(settlements)
            except BrokerAway as error:
                self._log.warning("broker.settlements_lost", count=len(settlements), error=str(error))

    async def _publish(self, messages: Sequence[Outgoing]) -> list[Published]:
        if self._link is None:
            raise BrokerAway("not connected")
        return await self._link.publish(messages)

    async def _close(self) -> None:
        self._is_closing = True
        self._changed.set()


async def _end(link: Link) -> None:
    """Close what may be half open or broken: nothing depends on it."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(link.close(), CLOSE_S)
