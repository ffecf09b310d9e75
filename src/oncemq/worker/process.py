"""One worker process: the only wiring. Broker thread, lanes, relay; paused while the database is away; drained at
the end."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog import get_logger

from oncemq.worker import switches
from oncemq.worker.app import App
from oncemq.worker.broker_thread import BrokerThread
from oncemq.worker.brokers.link import Link, Published, Subscription
from oncemq.worker.consumer import Consumer
from oncemq.worker.databases.database import run_here
from oncemq.worker.handling import Handling
from oncemq.worker.heartbeat import READY, Heartbeat
from oncemq.worker.lanes.backlog import Backlog
from oncemq.worker.lanes.gate import Gate
from oncemq.worker.lanes.lane import Lane
from oncemq.worker.lanes.loop import HandlerLoop, LoopLane, wait_elsewhere
from oncemq.worker.lanes.threads import ThreadLane, join_all
from oncemq.worker.message import Acknowledge, Delivery, Outgoing, Return
from oncemq.worker.middleware.attempts import Attempts
from oncemq.worker.middleware.logs import Logs
from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.middleware.time_limit import TimeLimit
from oncemq.worker.middleware.validation import Validation
from oncemq.worker.outcomes import Again, Decision, GiveBack
from oncemq.worker.relay import Relay
from oncemq.worker.session import async_session, sync_session
from oncemq.worker.work import Work

PROBE_S: Final = 0.5
PUBLISH_S: Final = 40.0
DRAIN_S: Final = 30.0
RELAY_CLOSE_S: Final = 5.0


class WorkerProcess:
    """Consumes what an application declares, and relays its outbox."""

    def __init__(self, app: App, *, concurrency: int = 16, consume: bool = True) -> None:
        self._app = app
        self._database = app.database
        self._concurrency = self._database.writers_max or concurrency
        self._engine = self._database.engine(self._concurrency)
        self._heartbeat = Heartbeat()
        self._time_limit = TimeLimit()
        self._middleware: Sequence[Middleware] = [
            Logs(),
            Attempts(),
            Validation(),
            *app.middleware,
            self._time_limit,
        ]
        self._consumers = {each.queue: each for each in app.consumers} if consume else {}
        self._broker = BrokerThread(
            app.open_link,
            self._subscriptions(),
            self._offer,
            self._link_lost,
            self._time_limit.overdue,
            self._heartbeat.beat,
        )
        self._relay = Relay(app.name, self._database, self._engine, self._publish)
        self._gate = Gate()
        self._loop = HandlerLoop()
        self._async_engine: AsyncEngine | None = None
        self._backlogs: dict[bool, Backlog] = {}
        self._lanes: list[Lane] = []
        self._is_away = threading.Event()
        self._is_closing = threading.Event()
        self._log = get_logger("oncemq.worker")

    def start(self) -> None:
        """Check the database, then consume. Raises UnsafeDatabase, and what a database raises that is not there."""
        self._database.prepare(self._engine)
        for is_async in {each.is_async for each in self._consumers.values()}:
            self._backlogs[is_async] = Backlog(self._database.group_max)
            self._lanes += self._async_lanes() if is_async else self._sync_lanes()
        for lane in self._lanes:
            lane.start()
        self._broker.start()
        self._relay.start()
        threading.Thread(target=self._probe, name="oncemq-probe", daemon=True).start()

    def wait_connected(self, timeout_s: float) -> bool:
        """Until the queues are there. False: not yet."""
        return self._broker.connected.wait(timeout_s)

    def tell_ready(self) -> bool:
        """To the supervisor. False: there is none."""
        self._heartbeat.beat(READY)
        return self._heartbeat.is_supervised

    def stop(self) -> None:
        """Stop receiving, keep extending, drain, give leases back."""
        self._is_closing.set()
        self._broker.pause()
        for backlog in self._backlogs.values():
            self._give_back(backlog.close())
        if not join_all(self._lanes, DRAIN_S):
            self._log.warning("stop.handlers_still_run", after_s=DRAIN_S)
        self._relay.close(RELAY_CLOSE_S)
        self._broker.close()
        if self._async_engine is not None:
            self._loop.stop()
        self._engine.dispose()

    def _subscriptions(self) -> list[Subscription]:
        lease_ms = round(self._app.lease_s * 1_000)
        return [Subscription(c.queue, c.dead_queue, c.prefetch, lease_ms) for c in self._consumers.values()]

    def _sync_lanes(self) -> list[Lane]:
        def open_session(connection: sa.Connection) -> object:
            return sync_session(self._database, connection)

        handling = Handling(
            self._app.name, self._database, self._engine, run_here, open_session, self._middleware, self._at_once()
        )
        given = (handling, self._backlogs[False], self._gate, self._settle, self._database_away)
        return [ThreadLane(*given) for _ in range(self._concurrency)]

    def _async_lanes(self) -> list[Lane]:
        engine = self._async_engine = self._database.async_engine(self._concurrency)

        def open_session(connection: sa.Connection) -> object:
            return async_session(self._database, engine, connection)

        handling = Handling(
            self._app.name,
            self._database,
            engine.sync_engine,
            wait_elsewhere,
            open_session,
            self._middleware,
            self._at_once(),
        )
        self._loop.start()
        given = (handling, self._backlogs[True], self._gate, self._settle, self._database_away)
        return [LoopLane(self._loop, self._concurrency, *given)]

    def _at_once(self) -> Callable[[Outgoing], None] | None:
        """What handlers publish with when the outbox is switched off."""
        return self._publish_one if switches.broken("outbox") else None

    def _offer(self, delivery: Delivery) -> None:
        """On the broker's thread."""
        consumer: Consumer = self._consumers[delivery.queue]
        self._log.debug("message.delivered", message_id=delivery.message_id, redelivered=delivery.redelivered)
        if switches.broken("ack-first"):
            self._broker.settle(Acknowledge(delivery))
        work = Work(consumer, delivery)
        if self._is_away.is_set() or not self._backlogs[consumer.is_async].offer(work):
            self._give_back([work])

    def _link_lost(self, link: Link) -> None:
        """Its deliveries come again by another one."""
        for backlog in self._backlogs.values():
            backlog.empty(link)

    def _settle(self, work: Work, decision: Decision) -> None:
        delivery = work.delivery
        match decision:
            case Again(after_s):
                self._broker.settle(Return(delivery, after_s))
            case GiveBack(_, after_s):
                self._broker.settle(Return(delivery, after_s))
            case _:
                self._relay.tell()
                self._broker.settle(Acknowledge(delivery))

    def _give_back(self, works: Sequence[Work]) -> None:
        for work in works:
            self._broker.settle(Return(work.delivery, 0.0))

    def _publish(self, messages: Sequence[Outgoing]) -> list[Published]:
        return self._broker.publish(messages).result(PUBLISH_S)

    def _publish_one(self, message: Outgoing) -> None:
        self._publish([message])

    def _database_away(self) -> None:
        """Any lane may say so. Nothing is taken until the probe succeeds."""
        if not self._is_away.is_set():
            self._is_away.set()
            self._broker.pause()
        for backlog in self._backlogs.values():
            self._give_back(backlog.empty())

    def _probe(self) -> None:
        while not self._is_closing.is_set():
            self._is_away.wait(PROBE_S)
            if self._is_away.is_set():
                time.sleep(PROBE_S)
                self._try_database()

    def _try_database(self) -> None:
        try:
            with self._database.transaction(self._engine) as connection:
                connection.execute(sa.text("SELECT count(*) FROM oncemq_schema"))
        except Exception as error:
            self._log.warning("database.still_away", error=str(error))
        else:
            self._log.info("database.back")
            self._is_away.clear()
            if not self._is_closing.is_set():
                self._broker.resume()
