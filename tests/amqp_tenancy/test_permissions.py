"""Which operation needs which permission, and in which words it is refused: as Debian's rabbitmq-server was seen to do,
with the kind of access before its words, as RabbitMQ has had it since 3.11.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from tests.amqp_clients.clients import refusal, until
from tests.amqp_tenancy.conftest import Administered

Call = Callable[[BlockingChannel], object]
DEAD = "x-dead-letter-exchange"


@pytest.fixture(scope="module")
def furnished(server: Administered) -> Administered:
    """The server, with queues and exchanges by all names."""
    with server.connect() as connection:
        channel = connection.channel()
        for name in ("c-q", "w-q", "r-q", "x"):
            channel.queue_declare(name)
        for name, kind in (("w-topic", "topic"), ("r-topic", "topic"), ("x-ex", "direct"), ("w-direct", "direct")):
            channel.exchange_declare(name, kind)
    return server


@pytest.fixture
def channel(furnished: Administered) -> Iterator[BlockingChannel]:
    """Anna's."""
    connection = furnished.connect("anna", "sécret")
    yield connection.channel()
    if connection.is_open:
        connection.close()


def publish(exchange: str, key: str = "k", **properties: Any) -> Call:
    def call(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"body", pika.BasicProperties(**properties))

    return call


def consume(queue: str) -> Call:
    return lambda channel: channel.basic_consume(queue, lambda *_: None)


ALLOWED: dict[str, Call] = {
    "configure a queue": lambda channel: channel.queue_declare("c-new"),
    "look at a queue": lambda channel: channel.queue_declare("x", passive=True),
    "look at an exchange": lambda channel: channel.exchange_declare("x-ex", passive=True),
    "configure an exchange": lambda channel: channel.exchange_declare("c-exchange"),
    "dead letters": lambda channel: channel.queue_declare("d-dead", arguments={DEAD: "w-topic"}),
    "an alternate exchange": lambda channel: channel.exchange_declare(
        "d-alternate", arguments={"alternate-exchange": "w-topic"}
    ),
    "delete a queue": lambda channel: channel.queue_delete("c-none"),
    "delete an exchange": lambda channel: channel.exchange_delete("c-none"),
    "purge": lambda channel: channel.queue_purge("r-q"),
    "get": lambda channel: channel.basic_get("r-q"),
    "consume": consume("r-q"),
    "direct replies": lambda channel: channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True),
    "publish by a permitted key": publish("w-topic", "ok.1"),
    "topic permissions are of topic exchanges only": publish("w-direct", "other", content_type="text/plain"),
    "bind by a permitted key": lambda channel: channel.queue_bind("w-q", "r-topic", "ok-anna"),
    "unbind by a permitted key": lambda channel: channel.queue_unbind("w-q", "r-topic", "ok-anna"),
    "publish under her own name": publish("w-topic", "ok", user_id="anna"),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_what_is_permitted(channel: BlockingChannel, what: str) -> None:
    ALLOWED[what](channel)


def access(kind: str, what: str, name: str) -> str:
    return f"{kind} access to {what} '{name}' in vhost '/' refused for user 'anna'"


def topic(kind: str, key: str, exchange: str) -> str:
    return f"{kind} access to topic '{key}' in exchange '{exchange}' in vhost '/' refused for user 'anna'"


DEFAULT = "operation not permitted on the default exchange"
REFUSED: list[tuple[Call, str]] = [
    (lambda channel: channel.queue_declare("y"), access("configure", "queue", "y")),
    (lambda channel: channel.queue_declare("x"), access("configure", "queue", "x")),
    (lambda channel: channel.queue_declare("amq.x"), "queue name 'amq.x' contains reserved prefix 'amq.*'"),
    (
        lambda channel: channel.queue_declare("c-dead", arguments={DEAD: "w-topic"}),
        access("read", "queue", "c-dead"),
    ),
    (
        lambda channel: channel.queue_declare("d-dead2", arguments={DEAD: "x-ex"}),
        access("write", "exchange", "x-ex"),
    ),
    (
        lambda channel: channel.queue_declare("d-dead2", arguments={DEAD: "", "x-dead-letter-routing-key": "k"}),
        access("write", "exchange", "amq.default"),
    ),
    (lambda channel: channel.queue_delete("x"), access("configure", "queue", "x")),
    (lambda channel: channel.queue_delete("none"), access("configure", "queue", "none")),
    (lambda channel: channel.queue_purge("x"), access("read", "queue", "x")),
    (lambda channel: channel.basic_get("x"), access("read", "queue", "x")),
    (lambda channel: channel.basic_get("none"), access("read", "queue", "none")),
    (consume("x"), access("read", "queue", "x")),
    (publish("", "x"), access("write", "exchange", "amq.default")),
    (publish("x-ex"), access("write", "exchange", "x-ex")),
    (publish("none"), access("write", "exchange", "none")),
    (publish("w-topic", "no.1"), topic("write", "no.1", "w-topic")),
    (publish("w-topic", "ok", headers={"CC": ["ok.2", "no.2"]}), topic("write", "no.2", "w-topic")),
    (publish("w-topic", "ok", headers={"BCC": ["no.3"]}), topic("write", "no.3", "w-topic")),
    (lambda channel: channel.queue_bind("x", "r-topic", "ok-anna"), access("write", "queue", "x")),
    (lambda channel: channel.queue_bind("w-q", "x-ex", "k"), access("read", "exchange", "x-ex")),
    (lambda channel: channel.queue_bind("w-q", "r-topic", "ok-ben"), topic("read", "ok-ben", "r-topic")),
    (lambda channel: channel.queue_bind("w-q", "", "k"), DEFAULT),
    (lambda channel: channel.queue_bind("x", "", "k"), access("write", "queue", "x")),
    (lambda channel: channel.queue_unbind("x", "r-topic", "ok-anna"), access("write", "queue", "x")),
    (lambda channel: channel.queue_unbind("w-q", "x-ex", "k"), access("read", "exchange", "x-ex")),
    (lambda channel: channel.queue_unbind("w-q", "r-topic", "no"), topic("read", "no", "r-topic")),
    (lambda channel: channel.exchange_bind("x-ex", "r-topic", "k"), access("write", "exchange", "x-ex")),
    (lambda channel: channel.exchange_bind("w-topic", "x-ex", "k"), access("read", "exchange", "x-ex")),
    (lambda channel: channel.exchange_bind("w-topic", "r-topic", "k"), topic("read", "k", "r-topic")),
    (lambda channel: channel.exchange_unbind("x-ex", "r-topic", "k"), access("write", "exchange", "x-ex")),
    (lambda channel: channel.exchange_unbind("w-topic", "r-topic", "k"), topic("read", "k", "r-topic")),
    (lambda channel: channel.exchange_declare("x-new"), access("configure", "exchange", "x-new")),
    (lambda channel: channel.exchange_declare("", "direct"), DEFAULT),
    (
        lambda channel: channel.exchange_declare("c-alternate", arguments={"alternate-exchange": "w-topic"}),
        access("read", "exchange", "c-alternate"),
    ),
    (
        lambda channel: channel.exchange_declare("d-alternate2", arguments={"alternate-exchange": "x-ex"}),
        access("write", "exchange", "x-ex"),
    ),
    (lambda channel: channel.exchange_delete("x-ex"), access("configure", "exchange", "x-ex")),
    (
        lambda channel: channel.exchange_delete("amq.direct"),
        "deletion of system exchange 'amq.direct' in vhost '/' not allowed",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_is_refused(channel: BlockingChannel, call: Call, words: str) -> None:
    assert refusal(lambda: call(channel)) == (403, f"ACCESS_REFUSED - {words}")
    assert channel.connection.is_open
    channel.connection.channel().queue_declare("x", passive=True)


def test_a_queue_that_the_server_names_needs_its_permission_too(channel: BlockingChannel) -> None:
    code, text = refusal(lambda: channel.queue_declare("", exclusive=True))
    assert code == 403
    assert text.startswith("ACCESS_REFUSED - configure access to queue 'amq.gen-")


def test_permission_stands_before_existence(channel: BlockingChannel) -> None:
    code, _ = refusal(lambda: channel.basic_get("r-none"))
    assert code == 404
    code, _ = refusal(lambda: publish("w-none")(channel.connection.channel()))
    assert code == 404


def test_an_existing_queue_with_dead_letters_is_declared_anew_without_their_permissions(
    furnished: Administered, channel: BlockingChannel
) -> None:
    with furnished.connect() as connection:
        connection.channel().queue_declare("c-dead-letters", arguments={DEAD: "x-ex"})
    channel.queue_declare("c-dead-letters", arguments={DEAD: "x-ex"})


def test_another_users_name_is_for_impersonators(furnished: Administered, channel: BlockingChannel) -> None:
    assert refusal(lambda: publish("w-topic", "ok", user_id="guest")(channel)) == (
        406,
        "PRECONDITION_FAILED - user_id property set to 'guest' but authenticated user was 'anna'",
    )
    with furnished.connect("ben", "b") as connection:
        publish("", "x", user_id="guest")(connection.channel())


def test_what_was_published_before_a_refusal_is_taken(furnished: Administered, channel: BlockingChannel) -> None:
    with furnished.connect() as other:
        admin = other.channel()
        admin.queue_declare("r-before")
        admin.queue_bind("r-before", "w-direct", "before")
        channel.basic_publish("w-direct", "before", b"one")
        channel.basic_publish("x-ex", "before", b"refused")
        with contextlib.suppress(AMQPError):  # it may have heard already
            channel.basic_publish("w-direct", "before", b"after")
        until(lambda: channel.connection.process_data_events(0.02) or channel.is_closed)
        assert until(lambda: admin.basic_get("r-before", auto_ack=True)[2]) == b"one"
        assert admin.basic_get("r-before", auto_ack=True) == (None, None, None)


def test_a_changed_permission_holds_for_connections_that_are_open(own_server: Administered) -> None:
    connection = own_server.connect("ben", "b")
    channel = connection.channel()
    publish("amq.topic", "a")(channel)
    own_server.administer(["SetTopicPermission", "ben", "/", "amq.topic", ["^b", "^b"]])
    assert refusal(lambda: publish("amq.topic", "a")(channel))[0] == 403
    channel = connection.channel()
    publish("amq.topic", "b")(channel)
    own_server.administer(["SetPermission", "ben", "/", [".*", "^w", ".*"]])
    assert refusal(lambda: publish("amq.topic", "b")(channel))[0] == 403
    own_server.administer(["SetPermission", "ben", "/", [".*", ".*", ".*"]], ["ClearTopicPermission", "ben", "/", None])
    channel = connection.channel()
    publish("amq.topic", "a", user_id="guest")(channel)
    own_server.administer(["SetUser", "ben", "", []])
    assert refusal(lambda: publish("amq.topic", "a", user_id="guest")(channel))[0] == 406
    own_server.administer(["ClearPermission", "ben", "/"])
    channel = connection.channel()
    assert refusal(lambda: channel.queue_declare("any")) == (
        403,
        "ACCESS_REFUSED - configure access to queue 'any' in vhost '/' refused for user 'ben'",
    )
