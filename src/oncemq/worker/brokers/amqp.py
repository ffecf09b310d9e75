"""AMQP 0-9-1, for OnceMQ's AMQP door and for RabbitMQ alike.

A lease is bound to the channel; OnceMQ gives it a deadline too (`x-lease-ms`, extended by any basic.qos), RabbitMQ
passes
over that argument. A delayed return is a confirmed copy to `<queue>.retry.<milliseconds>`, whose TTL leads back, and
then
the acknowledgement: a crash between makes two copies, and the inbox lets one commit. One queue a delay, since a TTL of
single messages would wait behind the head; delays are rounded up to doublings of 100 ms, so that there are few queues.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, Final
from uuid import uuid4

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity, DeliveryError, PublishError
from pamqp.commands import Basic

from oncemq.worker.brokers.link import (
    BrokerAway,
    Confirmed,
    Deliver,
    Link,
    Published,
    Refused,
    Subscription,
)
from oncemq.worker.message import (
    DEDUPLICATION_ID,
    MESSAGE_ID,
    ORDERING_KEY,
    Acknowledge,
    Delivery,
    Outgoing,
    Return,
    Settlement,
)
from oncemq.worker.steps import reach

RETRY_STEP_MS: Final = 100
RETRY_STEPS_MAX: Final = 20
CONFIRM_S: Final = 30.0
"""A publish that is not confirmed by then is not known: the connection is given up."""
PERSISTENT: Final = 2
CLOSE_S: Final = 5.0
_LOST: Final = (AMQPError, ConnectionError, OSError, RuntimeError, asyncio.CancelledError)


class AmqpLink(Link):
    """One connection with a channel to consume, one to publish."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AbstractConnection | None = None
        self._consuming: AbstractChannel | None = None
        self._publishing: AbstractChannel | None = None
        self._tags: list[str] = []
        self._prefetch = 0
        self._declared: set[str] = set()
        self._gone = asyncio.Event()

    async def connect(self) -> None:
        try:
            self._connection = await asyncio.wait_for(aiormq.connect(self._url), CONFIRM_S)
            self._consuming = await self._connection.channel(publisher_confirms=False)
            self._publishing = await self._connection.channel(on_return_raises=True)
        except (*_LOST, TimeoutError) as error:
            raise BrokerAway(f"{type(error).__name__}: {error}") from error
        for each in (self._connection, self._consuming, self._publishing):
            each.closing.add_done_callback(self._ended)

    async def lost(self) -> None:
        await self._gone.wait()

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        for each in subscriptions:
            for name in (each.queue, each.dead_queue):
                await self._declare(name, {})

    async def consume(self, subscriptions: Sequence[Subscription], deliver: Deliver) -> None:
        for each in subscriptions:
            self._prefetch = each.prefetch
            await self._channel(self._consuming).basic_qos(prefetch_count=each.prefetch)
            consumed = await self._channel(self._consuming).basic_consume(
                each.queue, self._receiver(each.queue, deliver), arguments={"x-lease-ms": each.lease_ms}
            )
            assert consumed.consumer_tag is not None
            self._tags.append(consumed.consumer_tag)

    async def cancel(self) -> None:
        tags, self._tags = self._tags, []
        for tag in tags:
            await _or_away(self._channel(self._consuming).basic_cancel(tag))

    async def extend(self) -> None:
        if self._prefetch:
            await _or_away(self._channel(self._consuming).basic_qos(prefetch_count=self._prefetch))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        channel = self._channel(self._consuming)
        ours = [each for each in settlements if each.delivery.link is self]
        late = [each for each in ours if isinstance(each, Return) and each.after_s > 0]
        copied = await self._copy([each for each in late if isinstance(each, Return)])
        for each in ours:
            tag = each.delivery.receipt
            if isinstance(each, Acknowledge) or id(each) in copied:
                reach("before-ack")
                await _or_away(channel.basic_ack(tag, wait=False))
            else:
                await _or_away(channel.basic_nack(tag, requeue=True, wait=False))
        if ours:
            await _or_away(channel.basic_qos(prefetch_count=self._prefetch) if late else _nothing())
            reach("after-ack")

    async def publish(self, messages: Sequence[Outgoing]) -> list[Published]:
        answers = [self._publish(each.queue, each.body, _properties(each)) for each in messages]
        return list(await asyncio.gather(*answers))

    async def close(self) -> None:
        """What was written before is heard by the broker first: an answer to something after it says so."""
        if self._connection is None or self._connection.is_closed:
            return
        if self._consuming is not None and not self._consuming.is_closed:
            with contextlib.suppress(*_LOST, TimeoutError):
                await self._consuming.basic_qos(prefetch_count=self._prefetch, timeout=CLOSE_S)
        await self._connection.close()

    def _ended(self, _: "asyncio.Future[Any]") -> None:
        self._gone.set()

    def _channel(self, channel: AbstractChannel | None) -> AbstractChannel:
        if channel is None or channel.is_closed:
            raise BrokerAway("the connection is lost")
        return channel

    def _receiver(self, queue: str, deliver: Deliver) -> Any:
        async def receive(message: DeliveredMessage) -> None:
            deliver(_delivery(queue, message, self))

        return receive

    async def _declare(self, name: str, arguments: dict[str, Any]) -> None:
        """A durable queue, unless there is one of that name, whatever its arguments."""
        if name in self._declared:
            return
        assert self._connection is not None
        probe = await self._connection.channel(publisher_confirms=False)
        try:
            await probe.queue_declare(name, passive=True)
        except ChannelNotFoundEntity:
            probe = await self._connection.channel(publisher_confirms=False)
            await probe.queue_declare(name, durable=True, arguments=arguments)
        await probe.close()
        self._declared.add(name)

    async def _copy(self, returns: Sequence[Return]) -> set[int]:
        """Copies that come back after their delays. Those that the broker confirmed."""
        copied = set()
        for each in returns:
            delivery = each.delivery
            milliseconds = retry_ms(each.after_s)
            queue = f"{delivery.queue}.retry.{milliseconds}"
            back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": delivery.queue}
            await self._declare(queue, {"x-message-ttl": milliseconds} | back)
            copy = Outgoing(
                queue, delivery.body, delivery.message_id or "", str(uuid4()), delivery.headers, delivery.ordering_key
            )
            if isinstance(await self._publish(queue, copy.body, _properties(copy)), Confirmed):
                reach("after-retry-copy")
                copied.add(id(each))
        return copied

    async def _publish(self, queue: str, body: bytes, properties: Basic.Properties) -> Published:
        channel = self._channel(self._publishing)
        try:
            await channel.basic_publish(
                body, routing_key=queue, properties=properties, mandatory=True, timeout=CONFIRM_S
            )
        except PublishError as error:
            return Refused(f"returned: {getattr(error.frame, 'reply_text', error)}")
        except DeliveryError:
            return Refused("refused: basic.nack")
        except (*_LOST, TimeoutError) as error:
            raise BrokerAway(f"{type(error).__name__}: {error}") from error
        return Confirmed()


def retry_ms(after_s: float) -> int:
    """The next doubling of 100 ms that is not shorter."""
    steps = (RETRY_STEP_MS << step for step in range(RETRY_STEPS_MAX))
    return next((each for each in steps if each >= after_s * 1_000), RETRY_STEP_MS << RETRY_STEPS_MAX)


def _delivery(queue: str, message: DeliveredMessage, link: AmqpLink) -> Delivery:
    properties = message.header.properties
    headers: dict[str, Any] = dict(properties.headers or {})
    key = headers.get(ORDERING_KEY)
    given = properties.message_id or headers.get(MESSAGE_ID)
    return Delivery(
        queue,
        message.body,
        None if given is None else str(given),
        {name: value for name, value in headers.items() if name not in (ORDERING_KEY, DEDUPLICATION_ID, MESSAGE_ID)},
        bool(message.redelivered),
        message.delivery_tag,
        link,
        None if key is None else str(key),
    )


def _properties(message: Outgoing) -> Basic.Properties:
    headers = message.headers | {DEDUPLICATION_ID: message.deduplication_id}
    if message.message_id:
        headers[MESSAGE_ID] = message.message_id  # SQS does not see the property
    if message.ordering_key is not None:
        headers[ORDERING_KEY] = message.ordering_key
    return Basic.Properties(
        message_id=message.message_id,
        delivery_mode=PERSISTENT,
        content_type="application/json",
        headers=headers,
    )


async def _or_away(answer: Awaitable[Any]) -> None:
    try:
        await answer
    except _LOST as error:
        raise BrokerAway(f"{type(error).__name__}: {error}") from error


async def _nothing() -> None:
    return
