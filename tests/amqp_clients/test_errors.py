"""What is refused, with RabbitMQ's codes and words; and what stays open then."""

from collections.abc import Callable
from typing import Any

import pika
import pytest
from pamqp import commands, frame
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import connect, get, refusal
from tests.amqp_clients.wire import Wire
from tools.server_process import ServerProcess

CHANNEL_ERRORS: dict[str, tuple[Callable[[BlockingChannel, str], Any], int, str]] = {
    "no queue": (
        lambda channel, queue: channel.queue_declare("none", passive=True),
        404,
        "NOT_FOUND - no queue 'none' in vhost '/'",
    ),
    "get": (lambda channel, queue: channel.basic_get("none"), 404, "NOT_FOUND - no queue 'none' in vhost '/'"),
    "consume": (
        lambda channel, queue: channel.basic_consume("none", lambda *_: None),
        404,
        "NOT_FOUND - no queue 'none' in vhost '/'",
    ),
    "purge": (lambda channel, queue: channel.queue_purge("none"), 404, "NOT_FOUND - no queue 'none' in vhost '/'"),
    "no exchange": (
        lambda channel, queue: channel.queue_bind(queue, "none", "a"),
        404,
        "NOT_FOUND - no exchange 'none' in vhost '/'",
    ),
    "publish": (
        lambda channel, queue: (channel.basic_publish("none", "a", b""), channel.queue_declare(queue, passive=True)),
        404,
        "NOT_FOUND - no exchange 'none' in vhost '/'",
    ),
    "nothing declared": (
        lambda channel, queue: channel.basic_get(""),
        404,
        "NOT_FOUND - no previously declared queue",
    ),
    "reserved queue": (
        lambda channel, queue: channel.queue_declare("amq.mine"),
        403,
        "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    ),
    "reserved exchange": (
        lambda channel, queue: channel.exchange_declare("amq.mine"),
        403,
        "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'",
    ),
    "default exchange bound": (
        lambda channel, queue: channel.queue_bind(queue, "", "a"),
        403,
        "ACCESS_REFUSED - operation not permitted on the default exchange",
    ),
    "default exchange deleted": (
        lambda channel, queue: channel.exchange_delete(""),
        403,
        "ACCESS_REFUSED - operation not permitted on the default exchange",
    ),
    "system exchange deleted": (
        lambda channel, queue: channel.exchange_delete("amq.direct"),
        403,
        "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
    ),
    "redeclared": (
        lambda channel, queue: channel.queue_declare(queue, durable=True, exclusive=True),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' in vhost '/': "
        "received 'true' but current is 'false'",
    ),
    "redeclared with another argument": (
        lambda channel, queue: channel.queue_declare(queue, exclusive=True, arguments={"x-message-ttl": 5}),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{queue}' in vhost '/': "
        "received the value '5' of type 'signedint' but",
    ),
    "redeclared exchange": (
        lambda channel, queue: channel.exchange_declare("amq.direct", "topic", durable=True),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': "
        "received 'topic' but current is 'direct'",
    ),
    "bad argument": (
        lambda channel, queue: channel.queue_declare("bad", arguments={"x-message-ttl": -1}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'bad' in vhost '/': {{value_negative,-1}}",
    ),
    "unknown tag": (
        lambda channel, queue: (channel.basic_ack(7), channel.queue_declare(queue, passive=True)),
        406,
        "PRECONDITION_FAILED - unknown delivery tag 7",
    ),
    "not transactional": (
        lambda channel, queue: channel.tx_commit(),
        406,
        "PRECONDITION_FAILED - channel is not transactional",
    ),
    "confirms, then a transaction": (
        lambda channel, queue: (channel.confirm_delivery(), channel.tx_select()),
        406,
        "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
    ),
    "a transaction, then confirms": (
        lambda channel, queue: (channel.tx_select(), channel.confirm_delivery()),
        406,
        "PRECONDITION_FAILED - cannot switch from tx to confirm mode",
    ),
    "not empty": (
        lambda channel, queue: (channel.basic_publish("", queue, b""), channel.queue_delete(queue, if_empty=True)),
        406,
        "PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty",
    ),
    "in use": (
        lambda channel, queue: (
            channel.basic_consume(queue, lambda *_: None),
            channel.queue_delete(queue, if_unused=True),
        ),
        406,
        "PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use",
    ),
    "exclusive consumer": (
        lambda channel, queue: (
            channel.basic_consume(queue, lambda *_: None, exclusive=True),
            channel.basic_consume(queue, lambda *_: None),
        ),
        403,
        "ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use",
    ),
    "expiration": (
        lambda channel, queue: (
            channel.basic_publish("", queue, b"", pika.BasicProperties(expiration="soon")),
            channel.queue_declare(queue, passive=True),
        ),
        406,
        "PRECONDITION_FAILED - invalid expiration 'soon': ",
    ),
    "user": (
        lambda channel, queue: (
            channel.basic_publish("", queue, b"", pika.BasicProperties(user_id="anna")),
            channel.queue_declare(queue, passive=True),
        ),
        406,
        "PRECONDITION_FAILED - user_id property set to 'anna' but authenticated user was 'guest'",
    ),
}

CONNECTION_ERRORS: dict[str, tuple[Callable[[BlockingChannel, str], Any], int, str]] = {
    "exchange type": (
        lambda channel, queue: channel.exchange_declare("bad", "no-such-type"),
        503,
        "COMMAND_INVALID - unknown exchange type 'no-such-type'",
    ),
    "prefetch size": (
        lambda channel, queue: channel.basic_qos(prefetch_size=1),
        540,
        "NOT_IMPLEMENTED - prefetch_size!=0 (1)",
    ),
    "recover": (
        lambda channel, queue: channel.basic_recover(requeue=False),
        540,
        "NOT_IMPLEMENTED - requeue=false",
    ),
    "immediate": (
        lambda channel, queue: (
            channel._impl._send_method(
                pika.spec.Basic.Publish(exchange="", routing_key=queue, immediate=True), (pika.BasicProperties(), b"")
            ),
            channel.queue_declare(queue, passive=True),
        ),
        540,
        "NOT_IMPLEMENTED - immediate=true",
    ),
    "consumer tag": (
        lambda channel, queue: [_consume_as(channel, queue, "tag") for _ in range(2)],
        530,
        "NOT_ALLOWED - attempt to reuse consumer tag 'tag'",
    ),
    "second open": (
        lambda channel, queue: (
            channel._impl._send_method(pika.spec.Channel.Open()),
            channel.queue_declare(queue, passive=True),
        ),
        504,
        "CHANNEL_ERROR - second 'channel.open' seen",
    ),
}


def _consume_as(channel: BlockingChannel, queue: str, tag: str) -> Any:
    channel._impl._send_method(pika.spec.Basic.Consume(queue=queue, consumer_tag=tag, nowait=True))
    return channel.queue_declare(queue, passive=True)


@pytest.mark.parametrize("what", CHANNEL_ERRORS)
def test_an_error_closes_the_channel_and_not_the_connection(
    connection: pika.BlockingConnection, queue: str, what: str
) -> None:
    call, code, text = CHANNEL_ERRORS[what]
    channel = connection.channel()
    found = refusal(lambda: call(channel, queue))
    assert found[0] == code
    assert found[1].startswith(text.format(queue=queue))
    assert channel.is_closed
    assert connection.is_open
    again = connection.channel()
    again.queue_purge(queue)
    again.basic_publish("", queue, b"still here")
    assert get(again, queue)[2] == b"still here"


@pytest.mark.parametrize("what", CONNECTION_ERRORS)
def test_an_error_closes_the_connection(server: ServerProcess, what: str) -> None:
    call, code, text = CONNECTION_ERRORS[what]
    connection = connect(server)
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert refusal(lambda: call(channel, queue)) == (code, text)
    assert connection.is_closed


def test_a_password_that_is_not_the_users(server: ServerProcess) -> None:
    for user, password in (("guest", "wrong"), ("nobody", "guest"), ("anna", "secret"), ("", "")):
        with pytest.raises(pika.exceptions.ProbableAuthenticationError) as raised:
            connect(server, credentials=pika.PlainCredentials(user, password))
        assert "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN" in str(raised.value)


def test_a_user_of_the_configuration(server: ServerProcess) -> None:
    with connect(server, credentials=pika.PlainCredentials("anna", "sécret")) as connection:
        assert connection.channel().is_open


def test_a_virtual_host_that_is_none(server: ServerProcess) -> None:
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError) as raised:
        connect(server, virtual_host="elsewhere")
    assert "(530) 'NOT_ALLOWED - vhost elsewhere not found'" in str(raised.value)


def test_what_is_not_there_can_be_deleted(channel: BlockingChannel, queue: str) -> None:
    assert channel.queue_delete("none").method.message_count == 0
    channel.exchange_delete("none")
    channel.queue_unbind(queue, "amq.direct", "none")
    channel.queue_unbind("none", "amq.direct", "none")


def test_after_an_error_a_channel_hears_nothing_but_close_ok(
    connection: pika.BlockingConnection, channel: BlockingChannel, queue: str
) -> None:
    other = connection.channel()
    other._impl._send_method(pika.spec.Basic.Ack(99))
    for _ in range(10):
        other._impl._send_method(
            pika.spec.Basic.Publish(exchange="", routing_key=queue), (pika.BasicProperties(), b"unheard")
        )
    assert refusal(lambda: other.queue_declare("", exclusive=True))[0] == 406
    assert channel.queue_declare(queue, passive=True).method.message_count == 0


def test_unknown_arguments_do_not_matter(channel: BlockingChannel, queue: str) -> None:
    channel.queue_declare(queue, exclusive=True, arguments={"x-unknown": 5, "own": "value"})
    channel.queue_declare(queue, exclusive=True, arguments={"x-queue-type": "classic"})


def test_methods_sent_in_one_breath_are_answered_in_their_order(server: ServerProcess) -> None:
    methods = [
        commands.Queue.Declare(queue="", exclusive=True),
        commands.Basic.Qos(0, 5, False),
        commands.Exchange.Declare(exchange="amq.topic", passive=True),
        commands.Basic.Recover(True),
        commands.Tx.Select(),
        commands.Queue.Declare(queue="none", passive=True),
        commands.Basic.Ack(7),
        commands.Tx.Rollback(),
    ]
    answers = ("DeclareOk", "QosOk", "DeclareOk", "RecoverOk", "SelectOk", "Close")
    with Wire(server).open() as wire:
        wire.send(b"".join(frame.marshal(method, 1) for method in methods))
        heard = [wire.read() for _ in answers]
        assert [type(each).__name__ for each in heard] == list(answers)
        assert heard[-1].reply_code == 404  # what came first, not the unknown tag that came after it


def test_nothing_follows_the_close_of_a_connection(server: ServerProcess) -> None:
    methods = [commands.Queue.Declare(queue="", exclusive=True), commands.Channel.Close(200, "", 0, 0)]
    methods.append(commands.Channel.Open())
    with Wire(server).open() as wire:
        wire.send(b"".join(frame.marshal(method, 1) for method in methods))
        assert wire.closed()[0] == 504
