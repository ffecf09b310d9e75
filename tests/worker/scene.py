"""A queue, a database and worker processes for one test; everything real, and gone at its end."""

import contextlib
import itertools
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pika
import sqlalchemy as sa
from pika.adapters.blocking_connection import BlockingChannel

from tests.worker.apps import tables
from tools.server_process import COMMAND, environment

DEADLINE_S = 40.0


def until(true: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll, until it is true."""
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


class WorkerUnderTest:
    """`oncemq worker` as a process."""

    def __init__(self, log: Path, env: dict[str, str], *options: str, command: str = "worker") -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [str(COMMAND), command, "tests.worker.apps.orders:app", "--log-level", "debug", *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=env,
            )

    def wait_ready(self) -> None:
        """Until it said so."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
        assert ready and self.process.stdout.readline().strip() == "ready", self.log.read_text()[-3000:]

    def wait_killed(self) -> None:
        """Until it was killed by the signal 9, from inside."""
        assert self.process.wait(DEADLINE_S) == -signal.SIGKILL, self.log.read_text()[-3000:]

    def wait_stopped(self) -> None:
        """Until it sleeps by SIGSTOP."""
        status = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", "the process is stopped")

    def wake(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


class Scene:
    """One test's broker, database and queue."""

    def __init__(self, broker: str, database: str, folder: Path, amqp: str = "") -> None:
        self.broker = broker
        self.amqp = amqp or broker
        """How the test itself speaks to the broker: a queue is the same through both doors of OnceMQ."""
        self.database = database
        self.folder = folder
        self.queue = f"orders-{uuid.uuid4().hex[:8]}"
        self.runs = folder / "runs"
        self.runs.touch()
        self.workers: list[WorkerUnderTest] = []
        self._numbers = itertools.count(1)
        self._dead: dict[str | None, tuple[bytes, Any]] = {}
        self.engine = sa.create_engine(database, pool_pre_ping=True)
        tables.create(self.engine)
        self.reconnect()

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process that runs the scene's application."""
        return environment(
            TEST_BROKER=self.broker,
            TEST_DATABASE=self.database,
            TEST_QUEUE=self.queue,
            TEST_RUNS=str(self.runs),
            PYTHONPATH=str(Path.cwd()),
            **more,
        )

    def reconnect(self) -> None:
        """A connection to the broker, the first or after the broker was started again."""
        self._connection = pika.BlockingConnection(pika.URLParameters(self.amqp))
        self.channel: BlockingChannel = self._connection.channel()
        self.channel.confirm_delivery()

    def wait_redelivered(self) -> None:
        """Until the last worker has been given a message."""
        until(lambda: "message.delivered" in self.workers[-1].log.read_text(), "the message comes again")

    def worker(
        self, *options: str, step: str = "", once: bool = True, command: str = "worker", **env: str
    ) -> WorkerUnderTest:
        """Start one; `step` arms it, for one process of the scene."""
        given = self.environment(**env) | {"ONCEMQ_STEP": step}
        if once:
            given["ONCEMQ_STEP_ONCE"] = str(self.folder / f"once-{len(self.workers)}")
        worker = WorkerUnderTest(self.folder / f"worker-{len(self.workers)}.log", given, *options, command=command)
        self.workers.append(worker)
        worker.wait_ready()
        return worker

    def send(
        self,
        body: Any,
        *,
        to: str = "",
        message_id: str | None = "",
        headers: dict[str, Any] | None = None,
        declare: bool = True,
    ) -> str | None:
        """Publish with an id of its own, the given one, or (None) without. Its id."""
        chosen = str(uuid.uuid4()) if message_id == "" else message_id
        headers = (headers or {}) | ({"x-oncemq-id": chosen} if chosen else {})
        properties = pika.BasicProperties(message_id=chosen, delivery_mode=2, headers=headers)
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        queue = self.queue + to
        if declare:
            self.channel.queue_declare(queue, durable=True)
        self.channel.basic_publish("", queue, raw, properties, mandatory=True)
        return chosen

    def rows(self, sql: str) -> list[Any]:
        """What a query finds now."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(sql))]

    def change(self, sql: str) -> None:
        """Run a statement, in a transaction of its own."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(sql))

    def charges(self, order_id: int = 1) -> int:
        """How often an order was charged."""
        return int(self.rows(f"SELECT count(*) FROM charges WHERE order_id = {order_id}")[0][0])

    def order(self, does: str = "charge", **more: Any) -> dict[str, Any]:
        """An order that no other test of this scene has."""
        return {"id": next(self._numbers), "does": does} | more

    def wait_state(self, message_id: str | None, state: str, attempts: int) -> None:
        """Until the inbox says so of a message."""
        which = f"SELECT state, attempts FROM oncemq_inbox WHERE message_id = '{message_id}'"
        until(lambda: (state, attempts) in self.rows(which), f"{state} after {attempts}: {self.rows(which)}")

    def dead_letter(self, message_id: str | None, suffix: str = "-dead") -> tuple[bytes, Any]:
        """Wait for the dead letter of a message, and take out those that there are: body, properties."""

        def is_there() -> bool:
            self._dead |= {properties.message_id: (body, properties) for body, properties in self.dead(suffix)}
            return message_id in self._dead

        until(is_there, f"the dead letter of {message_id}")
        return self._dead[message_id]

    def runs_of(self, order: dict[str, Any]) -> int:
        """How often a handler began on an order."""
        return len(self.run_lines(f"{order['id']} "))

    def wait_invoiced(self, order: dict[str, Any]) -> None:
        """Until the consumer of invoices has it."""
        until(lambda: self.run_lines(f"invoice {order['id']} "), f"the invoice of {order}")

    def inbox(self) -> list[tuple[str, int]]:
        """States and attempts, but for the invoices'."""
        return self.rows(
            f"SELECT state, attempts FROM oncemq_inbox WHERE consumer <> 'shop.{self.queue}-invoices' ORDER BY 1, 2"
        )

    def unsent(self) -> int:
        """Rows of the outbox."""
        return int(self.rows("SELECT count(*) FROM oncemq_outbox")[0][0])

    def run_lines(self, beginning: str = "") -> list[str]:
        """What handlers wrote when they ran."""
        return [line for line in self.runs.read_text().splitlines() if line.startswith(beginning)]

    def depth(self, suffix: str = "") -> int:
        """Ready messages of a queue."""
        return int(self.channel.queue_declare(self.queue + suffix, durable=True).method.message_count)

    def dead(self, suffix: str = "-dead") -> list[Any]:
        """Takes out all dead letters: (body, properties)."""
        found: list[Any] = []
        self.channel.queue_declare(self.queue + suffix, durable=True)
        while True:
            method, properties, body = self.channel.basic_get(self.queue + suffix, auto_ack=True)
            if method is None:
                return found
            headers = properties.headers
            headers.update(msgspec.json.decode(headers.pop("x-oncemq-headers", "{}")))
            properties.message_id = properties.message_id or headers.get("x-oncemq-id")
            found.append((body, properties))

    def logged(self, event: str) -> int:
        """How many lines of the workers' logs have this event."""
        return sum(worker.log.read_text().count(event) for worker in self.workers)

    def close(self) -> None:
        """Stop what runs."""
        for worker in self.workers:
            worker.wake()
        for worker in self.workers:
            worker.stop()
        with contextlib.suppress(Exception):
            self._connection.close()
        self.engine.dispose()


def settled_once(scene: Scene, kind: str = "") -> None:
    """Order 1 has one charge and one invoice, however many runs; nothing is left anywhere."""
    until(lambda: scene.run_lines("invoice 1"), "the invoice")
    until(lambda: scene.depth(kind) == 0 and scene.unsent() == 0, "nothing is left")
    assert scene.charges() == 1
    assert len(set(scene.run_lines("invoice 1"))) == 1, "one invoice, of one message id"


@contextlib.contextmanager
def scene(broker: str, database: str, folder: Path, amqp: str = "") -> Iterator[Scene]:
    """A scene, closed at the end."""
    opened = Scene(broker, database, folder, amqp)
    try:
        yield opened
    finally:
        opened.close()
