"""Publishers and workers, with pika as any program uses it. Each runs in a thread of its own.

A publish that was not confirmed is made again as it was, with the same deduplication id: the server confirms a
duplicate and keeps one. AMQP answers no acknowledgement, so a worker acknowledges in a transaction: once tx.commit is
answered the message can never come back. The one whose commit was not answered may; a worker knows it by the order's
number and acknowledges it again without doing the work twice.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError

from tools.demo.notes import Notes
from tools.demo.orders import Order

logging.getLogger("pika").setLevel(logging.CRITICAL)  # a lost connection is expected here

TIMEOUT_SECONDS = 30
REPEAT_SECONDS = 0.02
WORK_SECONDS = 0.002
LOOK_SECONDS = 0.2
"""How soon a worker that waits for a message sees that the demo ends."""
GROUP_HEADER, DEDUPLICATION_HEADER = "x-group-id", "x-deduplication-header"


class Client:
    """A thread's connection, opened again as often as it is lost."""

    def __init__(self, port: int, queue: str, notes: Notes, stop: threading.Event) -> None:
        self.queue, self.notes, self.stop = queue, notes, stop
        self._parameters = pika.ConnectionParameters(
            "127.0.0.1", port, heartbeat=0, socket_timeout=TIMEOUT_SECONDS, blocked_connection_timeout=TIMEOUT_SECONDS
        )

    def connected(self, use: Callable[[BlockingChannel], None]) -> None:
        """Use a channel of a new connection, until it is lost or `use` is done. A refusal ends the demo."""
        try:
            with pika.BlockingConnection(self._parameters) as connection:
                use(connection.channel())
        except (ChannelClosedByBroker, NackError, UnroutableError) as error:
            self.notes.refused.append(repr(error))
            self.stop.set()
        except (AMQPError, OSError):
            self.notes.request_repeated()
            self.stop.wait(REPEAT_SECONDS)


class Publisher(Client):
    """Publishes orders with confirms, at a steady rate."""

    def publish(self, orders: list[Order], pause_seconds: float) -> None:
        """Publish all of them, in their order."""
        left = deque(orders)

        def use(channel: BlockingChannel) -> None:
            channel.confirm_delivery()
            while left and not self.stop.wait(pause_seconds):
                order = left[0]
                # Returns when the server has confirmed: the order is on disk.
                channel.basic_publish("", self.queue, _body(order), _properties(order), mandatory=True)
                self.notes.order_sent(order.name, order.name)
                left.popleft()

        while left and not self.stop.is_set():
            self.connected(use)


def _body(order: Order) -> bytes:
    return json.dumps({"order_id": order.name, "customer_id": order.group, "total": 9.99}).encode()


def _properties(order: Order) -> pika.BasicProperties:
    headers = {GROUP_HEADER: order.group, DEDUPLICATION_HEADER: order.name, "order_type": "standard"}
    return pika.BasicProperties(content_type="application/json", delivery_mode=2, headers=headers)


class Worker(Client):
    """Takes an order, does its work, acknowledges it; what fails goes back to its place. What failed too often the
    server moves to the dead-letter queue, by the redrive policy that was set through SQS.
    """

    def work(self) -> None:
        """Until the demo ends."""
        while not self.stop.is_set():
            self.connected(self._consume)

    def _consume(self, channel: BlockingChannel) -> None:
        channel.tx_select()
        channel.basic_qos(prefetch_count=1)
        for method, _, body in channel.consume(self.queue, inactivity_timeout=LOOK_SECONDS):
            if self.stop.is_set():
                return
            if method is not None:
                self._handle(channel, method, body)

    def _handle(self, channel: BlockingChannel, method: Any, body: bytes) -> None:
        name = json.loads(body)["order_id"]
        key = f"{self.queue} {name}"
        if not (method.redelivered and self.notes.was_never_told(key)):
            self.stop.wait(WORK_SECONDS)
            if self._fails(name):
                self.notes.order_failed(name)
                channel.basic_nack(method.delivery_tag, requeue=True)
                channel.tx_commit()
                return
            self.notes.order_processed(name)
            self.notes.telling(key)
        channel.basic_ack(method.delivery_tag)
        channel.tx_commit()
        self.notes.told(key)

    def _fails(self, name: str) -> bool:
        order = self.notes.orders[name]
        return order.poison or self.notes.failed[name] < order.failures


class DeadLetterWorker(Worker):
    """Takes what could not be processed."""

    def _handle(self, channel: BlockingChannel, method: Any, body: bytes) -> None:
        name = json.loads(body)["order_id"]
        key = f"{self.queue} {name}"
        if not (method.redelivered and self.notes.was_never_told(key)):
            self.notes.order_dead(name)
            self.notes.telling(key)
        channel.basic_ack(method.delivery_tag)
        channel.tx_commit()
        self.notes.told(key)
