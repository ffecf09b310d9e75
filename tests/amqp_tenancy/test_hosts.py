"""Virtual hosts: what is in one is not in another; who may open one; one that is deleted under its clients."""

import itertools
import os
import signal

import pika
import pytest
from pika.exceptions import ConnectionClosedByBroker, ProbableAccessDeniedError

from tests.amqp_clients.clients import bodies, get, until
from tests.amqp_tenancy.conftest import Administered
from tests.clients.clients import connect as connect_sqs
from tests.clients.clients import receive

ELSEWHERE = "111122223333/eu-west-1"
EVERYTHING = [".*", ".*", ".*"]


def refused(server: Administered, user: str, password: str, host: str) -> str:
    with pytest.raises(ProbableAccessDeniedError) as caught:
        server.connect(user, password, host)
    return str(caught.value)


def told(connection: pika.BlockingConnection) -> tuple[int, str]:
    """With what the server closes it."""
    with pytest.raises(ConnectionClosedByBroker) as caught:
        until(lambda: connection.process_data_events(1))
    return caught.value.reply_code, caught.value.reply_text


def test_a_virtual_host_that_is_not_there(server: Administered) -> None:
    assert refused(server, "guest", "guest", "nope").endswith("(530) 'NOT_ALLOWED - vhost nope not found'")
    assert refused(server, "guest", "guest", "222222222222/us-east-1").endswith("us-east-1 not found'")


def test_a_virtual_host_without_permission_in_it(server: Administered) -> None:
    for user, password in (("guest", "guest"), ("anna", "sécret")):
        words = refused(server, user, password, "shop")
        assert words.endswith(f"(530) \"NOT_ALLOWED - access to vhost 'shop' refused for user '{user}'\"")


def test_nothing_is_shared_between_virtual_hosts(server: Administered, name: str) -> None:
    with server.connect("ben", "b") as here, server.connect("ben", "b", ELSEWHERE) as there:
        one, other = here.channel(), there.channel()
        one.queue_declare(name, arguments={"x-max-length": 1})
        other.queue_declare(name)
        one.basic_publish("", name, b"here")
        other.basic_publish("", name, b"there")
        assert get(one, name)[2] == b"here"
        assert get(other, name)[2] == b"there"
        one.exchange_declare(name, "fanout")
        other.exchange_declare(name, "direct")


def test_an_account_and_region_of_sqs_is_a_virtual_host(server: Administered, name: str) -> None:
    sqs = connect_sqs(server.url, ("two", "s", "111122223333"), region="eu-west-1")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    with server.connect("ben", "b", ELSEWHERE) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", name, b"from amqp", mandatory=True)
        assert [message["Body"] for message in receive(sqs, queue)] == ["from amqp"]
        sqs.send_message(QueueUrl=queue, MessageBody="from sqs")
        assert get(channel, name)[2] == b"from sqs"
    with server.connect("guest", "guest", "000000000000/us-east-1") as connection:
        connection.channel().queue_declare(name, arguments={"x-max-length": 1})
    default = connect_sqs(server.url, ("one", "s", "000000000000"))
    assert default.get_queue_url(QueueName=name)["QueueUrl"].endswith(f"/000000000000/{name}")


def test_a_virtual_host_deleted_under_its_clients(own_server: Administered) -> None:
    own_server.administer(["SetPermission", "ben", "shop", EVERYTHING])
    working, elsewhere = own_server.connect("ben", "b", "shop"), own_server.connect("ben", "b")
    channel = working.channel()
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True)
    channel.queue_declare("own", exclusive=True)
    channel.basic_consume("own", lambda *_: None)
    for number in range(10):
        channel.basic_publish("", "q", b"%d" % number)
    assert get(channel, "q")[2] == b"0"
    waiting = own_server.connect("ben", "b", "shop")
    waiting.channel().basic_consume("q", lambda *_: None)
    own_server.administer(["DeleteHost", "shop"])
    assert told(working) == told(waiting) == (320, "CONNECTION_FORCED - vhost 'shop' is down")
    elsewhere.channel().queue_declare("q", exclusive=True)
    assert "vhost shop not found" in refused(own_server, "ben", "b", "shop")
    own_server.administer(["SetHost", "shop", "", []])
    assert "access to vhost 'shop' refused" in refused(own_server, "ben", "b", "shop")
    own_server.administer(["SetPermission", "ben", "shop", EVERYTHING])
    with own_server.connect("ben", "b", "shop") as connection:
        channel = connection.channel()
        channel.queue_declare("q")
        assert bodies(channel, "q") == []
    elsewhere.close()


def test_a_client_that_publishes_as_fast_as_it_can_into_a_virtual_host_that_goes(own_server: Administered) -> None:
    own_server.administer(["SetPermission", "ben", "shop", EVERYTHING])
    connection = own_server.connect("ben", "b", "shop")
    channel = connection.channel()
    channel.queue_declare("q")
    commands = own_server.data.parent / "commands"
    with pytest.raises(ConnectionClosedByBroker) as caught:
        for number in itertools.count():
            channel.basic_publish("", "q", b"x" * 1_000)
            if number == 500:
                commands.write_text('["DeleteHost", "shop"]\n')
                os.kill(own_server.process_id, signal.SIGUSR1)
    assert caught.value.reply_text == "CONNECTION_FORCED - vhost 'shop' is down"
    own_server.connect("ben", "b").close()


def test_a_deleted_users_connections_are_closed(own_server: Administered) -> None:
    connection = own_server.connect("ben", "b")
    own_server.administer(["DeleteUser", "ben"])
    assert told(connection) == (320, "CONNECTION_FORCED - user 'ben' is deleted")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        own_server.connect("ben", "b")
