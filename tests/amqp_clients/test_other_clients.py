"""aio-pika, kombu, and pika's asynchronous connection."""

import asyncio
from typing import Any

import aio_pika
import kombu
import pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError

from tests.amqp_clients.clients import parameters
from tools.server_process import ServerProcess


def url(server: ServerProcess) -> str:
    """Where the server is."""
    return f"amqp://guest:guest@127.0.0.1:{server.amqp_port}/"


def test_aio_pika(server: ServerProcess, name: str) -> None:
    async def talk() -> None:
        async with await aio_pika.connect_robust(url(server)) as connection:
            channel = await connection.channel(on_return_raises=True)
            await channel.set_qos(prefetch_count=2)
            exchange = await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, auto_delete=True)
            queue = await channel.declare_queue(name, exclusive=True)
            await queue.bind(exchange, "a.*")
            for number in range(5):
                await exchange.publish(aio_pika.Message(b"%d" % number, headers={"n": number}), "a.b")
            got = []
            async with queue.iterator() as messages:
                async for message in messages:
                    async with message.process():
                        got.append((message.body, message.headers["n"]))
                    if len(got) == 5:
                        break
            assert got == [(b"%d" % number, number) for number in range(5)]
            with pytest.raises(DeliveryError):
                await channel.default_exchange.publish(aio_pika.Message(b""), "nobody", mandatory=True)

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_aio_pika_goes_on_after_a_channel_error(server: ServerProcess, name: str) -> None:
    async def talk() -> None:
        async with await aio_pika.connect(url(server)) as connection:
            channel = await connection.channel()
            with pytest.raises(ChannelNotFoundEntity):
                await channel.declare_queue("none", passive=True)
            await channel.reopen()
            queue = await channel.declare_queue(name, exclusive=True)
            await channel.default_exchange.publish(aio_pika.Message(b"on"), name)
            message = await queue.get(timeout=5)
            assert message is not None
            await message.ack()

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_kombu(server: ServerProcess, name: str) -> None:
    exchange = kombu.Exchange(name, "direct", durable=False, auto_delete=True)
    queue = kombu.Queue(name, exchange, routing_key="key", exclusive=True, max_priority=5)
    got: list[Any] = []

    def take(body: Any, message: Any) -> None:
        got.append((body, message.properties["priority"]))
        message.ack()

    with kombu.Connection(url(server), transport_options={"confirm_publish": True}) as connection:
        queue(connection.default_channel).declare()
        producer = connection.Producer(serializer="json")
        for number in range(3):
            producer.publish({"n": number}, exchange=exchange, routing_key="key", priority=number, retry=True)
        with connection.Consumer(queue, callbacks=[take], prefetch_count=1) as consumer:
            while len(got) < 3:
                connection.drain_events(timeout=5)
            consumer.qos(prefetch_count=10, apply_global=True)
        simple = connection.SimpleQueue(f"{name}-simple")
        simple.put("hello")
        message = simple.get(timeout=5)
        assert message.payload == "hello"
        message.ack()
        simple.close()
        connection.default_channel.queue_delete(f"{name}-simple")
    assert got == [({"n": number}, number) for number in (2, 1, 0)]


def test_pikas_asynchronous_connection(server: ServerProcess, name: str) -> None:
    confirmed: list[int] = []
    got: list[bytes] = []

    def opened(connection: Any) -> None:
        connection.channel(on_open_callback=declare)

    def declare(channel: Any) -> None:
        channel.confirm_delivery(lambda frame: confirmed.append(frame.method.delivery_tag))
        channel.queue_declare(name, exclusive=True, callback=lambda frame: publish(channel))

    def publish(channel: Any) -> None:
        for number in range(100):
            channel.basic_publish("", name, b"%d" % number)
        channel.basic_consume(name, take)

    def take(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        got.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(got) == 100:
            channel.connection.close()

    connection = pika.SelectConnection(
        parameters(server),
        on_open_callback=opened,
        on_close_callback=lambda connection, reason: connection.ioloop.stop(),
    )
    connection.ioloop.start()
    assert got == [b"%d" % number for number in range(100)]
    assert confirmed[-1] == 100
