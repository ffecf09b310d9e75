"""Amazon SQS's API: OnceMQ's SQS door, Amazon, and whatever else speaks it.

A lease is the visibility timeout of a receipt handle, extended and returned by ChangeMessageVisibility, in whole
seconds; so
is a delayed retry. boto3 blocks: receives have a thread a queue, all other calls run on threads of an executor.

SQS has no field for a publisher's message id (its own MessageId changes on a redrive): it is the attribute
`x-oncemq-id`.
The other headers are one attribute, `x-oncemq-headers`, a JSON object, since SQS takes ten attributes and no empty
ones. A body that SQS cannot carry is base64, which the attribute `oncemq.body` says (docs/sqs.md).
"""

import asyncio
import base64
import contextlib
import math
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from oncemq.worker.brokers.link import BrokerAway, Confirmed, Deliver, Link, Published, Refused, Subscription
from oncemq.worker.message import MESSAGE_ID, Acknowledge, Delivery, Outgoing, Return, Settlement
from oncemq.worker.steps import reach

HEADERS: Final = "x-oncemq-headers"
BODY_CODING: Final = "oncemq.body"
BATCH_MAX: Final = 10
WAIT_S: Final = 2
"""A long poll. It cannot be broken off, so it is not longer than a shutdown may last."""
READ_S: Final = 10
"""What an answer may take beyond its waiting."""
FULL_S: Final = 0.02
"""How soon a consumer that holds its prefetch looks again."""
LEASE_MAX_S: Final = 43_200
THREADS: Final = 4
FIFO: Final = ".fifo"
Entry = TypeVar("Entry")
_NOT_TEXT: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SqsLink(Link):
    """A client. There is no connection: it is lost when a call gets no answer."""

    def __init__(self, url: str) -> None:
        self._client = _client(url)
        self._executor = ThreadPoolExecutor(THREADS, "oncemq-sqs")
        self._urls: dict[str, str] = {}
        self._held: dict[str, set[str]] = defaultdict(set)
        """Receipt handles by queue."""
        self._lease_s: dict[str, int] = {}
        self._prefetch: dict[str, int] = {}
        self._stopped = threading.Event()
        self._receiving: list[threading.Thread] = []
        self._gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def connect(self) -> None:
        await self._call(self._client.list_queues, MaxResults=1)

    async def lost(self) -> None:
        await self._gone.wait()

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        for each in subscriptions:
            for name in (each.queue, each.dead_queue):
                attributes = {"FifoQueue": "true"} if name.endswith(FIFO) else {}
                try:
                    await self._url(name)
                except _NoQueue:
                    await self._call(self._client.create_queue, QueueName=name, Attributes=attributes)

    async def consume(self, subscriptions: Sequence[Subscription], deliver: Deliver) -> None:
        stopped = self._stopped = threading.Event()
        for each in subscriptions:
            self._lease_s[each.queue] = min(LEASE_MAX_S, max(1, math.ceil(each.lease_ms / 1_000)))
            self._prefetch[each.queue] = each.prefetch
            given = (each.queue, await self._url(each.queue), deliver, stopped)
            receiving = threading.Thread(target=self._receive, args=given, name="oncemq-receive", daemon=True)
            receiving.start()
            self._receiving.append(receiving)

    async def cancel(self) -> None:
        """Waits for the long polls that are under way: what they bring is given back."""
        self._stopped.set()
        receiving, self._receiving = self._receiving, []
        for thread in receiving:
            await asyncio.to_thread(thread.join, WAIT_S + READ_S)

    async def extend(self) -> None:
        for queue, held in list(self._held.items()):
            await self._change(queue, [(receipt, self._lease_s[queue]) for receipt in list(held)])

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        deleted: dict[str, list[str]] = defaultdict(list)
        returned: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for each in settlements:
            delivery = each.delivery
            if delivery.link is not self:
                continue
            self._held[delivery.queue].discard(delivery.receipt)
            match each:
                case Acknowledge():
                    reach("before-ack")
                    deleted[delivery.queue].append(delivery.receipt)
                case Return(_, after_s):
                    returned[delivery.queue].append((delivery.receipt, min(LEASE_MAX_S, math.ceil(after_s))))
        for queue, receipts in deleted.items():
            await self._delete(queue, receipts)
        for queue, changes in returned.items():
            await self._change(queue, changes)
        reach("after-ack")

    async def publish(self, messages: Sequence[Outgoing]) -> list[Published]:
        answers: dict[int, Published] = {}
        by_queue: dict[str, list[Outgoing]] = defaultdict(list)
        for message in messages:
            by_queue[message.queue].append(message)
        for queue, outgoing in by_queue.items():
            for batch in _batches(outgoing):
                sent = await self._send(queue, batch)
                answers.update((id(message), answer) for message, answer in zip(batch, sent, strict=True))
        return [answers[id(message)] for message in messages]

    async def close(self) -> None:
        await self.cancel()
        with contextlib.suppress(BrokerAway):
            for queue, held in self._held.items():
                await self._change(queue, [(receipt, 0) for receipt in list(held)])
        self._executor.shutdown(wait=False)

    async def _call(self, function: Callable[..., Any], **given: Any) -> Any:
        """On a thread of the executor. Raises BrokerAway, and ClientError for what was refused."""
        try:
            return await self._loop.run_in_executor(self._executor, lambda: function(**given))
        except BotoCoreError as error:
            raise self._away(error) from error
        except ClientError as error:
            if _is_server_fault(error):
                raise self._away(error) from error
            raise

    def _away(self, error: Exception) -> BrokerAway:
        self._loop.call_soon_threadsafe(self._gone.set)
        return BrokerAway(f"{type(error).__name__}: {error}")

    async def _url(self, queue: str) -> str:
        """Raises _NoQueue."""
        if queue not in self._urls:
            try:
                answer = await self._call(self._client.get_queue_url, QueueName=queue)
            except ClientError as error:
                raise _NoQueue(str(error)) from error
            self._urls[queue] = answer["QueueUrl"]
        return self._urls[queue]

    def _receive(self, queue: str, url: str, deliver: Deliver, stopped: threading.Event) -> None:
        """A thread: long polls, as long as there is room in the prefetch."""
        while not stopped.is_set():
            room = self._prefetch[queue] - len(self._held[queue])
            if room <= 0:
                stopped.wait(FULL_S)
                continue
            try:
                answer = self._client.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=min(room, BATCH_MAX),
                    WaitTimeSeconds=WAIT_S,
                    VisibilityTimeout=self._lease_s[queue],
                    MessageAttributeNames=["All"],
                    AttributeNames=["ApproximateReceiveCount", "MessageGroupId"],
                )
            except (BotoCoreError, ClientError) as error:
                self._away(error)
                return
            messages = answer.get("Messages", [])
            self._held[queue].update(message["ReceiptHandle"] for message in messages)
            for message in messages:
                with contextlib.suppress(RuntimeError):  # the loop has ended: the lease runs out
                    self._loop.call_soon_threadsafe(self._hand_over, _delivery(queue, message, self), deliver, stopped)

    def _hand_over(self, delivery: Delivery, deliver: Deliver, stopped: threading.Event) -> None:
        if stopped.is_set():
            self._loop.create_task(self.settle([Return(delivery, 0.0)]))
        else:
            deliver(delivery)

    async def _delete(self, queue: str, receipts: Sequence[str]) -> None:
        """A handle of a lease that ran out fails alone, and without harm."""
        for batch in _batches(receipts):
            entries = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(batch)]
            await self._quietly(self._client.delete_message_batch, queue, entries)

    async def _change(self, queue: str, changes: Sequence[tuple[str, int]]) -> None:
        for batch in _batches(changes):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for number, (receipt, seconds) in enumerate(batch)
            ]
            await self._quietly(self._client.change_message_visibility_batch, queue, entries)

    async def _quietly(self, function: Callable[..., Any], queue: str, entries: list[dict[str, Any]]) -> None:
        try:
            await self._call(function, QueueUrl=await self._url(queue), Entries=entries)
        except ClientError as error:
            raise self._away(error) from error  # the queue is gone: begin anew

    async def _send(self, queue: str, messages: Sequence[Outgoing]) -> list[Published]:
        entries = [_entry(number, message) for number, message in enumerate(messages)]
        try:
            answer = await self._call(self._client.send_message_batch, QueueUrl=await self._url(queue), Entries=entries)
        except (_NoQueue, ClientError) as error:
            self._urls.pop(queue, None)
            return [Refused(str(error))] * len(messages)
        failed = {each["Id"]: f"{each['Code']}: {each.get('Message', '')}" for each in answer.get("Failed", [])}
        return [Refused(failed[entry["Id"]]) if entry["Id"] in failed else Confirmed() for entry in entries]


class _NoQueue(Exception):
    """There is none of that name."""


def _client(url: str) -> Any:
    """`sqs://key:secret@host:port/?region=us-east-1&tls=true`; without a host it is Amazon, with boto3's own
    settings."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    given: dict[str, Any] = {"region_name": query.get("region")}
    if parts.hostname:
        scheme = "https" if query.get("tls") == "true" else "http"
        given["endpoint_url"] = f"{scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        given["region_name"] = query.get("region", "us-east-1")
    if parts.username:
        given |= {"aws_access_key_id": parts.username, "aws_secret_access_key": parts.password}
    limits = Config(
        connect_timeout=5,
        read_timeout=WAIT_S + READ_S,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=THREADS + 16,
    )
    return boto3.session.Session().client("sqs", config=limits, **given)


def _is_server_fault(error: ClientError) -> bool:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) >= 500


def _entry(number: int, message: Outgoing) -> dict[str, Any]:
    attributes = {MESSAGE_ID: message.message_id}
    if message.headers:
        attributes[HEADERS] = msgspec.json.encode(message.headers).decode()
    body = _text(message.body)
    if body is None:
        body, attributes[BODY_CODING] = base64.b64encode(message.body).decode(), "base64"
    entry: dict[str, Any] = {
        "Id": str(number),
        "MessageBody": body,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    }
    if message.queue.endswith(FIFO):
        entry["MessageGroupId"] = message.ordering_key or message.message_id
        entry["MessageDeduplicationId"] = message.deduplication_id
    return entry


def _text(body: bytes) -> str | None:
    """None: SQS cannot carry it as it is."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if not text or _NOT_TEXT.search(text) else text


def _delivery(queue: str, message: dict[str, Any], link: SqsLink) -> Delivery:
    attributes = {name: _value(each) for name, each in message.get("MessageAttributes", {}).items()}
    system = message.get("Attributes", {})
    body: str = message["Body"]
    is_coded = attributes.pop(BODY_CODING, "") == "base64"
    given = attributes.pop(MESSAGE_ID, None)
    packed = attributes.pop(HEADERS, None)
    headers = attributes | (msgspec.json.decode(packed) if isinstance(packed, str) else {})
    return Delivery(
        queue,
        base64.b64decode(body) if is_coded else body.encode(),
        None if given is None else str(given),
        headers,
        int(system.get("ApproximateReceiveCount", 1)) > 1,
        message["ReceiptHandle"],
        link,
        system.get("MessageGroupId"),
    )


def _value(attribute: dict[str, Any]) -> Any:
    if attribute["DataType"].startswith("Binary"):
        return attribute["BinaryValue"]
    text: str = attribute["StringValue"]
    if attribute["DataType"].startswith("Number"):
        with contextlib.suppress(ValueError):
            return int(text)
    return text


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), BATCH_MAX):
        yield entries[start : start + BATCH_MAX]
