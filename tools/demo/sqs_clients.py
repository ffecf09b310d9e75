"""Producers and consumers, with boto3 as any program uses it. Each runs in a thread of its own.

A request that gets no answer is made again as it was: same deduplication id, same receive attempt, same receipt
handle. That is all a client has to do for exactly once through a crash.
"""

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from tools.demo.notes import Notes
from tools.demo.orders import Order

RECEIVES_MAXIMUM = 3
VISIBILITY_SECONDS = 20
RETRY_AFTER_SECONDS = 1
WAIT_SECONDS = 2
REPEAT_SECONDS = 0.02
WORK_SECONDS = 0.002
BATCH = 10


def connect(url: str) -> Any:
    """A client of its own for a thread. It does not repeat requests by itself: the demo counts them."""
    session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=30)
    return session.client("sqs", endpoint_url=url, config=config)


class Queues(NamedTuple):
    """An order queue and its dead-letter queue: their names, for AMQP, and their URLs, for SQS."""

    name: str
    url: str
    dead_letter_name: str
    dead_letter_url: str


def create_queues(sqs: Any, name: str) -> Queues:
    """Both of them."""
    dead_name, name = f"{name}-dead.fifo", f"{name}.fifo"
    dead = sqs.create_queue(QueueName=dead_name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes = {
        "FifoQueue": "true",
        "VisibilityTimeout": str(VISIBILITY_SECONDS),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAXIMUM}),
    }
    return Queues(name, sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], dead_name, dead)


def messages_left(sqs: Any, url: str) -> int:
    """Messages in a queue, ready, in flight or delayed."""
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "NotVisible", "Delayed")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


class Client:
    """A thread's connection, and how it asks."""

    def __init__(self, endpoint: str, queue: str, notes: Notes, stop: threading.Event) -> None:
        self.sqs, self.queue, self.notes, self.stop = connect(endpoint), queue, notes, stop

    def ask(self, action: Callable[..., Any], **members: Any) -> Any:
        """Make a request until it is answered. None: the demo ends."""
        while not self.stop.is_set():
            try:
                answer = action(QueueUrl=self.queue, **members)
            except (NoConnection, HTTPClientError):
                self.notes.request_repeated()
                self.stop.wait(REPEAT_SECONDS)
            except ClientError as error:
                self.notes.refused.append(str(error))
                self.stop.set()
            else:
                return answer
        return None


class Producer(Client):
    """Sends orders, one by one or in batches of 10, at a steady rate."""

    def send(self, orders: list[Order], batch: bool, pause_seconds: float) -> None:
        """Send all of them, in their order."""
        step = BATCH if batch else 1
        for at in range(0, len(orders), step):
            if batch:
                self._send_batch(orders[at : at + step])
            else:
                self._send_one(orders[at])
            if self.stop.wait(pause_seconds * step):
                return

    def _send_one(self, order: Order) -> None:
        answer = self.ask(self.sqs.send_message, **_message(order))
        if answer is not None:
            self.notes.order_sent(order.name, answer["MessageId"])

    def _send_batch(self, orders: list[Order]) -> None:
        entries = [{"Id": str(index), **_message(order)} for index, order in enumerate(orders)]
        answer = self.ask(self.sqs.send_message_batch, Entries=entries)
        for sent in answer["Successful"] if answer is not None else ():
            self.notes.order_sent(orders[int(sent["Id"])].name, sent["MessageId"])


def _message(order: Order) -> dict[str, Any]:
    body = {"order_id": order.name, "customer_id": order.group, "total": 9.99}
    return {
        "MessageBody": json.dumps(body),
        "MessageAttributes": {"order_type": {"DataType": "String", "StringValue": "standard"}},
        "MessageGroupId": order.group,
        "MessageDeduplicationId": order.name,
    }


class Consumer(Client):
    """Takes an order, does its work, deletes it.

    One message a receive: whoever takes several of one group and fails with the first must give back those behind
    it, and each such receive counts against them too (as on Amazon SQS).
    """

    def work(self) -> None:
        """Until the demo ends."""
        while not self.stop.is_set():
            answer = self.ask(
                self.sqs.receive_message,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                ReceiveRequestAttemptId=str(uuid.uuid4()),
            )
            for message in (answer or {}).get("Messages", ()):
                self._process(message)

    def _process(self, message: dict[str, Any]) -> None:
        name, handle = json.loads(message["Body"])["order_id"], message["ReceiptHandle"]
        self.stop.wait(WORK_SECONDS)
        order = self.notes.orders[name]
        if order.poison or self.notes.failed[name] < order.failures:
            self.notes.order_failed(name)
            change = self.sqs.change_message_visibility
            self.ask(change, ReceiptHandle=handle, VisibilityTimeout=RETRY_AFTER_SECONDS)
        else:
            self.notes.order_processed(name)
            self.ask(self.sqs.delete_message, ReceiptHandle=handle)


class DeadLetterConsumer(Client):
    """Takes what could not be processed, in batches."""

    def work(self) -> None:
        """Until the demo ends."""
        while not self.stop.is_set():
            answer = self.ask(
                self.sqs.receive_message,
                WaitTimeSeconds=WAIT_SECONDS,
                MaxNumberOfMessages=BATCH,
                ReceiveRequestAttemptId=str(uuid.uuid4()),
            )
            messages = (answer or {}).get("Messages", ())
            for message in messages:
                self.notes.order_dead(json.loads(message["Body"])["order_id"])
            entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
            if entries:
                self.ask(self.sqs.delete_message_batch, Entries=entries)
