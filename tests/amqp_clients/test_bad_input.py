"""Bad input over a socket: a clear close with RabbitMQ's code, and a server that serves others on."""

import random
import socket
from collections.abc import Iterator
from typing import Any

import pika
import pytest
from pamqp import commands, frame, header

from oncemq.core.limits import OUTLET_BYTES
from tests.amqp_clients.clients import connect, counts, get, until
from tests.amqp_clients.wire import HEADER, Wire, raw_frame
from tools.server_process import ServerProcess

PUBLISH = frame.marshal(commands.Basic.Publish(exchange="", routing_key="nobody"), 1)
QOS = frame.marshal(commands.Basic.Qos(), 1)


def content_header(size: int, class_id: int = 60) -> bytes:
    """The frame of a content header without properties."""
    payload = class_id.to_bytes(2, "big") + bytes(2) + size.to_bytes(8, "big") + bytes(2)
    return raw_frame(2, 1, payload)


BAD: dict[str, tuple[bytes, int, str]] = {
    "unknown class": (raw_frame(1, 1, b"\x00\x63\x00\x0a"), 503, "COMMAND_INVALID - unknown method"),
    "unknown method": (raw_frame(1, 1, b"\x00\x3c\x00\xff"), 503, "COMMAND_INVALID - unknown method"),
    "a server's method": (raw_frame(1, 1, b"\x00\x3c\x00\x0b"), 503, "COMMAND_INVALID - "),
    "unknown frame": (raw_frame(7, 1, b""), 501, "FRAME_ERROR - type 7"),
    "frame end": (raw_frame(8, 0, b"", end=0), 501, "FRAME_ERROR - type 8"),
    "large frame": (b"\x01\x00\x01\x7f\xff\xff\xff\x00", 501, "FRAME_ERROR - type 1"),
    "half a method": (raw_frame(1, 1, b"\x00\x3c\x00\x0a\x00"), 501, "FRAME_ERROR - cannot decode"),
    "content without a method": (content_header(5), 505, "UNEXPECTED_FRAME - expected method frame, got non method"),
    "body without a method": (raw_frame(3, 1, b"body"), 505, "UNEXPECTED_FRAME - expected method frame"),
    "body without a header": (PUBLISH + raw_frame(3, 1, b"body"), 505, "UNEXPECTED_FRAME - expected content header"),
    "a method instead of a header": (PUBLISH + QOS, 505, "UNEXPECTED_FRAME - expected content header"),
    "a method instead of a body": (PUBLISH + content_header(5) + QOS, 505, "UNEXPECTED_FRAME - expected content body"),
    "header of another class": (PUBLISH + content_header(5, 10), 505, "UNEXPECTED_FRAME - expected content header"),
    "too much body": (
        PUBLISH + content_header(2) + raw_frame(3, 1, b"body"),
        505,
        "UNEXPECTED_FRAME - expected content body",
    ),
    "2**63 bytes": (PUBLISH + content_header(2**63), 501, "FRAME_ERROR - content body size"),
    "content on channel 0": (raw_frame(2, 0, bytes(14)), 505, "UNEXPECTED_FRAME - type 2"),
    "a heartbeat on a channel": (raw_frame(8, 1, b""), 505, "UNEXPECTED_FRAME - type 8"),
    "a channel that is not open": (
        frame.marshal(commands.Basic.Qos(), 9),
        504,
        "CHANNEL_ERROR - expected 'channel.open'",
    ),
    "publish on a channel that is not open": (
        frame.marshal(commands.Basic.Publish(), 9) + content_header(0).replace(b"\x02\x00\x01", b"\x02\x00\x09", 1),
        504,
        "CHANNEL_ERROR - expected 'channel.open'",
    ),
    "connection.open again": (
        frame.marshal(commands.Connection.Open("/"), 0),
        504,
        "CHANNEL_ERROR - unexpected method",
    ),
    "a connection's method on a channel": (
        frame.marshal(commands.Connection.Open("/"), 1),
        503,
        "COMMAND_INVALID - unimplemented method",
    ),
}


@pytest.fixture(autouse=True)
def serves_on(server: ServerProcess) -> Iterator[None]:
    """After every test the server is up, and does its work for a well-behaved client."""
    yield
    with connect(server) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", queue, b"well")
        assert get(channel, queue)[2] == b"well"


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("split", [False, True])
def test_bad_frames_close_the_connection(server: ServerProcess, what: str, split: bool) -> None:
    data, code, text = BAD[what]
    with Wire(server).open() as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in [bytes((octet,)) for octet in data] if split else [data]:
            wire.send(part)
        found = wire.closed()
    assert found[0] == code
    assert found[1].startswith(text)


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x01\x00\x00"])
def test_another_protocol_is_told_which_one_is_spoken(server: ServerProcess, said: bytes) -> None:
    with Wire(server) as wire:
        wire.send(said)
        answer = wire.socket.recv(100)
        assert answer == HEADER
        assert wire.socket.recv(100) == b""


def test_a_method_before_its_time(server: ServerProcess) -> None:
    for method in (commands.Connection.Open("/"), commands.Connection.TuneOk(0, 0, 0)):
        with Wire(server) as wire:
            wire.send(HEADER)
            wire.until(commands.Connection.Start)
            wire.method(0, method)
            while wire.read() is not None:
                pass


@pytest.mark.parametrize("after", ["start", "tune", "tune-ok", "refusal", "close"])
def test_a_close_when_there_is_nothing_to_close(server: ServerProcess, after: str) -> None:
    close = commands.Connection.Close(200, "", 0, 0)
    with Wire(server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        if after == "refusal":
            wrong: Any = {"capabilities": {"authentication_failure_close": True}}
            wire.method(0, commands.Connection.StartOk(wrong, "PLAIN", "\0guest\0wrong", "en_US"))
            wire.until(commands.Connection.Close)
        elif after != "start":
            wire.method(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
            wire.until(commands.Connection.Tune)
        if after in ("tune-ok", "close"):
            wire.method(0, commands.Connection.TuneOk(0, 0, 0))
        if after == "close":
            wire.method(0, commands.Connection.Open("/"))
            wire.send(frame.marshal(close, 0))
        wire.send(frame.marshal(close, 0))
        while (said := wire.read()) is not None:
            if isinstance(said, commands.Connection.Close):
                wire.method(0, commands.Connection.CloseOk())


def test_frames_too_small_are_not_agreed_on(server: ServerProcess) -> None:
    with Wire(server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        wire.method(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))
        wire.until(commands.Connection.Tune)
        wire.method(0, commands.Connection.TuneOk(0, 1024, 0))
        assert wire.closed() == (
            530,
            "NOT_ALLOWED - negotiated frame_max = 1024 is lower than the minimum allowed value (4096)",
        )


def test_channels_are_counted(server: ServerProcess) -> None:
    with Wire(server).open(channels=2047) as wire:
        wire.method(60_000, commands.Channel.Open())
        assert wire.closed() == (
            530,
            "NOT_ALLOWED - number of channels opened (2047) has reached the negotiated channel_max (2047)",
        )


def test_a_login_without_the_capability_is_cut_off(server: ServerProcess) -> None:
    with Wire(server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        wire.method(0, commands.Connection.StartOk({}, "PLAIN", "\0guest\0no", "en_US"))
        assert wire.read() is None


def test_an_unknown_mechanism(server: ServerProcess) -> None:
    with Wire(server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        wire.method(0, commands.Connection.StartOk({}, "SPELL", "abracadabra", "en_US"))
        while wire.read() is not None:
            pass


def test_a_body_that_never_comes_harms_nobody(server: ServerProcess) -> None:
    with Wire(server).open(channels=2) as wire:
        wire.send(PUBLISH + content_header(100_000_000) + raw_frame(3, 1, b"the beginning"))
        wire.method(2, commands.Basic.Qos(0, 5))
        wire.until(commands.Basic.QosOk)
        wire.method(2, commands.Channel.Close(0, "", 0, 0))
        wire.until(commands.Channel.CloseOk)


def test_a_message_that_is_too_large_closes_its_channel_only(server: ServerProcess) -> None:
    with Wire(server).open(channels=2) as wire:
        wire.send(PUBLISH + content_header(200_000_000))
        close = wire.until(commands.Channel.Close)
        assert close.reply_code == 406
        assert close.reply_text == (
            "PRECONDITION_FAILED - message size 200000000 is larger than configured max size 134217728"
        )
        wire.method(2, commands.Basic.Qos(0, 5))
        wire.until(commands.Basic.QosOk)


def test_noise_in_the_middle_of_a_good_conversation(server: ServerProcess) -> None:
    chance = random.Random(7)
    good = PUBLISH + content_header(4) + raw_frame(3, 1, b"body") + QOS
    good += frame.marshal(commands.Queue.Declare(queue="", exclusive=True, arguments={"x-max-length": 5}), 1)
    good += frame.marshal(header.ContentHeader(0, 0, commands.Basic.Properties(headers={"a": [1, {"b": 2}]})), 1)
    for _ in range(150):
        noisy = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            noisy[chance.randrange(len(noisy))] = chance.randrange(256)
        with Wire(server).open() as wire:
            wire.send(bytes(noisy))
            wire.socket.shutdown(socket.SHUT_WR)
            while wire.socket.recv(65536):
                pass


@pytest.mark.parametrize(
    "value",
    [b"S\0\0\0\x01\xff", b"x\0\0\0\x01\xff", b"T" + b"\xff" * 8, b"D\x02\0\0\0\x05", b"V", b"d\x7f\xf8" + bytes(6)],
)
def test_arguments_of_any_type_are_kept(server: ServerProcess, name: str, value: bytes) -> None:
    pairs = b"".join(bytes((len(key),)) + key + value for key in (b"x-any", b"x-not-utf-8-\xff"))
    table = len(pairs).to_bytes(4, "big") + pairs
    short = bytes((len(name),)) + name.encode()
    queue = raw_frame(1, 1, b"\0\x32\0\x0a\0\0" + short + b"\x02" + table)
    exchange = raw_frame(1, 1, b"\0\x28\0\x0a\0\0" + short + b"\x07headers\x02" + table)
    bind = raw_frame(1, 1, b"\0\x32\0\x14\0\0" + short + short + b"\0\0" + table)
    with Wire(server).open() as wire:
        wire.send(queue + queue + exchange + exchange + bind + bind)
        for kind in (commands.Queue.DeclareOk, commands.Exchange.DeclareOk, commands.Queue.BindOk):
            wire.until(kind)
            wire.until(kind)
        wire.method(1, commands.Queue.Delete(queue=name))
        wire.until(commands.Queue.DeleteOk)


TEN_YEARS_MS = 315_360_000_000
LARGEST = {
    "x-message-ttl": TEN_YEARS_MS,
    "x-expires": TEN_YEARS_MS,
    "x-max-length": 2**63 - 1,
    "x-delivery-limit": 2**63 - 1,
}


@pytest.mark.parametrize("argument", LARGEST)
def test_numbers_as_large_as_can_be(server: ServerProcess, argument: str) -> None:
    with connect(server) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = channel.queue_declare("", exclusive=True, arguments={argument: LARGEST[argument]}).method.queue
        channel.basic_publish("", queue, b"", pika.BasicProperties(expiration=str(TEN_YEARS_MS)))
        channel.basic_consume(queue, lambda *_: None, arguments={"x-priority": -(2**63)})


def test_a_client_that_never_reads_is_bounded_and_harms_nobody(server: ServerProcess, name: str) -> None:
    body, count = b"x" * 100_000, 1_000
    with connect(server) as connection, Wire(server).open() as wire:
        channel = connection.channel()
        channel.queue_declare(name)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.method(1, commands.Basic.Consume(queue=name, consumer_tag="deaf", no_ack=True, nowait=True))
        wire.method(1, commands.Basic.Qos(0, 5))
        wire.until(commands.Basic.QosOk)
        before = memory_bytes(server)
        channel.confirm_delivery()
        for _ in range(count):
            channel.basic_publish("", name, body)
        assert memory_bytes(server) - before < 64 * 1024 * 1024
        other = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_publish("", other, b"well")
        assert get(channel, other)[2] == b"well"
        wire.socket.close()
        until(lambda: channel.queue_declare(name, passive=True).method.consumer_count == 0)
        channel.queue_delete(name)


def test_a_backlog_is_not_sent_to_a_client_that_does_not_read(server: ServerProcess, name: str) -> None:
    body, count, sockets_bytes = b"x" * 100_000, 300, 8 * 1024 * 1024
    with connect(server) as connection, Wire(server).open() as wire:
        channel = connection.channel()
        channel.queue_declare(name)
        channel.confirm_delivery()
        for _ in range(count):
            channel.basic_publish("", name, body)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.method(1, commands.Basic.Consume(queue=name, consumer_tag="deaf", nowait=True))
        until(lambda: counts(channel, name)[0] < count)
        sent = count - counts(channel, name)[0]
        assert sent * len(body) <= OUTLET_BYTES + sockets_bytes
        wire.socket.close()
        until(lambda: counts(channel, name) == (count, 0))
        channel.queue_delete(name)


def memory_bytes(server: ServerProcess) -> int:
    """What the server's process holds in memory."""
    with open(f"/proc/{server.process_id}/statm") as found:
        return int(found.read().split()[1]) * 4096


def test_a_client_that_never_acknowledges_holds_what_it_may_and_harms_nobody(server: ServerProcess, name: str) -> None:
    with connect(server) as connection, Wire(server).open() as wire:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(name)
        wire.method(1, commands.Basic.Qos(0, 10, False))
        wire.method(1, commands.Basic.Consume(queue=name, consumer_tag="idle"))
        wire.until(commands.Basic.ConsumeOk)
        for number in range(30):
            channel.basic_publish("", name, b"%d" % number)
        for _ in range(10):
            wire.until(commands.Basic.Deliver)
        assert counts(channel, name) == (20, 1)
        assert [get(channel, name, auto_ack=True)[2] for _ in range(20)] == [b"%d" % number for number in range(10, 30)]
        wire.socket.close()
        assert [get(channel, name, auto_ack=True)[2] for _ in range(10)] == [b"%d" % number for number in range(10)]
        channel.queue_delete(name)
