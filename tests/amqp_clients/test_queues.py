"""Queues with pika: names, lives, lengths, times to live, dead-lettering."""

from typing import Any

import pika
import pytest
from pamqp import commands, frame
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import bodies, connect, counts, get, refusal, until
from tests.amqp_clients.wire import Wire
from tools.server_process import ServerProcess


def is_there(connection: pika.BlockingConnection, queue: str) -> bool:
    """Whether the queue exists."""
    channel = connection.channel()
    try:
        channel.queue_declare(queue, passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        return bool(error.reply_code == 405)
    channel.close()
    return True


def test_the_server_names_a_queue(channel: BlockingChannel) -> None:
    first, second = (channel.queue_declare("", exclusive=True).method.queue for _ in range(2))
    assert first.startswith("amq.gen-") and second.startswith("amq.gen-") and first != second


def test_an_empty_name_is_the_last_declared_queue(channel: BlockingChannel, queue: str) -> None:
    channel.queue_bind("", "amq.direct")
    channel.basic_publish("amq.direct", queue, b"1")
    assert get(channel, "")[2] == b"1"
    channel.basic_publish("amq.direct", queue, b"2")
    assert channel.queue_purge("").method.message_count == 1
    channel.queue_unbind("", "amq.direct", queue)
    channel.basic_publish("amq.direct", queue, b"3")
    assert channel.queue_delete("").method.message_count == 0


def test_line_ends_are_taken_out_of_names(server: ServerProcess, name: str) -> None:
    with Wire(server).open() as wire:
        wire.send(frame.marshal(commands.Queue.Declare(queue=f"{name}--a", exclusive=True), 1).replace(b"--", b"\r\n"))
        assert wire.until(commands.Queue.DeclareOk).queue == f"{name}a"


def test_an_exclusive_queue_is_gone_when_its_connection_is(server: ServerProcess, name: str) -> None:
    with connect(server) as other:
        own = connect(server)
        own.channel().queue_declare(name, exclusive=True)
        assert is_there(other, name)
        own.close()
        assert not is_there(other, name)


def test_an_exclusive_queue_is_its_connections_own(server: ServerProcess, channel: BlockingChannel, queue: str) -> None:
    with connect(server) as other:
        calls = (
            lambda: other.channel().queue_declare(queue, passive=True),
            lambda: other.channel().queue_declare(queue, exclusive=True),
            lambda: other.channel().basic_get(queue),
            lambda: other.channel().basic_consume(queue, lambda *_: None),
            lambda: other.channel().queue_bind(queue, "amq.direct", "a"),
            lambda: other.channel().queue_purge(queue),
            lambda: other.channel().queue_delete(queue),
        )
        for call in calls:
            code, text = refusal(call)
            assert code == 405
            assert text.startswith(
                f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'."
            )


def test_an_auto_delete_queue_goes_with_its_last_consumer(
    connection: pika.BlockingConnection, channel: BlockingChannel, name: str
) -> None:
    channel.queue_declare(name, auto_delete=True)
    tags = [channel.basic_consume(name, lambda *_: None) for _ in range(2)]
    channel.basic_cancel(tags[0])
    assert is_there(connection, name)
    channel.basic_cancel(tags[1])
    assert not is_there(connection, name)


def test_who_deletes_a_queue_is_told_before_its_own_consumer(server: ServerProcess, name: str) -> None:
    with Wire(server).open(1, 0, "consumer_cancel_notify") as wire:
        wire.method(1, commands.Queue.Declare(queue=name))
        wire.method(1, commands.Basic.Consume(queue=name, consumer_tag="tag"))
        wire.until(commands.Basic.ConsumeOk)
        wire.method(1, commands.Queue.Delete(queue=name))
        assert isinstance(wire.read(), commands.Queue.DeleteOk)
        assert isinstance(wire.read(), commands.Basic.Cancel)


def test_a_queue_that_nobody_uses_expires(
    connection: pika.BlockingConnection, channel: BlockingChannel, name: str
) -> None:
    channel.queue_declare(name, arguments={"x-expires": 300})
    channel.confirm_delivery()
    until(lambda: not _found_without_touching(channel, name))
    assert not is_there(connection, name)


def _found_without_touching(channel: BlockingChannel, name: str) -> bool:
    try:
        channel.basic_publish("", name, b"", mandatory=True)
    except pika.exceptions.UnroutableError:
        return False
    return True


def test_the_oldest_go_when_a_queue_is_too_long(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, exclusive=True, arguments={"x-max-length": 3})
    for number in range(6):
        channel.basic_publish("", name, b"%d" % number)
    assert bodies(channel, name) == [b"3", b"4", b"5"]


def test_the_oldest_go_when_a_queue_holds_too_many_bytes(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, exclusive=True, arguments={"x-max-length-bytes": 2500})
    for number in range(6):
        channel.basic_publish("", name, b"%d" % number * 1000)
    assert bodies(channel, name) == [b"4" * 1000, b"5" * 1000]


@pytest.mark.parametrize("ttl", [0, 200])
def test_messages_live_as_long_as_the_queue_or_they_say(channel: BlockingChannel, name: str, ttl: int) -> None:
    channel.queue_declare(name, exclusive=True, arguments={"x-message-ttl": ttl})
    channel.queue_declare(f"{name}-own", exclusive=True)
    channel.basic_publish("", name, b"x")
    channel.basic_publish("", f"{name}-own", b"x", pika.BasicProperties(expiration=str(ttl)))
    until(lambda: counts(channel, name)[0] == 0 and counts(channel, f"{name}-own")[0] == 0)


def dead_letter_pair(channel: BlockingChannel, name: str, **arguments: Any) -> tuple[str, str]:
    """A queue whose dead letters go through a fanout exchange to another."""
    channel.exchange_declare(f"{name}-dlx", "fanout", auto_delete=True)
    channel.queue_declare(f"{name}-dead", exclusive=True)
    channel.queue_bind(f"{name}-dead", f"{name}-dlx")
    given = {"x-dead-letter-exchange": f"{name}-dlx"} | {
        f"x-{key.replace('_', '-')}": value for key, value in arguments.items()
    }
    channel.queue_declare(f"{name}-work", exclusive=True, arguments=given)
    return f"{name}-work", f"{name}-dead"


def deaths(channel: BlockingChannel, queue: str) -> list[tuple[str, str, int]]:
    """(queue, reason, count) of the next message."""
    properties = get(channel, queue, auto_ack=True)[1]
    return [(line["queue"], line["reason"], line["count"]) for line in properties.headers["x-death"]]


def test_a_rejected_message_dies(channel: BlockingChannel, name: str) -> None:
    work, dead = dead_letter_pair(channel, name)
    channel.basic_publish("", work, b"bad", pika.BasicProperties(headers={"own": 1}, delivery_mode=2))
    channel.basic_reject(get(channel, work)[0].delivery_tag, requeue=False)
    method, properties, body = get(channel, dead)
    assert (method.exchange, method.routing_key, body) == (f"{name}-dlx", work, b"bad")
    assert (properties.headers["own"], properties.delivery_mode) == (1, 2)
    (line,) = properties.headers["x-death"]
    assert {key: line[key] for key in ("count", "reason", "queue", "exchange", "routing-keys")} == {
        "count": 1,
        "reason": "rejected",
        "queue": work,
        "exchange": "",
        "routing-keys": [work],
    }
    for when in ("first", "last"):
        assert properties.headers[f"x-{when}-death-queue"] == work
        assert properties.headers[f"x-{when}-death-reason"] == "rejected"
        assert properties.headers[f"x-{when}-death-exchange"] == ""


def test_an_expired_message_dies_and_no_longer_expires(channel: BlockingChannel, name: str) -> None:
    work, dead = dead_letter_pair(channel, name, dead_letter_routing_key="late")
    channel.basic_publish("", work, b"old", pika.BasicProperties(expiration="50"))
    method, properties, _ = get(channel, dead)
    assert (method.routing_key, properties.expiration) == ("late", None)
    line = properties.headers["x-death"][0]
    assert (line["reason"], line["original-expiration"]) == ("expired", "50")


def test_a_message_that_found_no_room_dies(channel: BlockingChannel, name: str) -> None:
    work, dead = dead_letter_pair(channel, name, max_length=1)
    for body in (b"1", b"2"):
        channel.basic_publish("", work, body)
    assert deaths(channel, dead) == [(work, "maxlen", 1)]
    assert bodies(channel, work) == [b"2"]


def test_a_message_that_was_delivered_too_often_dies(channel: BlockingChannel, name: str) -> None:
    work, dead = dead_letter_pair(channel, name, delivery_limit=2)
    channel.basic_publish("", work, b"poison")
    for _ in range(3):
        channel.basic_nack(get(channel, work)[0].delivery_tag, requeue=True)
    assert deaths(channel, dead) == [(work, "delivery_limit", 1)]


def test_deaths_of_a_message_that_goes_round_are_counted(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(f"{name}-a", exclusive=True, arguments=_to(f"{name}-b"))
    channel.queue_declare(f"{name}-b", exclusive=True, arguments=_to(f"{name}-a") | {"x-message-ttl": 20})
    channel.basic_publish("", f"{name}-a", b"round")
    for _ in range(3):
        channel.basic_reject(get(channel, f"{name}-a")[0].delivery_tag, requeue=False)
    assert deaths(channel, f"{name}-a") == [(f"{name}-b", "expired", 3), (f"{name}-a", "rejected", 3)]


def _to(queue: str) -> dict[str, Any]:
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}


def test_what_a_full_queue_rejected_may_die(channel: BlockingChannel, name: str) -> None:
    work, dead = dead_letter_pair(channel, name, max_length=1, overflow="reject-publish-dlx")
    channel.confirm_delivery()
    channel.basic_publish("", work, b"1")
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", work, b"2")
    assert get(channel, dead)[2] == b"2"
