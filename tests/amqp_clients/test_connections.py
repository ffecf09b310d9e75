"""Lives of connections: heartbeats both ways, the server's end, kill and restart."""

import time

import pika
from pamqp import commands, frame

from tests.amqp_clients.clients import bodies, connect, get, until
from tests.amqp_clients.wire import Wire
from tools.server_process import ServerProcess

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def test_a_client_that_falls_silent_is_dropped(server: ServerProcess) -> None:
    with Wire(server).open(heartbeat_seconds=1) as wire:
        began = time.monotonic()
        assert wire.read() is None
        assert 1 < time.monotonic() - began < 8


def test_heartbeats_keep_a_connection(server: ServerProcess) -> None:
    with connect(server, heartbeat=1) as connection:
        connection.sleep(4)
        assert connection.channel().is_open


def test_the_server_says_that_it_ends(own_server: ServerProcess) -> None:
    with Wire(own_server).open() as wire:
        assert own_server.stop() == 0
        close = wire.until(commands.Connection.Close)
        assert close.reply_code == 320
        assert close.reply_text == "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"


def test_what_was_confirmed_is_there_after_a_kill_and_what_was_held_comes_again(own_server: ServerProcess) -> None:
    channel = connect(own_server).channel()
    channel.exchange_declare("orders", "topic", durable=True)
    channel.queue_declare("durable", durable=True, arguments={"x-max-priority": 3})
    channel.queue_declare("transient")
    channel.queue_bind("durable", "orders", "new.#")
    channel.confirm_delivery()
    for number in range(20):
        channel.basic_publish("orders", "new.one", b"%d" % number, PERSISTENT)
    tags = [get(channel, "durable")[0].delivery_tag for _ in range(4)]
    channel.basic_ack(tags[0])
    channel.basic_reject(tags[1], requeue=True)
    channel.queue_declare("durable", passive=True)
    own_server.kill()
    own_server.start()
    channel = connect(own_server).channel()
    method, _, body = get(channel, "durable")
    assert (body, method.redelivered) == (b"1", True)
    assert bodies(channel, "durable") == [b"%d" % number for number in range(2, 20)]
    channel.basic_publish("orders", "new.two", b"routed still")
    assert get(channel, "durable")[2] == b"routed still"
    try:
        channel.queue_declare("transient", passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == 404
    else:
        raise AssertionError("a transient queue has outlived its server")


def test_a_commit_is_there_after_a_kill(own_server: ServerProcess) -> None:
    channel = connect(own_server).channel()
    channel.queue_declare("q", durable=True)
    channel.tx_select()
    for number in range(5):
        channel.basic_publish("", "q", b"%d" % number, PERSISTENT)
    channel.tx_commit()
    channel.basic_publish("", "q", b"never committed", PERSISTENT)
    own_server.kill()
    own_server.start()
    assert bodies(connect(own_server).channel(), "q") == [b"%d" % number for number in range(5)]


def test_two_thousand_channels(server: ServerProcess) -> None:
    with Wire(server).open(channels=2000) as wire:
        for number in range(1, 2001):
            wire.method(number, commands.Queue.Declare(queue="", exclusive=True))
        for _ in range(2000):
            wire.until(commands.Queue.DeclareOk)


def test_rapid_open_and_close(server: ServerProcess) -> None:
    with Wire(server).open(channels=0) as wire:
        turn = frame.marshal(commands.Channel.Open(), 1) + frame.marshal(commands.Channel.Close(0, "", 0, 0), 1)
        for _ in range(300):
            wire.send(turn)
            wire.until(commands.Channel.OpenOk)
            wire.until(commands.Channel.CloseOk)
    until(lambda: connect(server).close() is None)
