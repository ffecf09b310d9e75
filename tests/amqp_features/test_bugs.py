"""A bug in showing one output costs the connection that it is for; the others get theirs."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pika.exceptions import ConnectionClosedByBroker

from tests.amqp_clients.clients import connect, counts, until
from tests.amqp_features.stumbling import STUMBLING_BLOCK
from tools.server_process import ServerProcess

PUBLISHERS = 8


@pytest.fixture
def stumbling(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a planted bug."""
    command = (sys.executable, "-m", "tests.amqp_features.stumbling")
    running = ServerProcess(tmp_path / "data", command=command, amqp_port=0).start()
    yield running
    assert running.stop() == 0


def _consuming(server: ServerProcess, queue: str) -> tuple[Any, list[bytes]]:
    """A connection with a consumer, and what it is sent."""
    connection = connect(server)
    channel, found = connection.channel(), []
    channel.basic_consume(queue, lambda _, __, ___, body: found.append(body))
    return connection, found


def _closed(connection: Any) -> int:
    """The code with which the server closes the connection."""
    with pytest.raises(ConnectionClosedByBroker) as closed:
        until(lambda: connection.process_data_events(0.05))
    code: int = closed.value.reply_code
    return code


def test_a_delivery_that_cannot_be_shown_costs_its_connection(stumbling: ServerProcess) -> None:
    with connect(stumbling) as watching:
        channel = watching.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True)
        unlucky, found = _consuming(stumbling, "q")
        channel.basic_publish("", "q", b"before")
        until(lambda: unlucky.process_data_events(0.02) or found == [b"before"])
        channel.basic_publish("", "q", STUMBLING_BLOCK.encode())
        assert _closed(unlucky) == 541
        until(lambda: counts(channel, "q") == (2, 0))
        first = channel.basic_get("q")
        assert (first[2], first[0].redelivered) == (b"before", True)
        assert "a planted bug" in stumbling.log.read_text()


def test_others_of_the_batch_get_their_answers(stumbling: ServerProcess) -> None:
    with connect(stumbling) as watching:
        channel = watching.channel()
        for number in range(PUBLISHERS):
            channel.queue_declare(f"q{number}", durable=True)
        unlucky = [_consuming(stumbling, f"q{number}")[0] for number in range(PUBLISHERS)]
        threads = [threading.Thread(target=_publish, args=(stumbling, f"q{number}")) for number in range(PUBLISHERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads), "every publish is confirmed"
        assert [_closed(connection) for connection in unlucky] == [541] * PUBLISHERS
        until(lambda: all(counts(channel, f"q{number}") == (2, 0) for number in range(PUBLISHERS)))


def _publish(server: ServerProcess, queue: str) -> None:
    with connect(server) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in (STUMBLING_BLOCK.encode(), b"m"):
            channel.basic_publish("", queue, body)


def test_an_answer_that_cannot_be_shown_costs_its_connection(stumbling: ServerProcess) -> None:
    unlucky = connect(stumbling)
    with pytest.raises(ConnectionClosedByBroker) as closed:
        unlucky.channel().queue_declare(STUMBLING_BLOCK)
    assert closed.value.reply_code == 541
    with connect(stumbling) as other:
        other.channel().queue_declare("q")
