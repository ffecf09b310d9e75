"""The orders of one door: who sends them, who works them off, and what they note."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from tools.demo import amqp_clients, sqs_clients
from tools.demo.notes import Findings, Notes
from tools.demo.orders import Order
from tools.demo.sqs_clients import Queues

PRODUCERS = 2
CONSUMERS = 3
SEND_EVERY_SECONDS = 0.02
"""Of one producer: the load lasts about 15 s."""


class Flow:
    """`title`, `way`: as the table shows it. `stop`: ends all clients."""

    title = way = ""
    queue_name = ""

    def __init__(self, orders: list[Order], stop: threading.Event) -> None:
        self.notes, self.stop = Notes(orders), stop
        self.queues: Queues | None = None
        self._senders: list[threading.Thread] = []
        self._takers: list[threading.Thread] = []

    def start(self, url: str, amqp_port: int, administrator: Any) -> None:
        """Make the queues and set all clients to work."""
        self.queues = sqs_clients.create_queues(administrator, self.queue_name)
        own = [[] for _ in range(PRODUCERS)]  # type: list[list[Order]]
        for order in self.notes.orders.values():
            own[order.customer % PRODUCERS].append(order)
        self._senders = [self._thread(work) for work in self._sending(url, amqp_port, self.queues, own)]
        self._takers = [self._thread(work) for work in self._taking(url, amqp_port, self.queues)]
        for thread in (*self._senders, *self._takers):
            thread.start()

    def _sending(
        self, url: str, amqp_port: int, queues: Queues, orders: Sequence[list[Order]]
    ) -> list[Callable[[], None]]:
        raise NotImplementedError

    def _taking(self, url: str, amqp_port: int, queues: Queues) -> list[Callable[[], None]]:
        raise NotImplementedError

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        def whole() -> None:
            try:
                work()
            except Exception as error:
                self.notes.refused.append(f"{type(error).__name__}: {error}")
                self.stop.set()
                raise

        return threading.Thread(target=whole)

    def join(self) -> None:
        """Wait for all clients."""
        for thread in (*self._senders, *self._takers):
            thread.join()

    @property
    def all_sent(self) -> bool:
        """Whether no producer will send anything more."""
        return not any(thread.is_alive() for thread in self._senders)

    def left(self, administrator: Any) -> int:
        """Messages that are still in the queues."""
        assert self.queues is not None
        urls = (self.queues.url, self.queues.dead_letter_url)
        return sum(sqs_clients.messages_left(administrator, url) for url in urls)

    def findings(self, administrator: Any) -> Findings:
        """What the notes say now."""
        return self.notes.findings(self.left(administrator))


class WebOrders(Flow):
    """In through SQS, out through AMQP."""

    title, way, queue_name = "web", "SQS → AMQP", "web-orders"

    def _sending(
        self, url: str, amqp_port: int, queues: Queues, orders: Sequence[list[Order]]
    ) -> list[Callable[[], None]]:
        def sender(number: int) -> Callable[[], None]:
            producer = sqs_clients.Producer(url, queues.url, self.notes, self.stop)
            return lambda: producer.send(orders[number], number == 0, SEND_EVERY_SECONDS)

        return [sender(number) for number in range(PRODUCERS)]

    def _taking(self, url: str, amqp_port: int, queues: Queues) -> list[Callable[[], None]]:
        workers = [amqp_clients.Worker(amqp_port, queues.name, self.notes, self.stop) for _ in range(CONSUMERS)]
        dead = amqp_clients.DeadLetterWorker(amqp_port, queues.dead_letter_name, self.notes, self.stop)
        return [*(worker.work for worker in workers), dead.work]


class MobileOrders(Flow):
    """In through AMQP, out through SQS."""

    title, way, queue_name = "mobile", "AMQP → SQS", "mobile-orders"

    def _sending(
        self, url: str, amqp_port: int, queues: Queues, orders: Sequence[list[Order]]
    ) -> list[Callable[[], None]]:
        def sender(number: int) -> Callable[[], None]:
            publisher = amqp_clients.Publisher(amqp_port, queues.name, self.notes, self.stop)
            return lambda: publisher.publish(orders[number], SEND_EVERY_SECONDS)

        return [sender(number) for number in range(PRODUCERS)]

    def _taking(self, url: str, amqp_port: int, queues: Queues) -> list[Callable[[], None]]:
        consumers = [sqs_clients.Consumer(url, queues.url, self.notes, self.stop) for _ in range(CONSUMERS)]
        dead = sqs_clients.DeadLetterConsumer(url, queues.dead_letter_url, self.notes, self.stop)
        return [*(consumer.work for consumer in consumers), dead.work]
