"""py-amqp itself, which kombu and Celery stand on: AMQPLAIN, TLS, confirms, returns, consumers, transactions."""

from collections.abc import Iterator
from typing import Any

import amqp
import pytest

from tests.amqp_clients.test_own_suites import Secured, secured

__all__ = ["secured"]


@pytest.fixture(params=["plain", "tls"])
def connection(request: pytest.FixtureRequest, secured: Secured) -> Iterator[Any]:
    """One that logs in with AMQPLAIN, and confirms what it publishes."""
    tls = {"ca_certs": str(secured.authority.certificate), "server_hostname": "localhost"}
    port = secured.server.amqps_port if request.param == "tls" else secured.server.amqp_port
    opened = amqp.Connection(
        f"127.0.0.1:{port}",
        login_method="AMQPLAIN",
        ssl=tls if request.param == "tls" else False,
        confirm_publish=True,
        read_timeout=20,
        write_timeout=20,
    )
    opened.connect()
    yield opened
    opened.close()


def test_confirms_returns_and_consumers(connection: Any) -> None:
    channel = connection.channel()
    queue = channel.queue_declare(exclusive=True, auto_delete=False).queue
    returned: list[tuple[Any, ...]] = []
    channel.events["basic_return"].add(lambda *given: returned.append(given))
    for number in range(20):
        sent = amqp.Message(f"{number}", application_headers={"n": number, "list": [number, {"in": "deep"}]})
        channel.basic_publish_confirm(sent, routing_key=queue)
    channel.basic_publish_confirm(amqp.Message("back"), routing_key="nobody", mandatory=True)
    ((error, exchange, key, back),) = returned
    assert (error.reply_code, error.reply_text, exchange, key, back.body) == (312, "NO_ROUTE", "", "nobody", "back")
    channel.basic_qos(0, 5, False)
    got: list[Any] = []
    tag = channel.basic_consume(queue, callback=got.append)
    while len(got) < 5:
        connection.drain_events(timeout=10)
    channel.basic_reject(got[4].delivery_tag, requeue=True)
    channel.basic_ack(got[3].delivery_tag, multiple=True)
    while len(got) < 10:
        connection.drain_events(timeout=10)
    assert [message.body for message in got] == [str(number) for number in (0, 1, 2, 3, 4, 4, 5, 6, 7, 8)]
    assert got[5].delivery_info["redelivered"]
    assert got[6].headers == {"n": 5, "list": [5, {"in": "deep"}]}
    channel.basic_cancel(tag)
    channel.basic_recover(requeue=True)
    assert channel.queue_purge(queue) == 16


def test_transactions(connection: Any) -> None:
    channel = amqp.Channel(connection)
    channel.open()
    queue = channel.queue_declare(exclusive=True, auto_delete=False).queue
    channel.tx_select()
    channel._basic_publish(amqp.Message("rolled back"), routing_key=queue)
    channel.tx_rollback()
    channel._basic_publish(amqp.Message("committed"), routing_key=queue)
    channel.tx_commit()
    message = channel.basic_get(queue)
    assert message.body == "committed"
    channel.basic_ack(message.delivery_tag)
    channel.tx_commit()
    assert channel.queue_declare(queue, passive=True).message_count == 0


def test_a_channel_error_and_another_channel(connection: Any) -> None:
    channel = connection.channel()
    with pytest.raises(amqp.NotFound, match="NOT_FOUND - no queue 'none' in vhost '/'"):
        channel.queue_declare("none", passive=True)
    again = connection.channel()
    queue = again.queue_declare(exclusive=True, auto_delete=False).queue
    again.basic_publish_confirm(amqp.Message("on"), routing_key=queue)
    assert again.basic_get(queue, no_ack=True).body == "on"
