"""Looking at dead letters, sending them back to where they came from, dropping them.

A redrive is one transaction (the inbox row is open again, and a copy with the same message id is in the outbox), and
then the dead letter's acknowledgement. A crash between leaves the dead letter beside the copy, and the next redrive
finds by the inbox row what became of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.engine import Engine

from oncemq.worker import dead_letter, inbox, outbox
from oncemq.worker.app import App
from oncemq.worker.brokers.link import Link, Subscription
from oncemq.worker.dead_letter import STACK
from oncemq.worker.message import Acknowledge, Delivery, Return
from oncemq.worker.schema import DEAD, DONE, OPEN

IDLE_S: Final = 1.0
"""No dead letter for so long: that were all."""
LEASE_MS: Final = 600_000

WOULD_RUN: Final = "would run again"
COMMITTED: Final = "is committed: nothing to run, its dead letter is dropped"
UNDER_WAY: Final = "is under way already"
UNKNOWN: Final = "refused: the inbox has no row of it (expired?), so it might run a second time"
NO_ID: Final = "refused: it has no message id, and would be dead again"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and what the inbox knows of its message."""

    delivery: Delivery
    message_id: str
    consumer: str
    source: str
    state: str | None
    """Of the inbox row; None: there is none."""

    @property
    def verdict(self) -> str:
        """What a redrive does with it."""
        if not self.message_id or not self.consumer:
            return NO_ID
        verdicts = {DEAD: WOULD_RUN, DONE: COMMITTED, OPEN: UNDER_WAY}
        return UNKNOWN if self.state is None else verdicts[self.state]

    def described(self) -> dict[str, Any]:
        """For a line of output."""
        headers = self.delivery.headers
        told = {name.removeprefix("x-oncemq-"): headers.get(name) for name in dead_letter.HEADERS if name != STACK}
        return {"message_id": self.message_id} | told | {"inbox": self.state, "redrive": self.verdict}


class FailedAgain(Exception):
    """What was redriven is dead again: the rest stays where it is."""


class DeadLetters:
    """Of one queue of an application."""

    def __init__(self, app: App, queue: str) -> None:
        found = [each for each in app.consumers if each.queue == queue]
        self._app = app
        self._dead_queue = found[0].dead_queue if found else queue
        self._engine: Engine = app.database.engine(1)

    @asynccontextmanager
    async def held(self, maximum: int) -> AsyncIterator[tuple[Link, list[Letter]]]:
        """Up to so many, leased until the end of the block. What is not acknowledged then is back in its place."""
        link = self._app.open_link()
        await link.connect()
        arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        try:
            subscription = Subscription(self._dead_queue, self._dead_queue, maximum, LEASE_MS)
            await link.consume([subscription], arrived.put_nowait)
            deliveries: list[Delivery] = []
            while len(deliveries) < maximum:
                try:
                    deliveries.append(await asyncio.wait_for(arrived.get(), IDLE_S))
                except TimeoutError:
                    break
            await link.cancel()
            yield link, [self._letter(each) for each in deliveries]
        finally:
            await link.close()

    async def look(self, maximum: int) -> list[Letter]:
        """Look, and leave them there."""
        async with self.held(maximum) as (link, letters):
            await link.settle([Return(each.delivery, 0.0) for each in letters])
        return letters

    async def purge(self, maximum: int, wanted: Callable[[Letter], bool]) -> int:
        """Drop those that are wanted. Their inbox rows stay dead."""
        async with self.held(maximum) as (link, letters):
            dropped = [each for each in letters if wanted(each)]
            await link.settle([Acknowledge(each.delivery) for each in dropped])
            await link.settle([Return(each.delivery, 0.0) for each in letters if not wanted(each)])
        return len(dropped)

    async def redrive(self, maximum: int, rate: float, wanted: Callable[[Letter], bool]) -> int:
        """Send those back that may run, so many a second. How many. Raises FailedAgain as soon as one is dead again."""
        redriven: list[Letter] = []
        async with self.held(maximum) as (link, letters):
            for letter in letters:
                if not wanted(letter) or letter.verdict not in (WOULD_RUN, COMMITTED):
                    continue
                self._refuse_failed_again(redriven)
                if letter.verdict == WOULD_RUN:
                    self._send_back(letter)
                    redriven.append(letter)
                    await asyncio.sleep(1 / rate)
                await link.settle([Acknowledge(letter.delivery)])
        return len(redriven)

    def _letter(self, delivery: Delivery) -> Letter:
        consumer = str(delivery.headers.get(dead_letter.CONSUMER, ""))
        source = str(delivery.headers.get(dead_letter.SOURCE, ""))
        message_id = delivery.message_id or ""
        with self._app.database.reading(self._engine) as connection:
            row = inbox.find(connection, consumer, message_id)
        return Letter(delivery, message_id, consumer, source, row.state if row else None)

    def _send_back(self, letter: Letter) -> None:
        delivery = letter.delivery
        headers = {name: value for name, value in delivery.headers.items() if not name.startswith("x-oncemq-")}
        copy = outbox.message(
            letter.source,
            delivery.body,
            message_id=letter.message_id,
            headers={name: value for name, value in headers.items() if not name.startswith("x-death")},
            ordering_key=delivery.ordering_key,
        )
        with self._app.database.transaction(self._engine) as connection:
            if inbox.reopen(connection, letter.consumer, letter.message_id):
                outbox.add(connection, self._app.name, [copy])

    def _refuse_failed_again(self, redriven: Sequence[Letter]) -> None:
        with self._app.database.reading(self._engine) as connection:
            for letter in redriven:
                row = inbox.find(connection, letter.consumer, letter.message_id)
                if row is not None and row.state == DEAD:
                    raise FailedAgain(f"{letter.message_id} is dead again; {len(redriven)} were redriven")
