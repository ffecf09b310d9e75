"""Publishing with pika: confirms, returns, sizes, and properties that come back as they were."""

import datetime
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import NackError, UnroutableError

from tests.amqp_clients.clients import bodies, connect, get
from tools.server_process import ServerProcess

MEBIBYTE = 1024 * 1024


def test_every_property_comes_back_as_it_was_written(channel: BlockingChannel, queue: str) -> None:
    written = pika.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        headers={
            "text": "größe",
            "number": -5,
            "large": 2**40,
            "truth": True,
            "table": {"inner": [1, "two", {"three": 3}]},
            "nothing": None,
            "bytes": b"\xff\x00",
            "when": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        },
        delivery_mode=2,
        priority=7,
        correlation_id="correlation",
        reply_to="reply",
        expiration="600000",
        message_id="message",
        timestamp=1_700_000_000,
        type="type",
        user_id="guest",
        app_id="app",
        cluster_id="cluster",
    )
    channel.basic_publish("", queue, b"body", written)
    method, properties, body = get(channel, queue)
    assert (method.exchange, method.routing_key, method.redelivered, method.message_count) == ("", queue, False, 0)
    assert properties == written
    assert body == b"body"


@pytest.mark.parametrize("size", [0, 1, 131_064, 131_065, 5 * MEBIBYTE])
def test_bodies_of_any_size(channel: BlockingChannel, queue: str, size: int) -> None:
    channel.confirm_delivery()
    sent = bytes(range(256)) * (size // 256 + 1)
    channel.basic_publish("", queue, sent[:size])
    assert get(channel, queue)[2] == sent[:size]


def test_small_frames_carry_a_large_body_both_ways(server: ServerProcess, name: str) -> None:
    with connect(server, frame_max=4096) as connection:
        channel = connection.channel()
        channel.queue_declare(name, exclusive=True)
        channel.confirm_delivery()
        body = b"x" * MEBIBYTE
        channel.basic_publish("", name, body)
        assert get(channel, name)[2] == body


def test_names_are_utf_8(channel: BlockingChannel, name: str) -> None:
    queue, exchange, key = f"größe-{name}-🐇", f"обмен-{name}", "schlüssel.日本"
    channel.queue_declare(queue, exclusive=True)
    channel.exchange_declare(exchange, "topic", auto_delete=True)
    channel.queue_bind(queue, exchange, "*.日本")
    channel.basic_publish(exchange, key, "Olá".encode())
    method, _, body = get(channel, queue)
    assert (method.exchange, method.routing_key, body.decode()) == (exchange, key, "Olá")


def test_a_confirm_comes_for_each_in_order(channel: BlockingChannel, queue: str) -> None:
    channel.confirm_delivery()
    for number in range(50):
        channel.basic_publish("", queue, str(number).encode())
    assert bodies(channel, queue) == [str(number).encode() for number in range(50)]


def test_what_goes_nowhere_is_confirmed(channel: BlockingChannel) -> None:
    channel.confirm_delivery()
    channel.basic_publish("", "nobody", b"lost")


def test_a_mandatory_message_is_returned_whole_before_it_is_confirmed(channel: BlockingChannel) -> None:
    channel.confirm_delivery()
    properties = pika.BasicProperties(message_id="1", headers={"a": 1})
    with pytest.raises(UnroutableError) as raised:
        channel.basic_publish("amq.direct", "nobody", b"lost" * 50_000, properties, mandatory=True)
    (returned,) = raised.value.messages
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (returned.method.exchange, returned.method.routing_key) == ("amq.direct", "nobody")
    assert (returned.properties, returned.body) == (properties, b"lost" * 50_000)


def test_without_confirms_a_mandatory_message_is_returned(
    connection: pika.BlockingConnection, channel: BlockingChannel
) -> None:
    returned: list[Any] = []
    channel.add_on_return_callback(lambda channel, method, properties, body: returned.append(body))
    channel.basic_publish("", "nobody", b"lost", mandatory=True)
    while not returned:
        connection.process_data_events(1)
    assert returned == [b"lost"]


def test_a_full_queue_that_rejects_nacks(channel: BlockingChannel, name: str) -> None:
    arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
    channel.queue_declare(name, exclusive=True, arguments=arguments)
    channel.confirm_delivery()
    channel.basic_publish("", name, b"1")
    channel.basic_publish("", name, b"2")
    with pytest.raises(NackError):
        channel.basic_publish("", name, b"3")
    assert get(channel, name, auto_ack=True)[2] == b"1"
    channel.basic_publish("", name, b"4")
    assert bodies(channel, name) == [b"2", b"4"]


def test_carbon_copies_go_to_their_keys_and_blind_ones_are_not_seen(channel: BlockingChannel, name: str) -> None:
    for suffix in ("to", "cc", "bcc"):
        channel.queue_declare(f"{name}-{suffix}", exclusive=True)
    headers = {"CC": [f"{name}-cc"], "BCC": [f"{name}-bcc"]}
    channel.basic_publish("", f"{name}-to", b"news", pika.BasicProperties(headers=headers))
    for suffix in ("to", "cc", "bcc"):
        method, properties, body = get(channel, f"{name}-{suffix}")
        assert (method.routing_key, body) == (f"{name}-to", b"news")
        assert properties.headers == {"CC": [f"{name}-cc"]}
