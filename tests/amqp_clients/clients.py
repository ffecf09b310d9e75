"""pika clients of a server that a test started, and what tests ask of them again and again."""

import time
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from tools.server_process import ServerProcess

SECONDS = 10
POLL_SECONDS = 0.02


def parameters(server: ServerProcess, **more: Any) -> pika.ConnectionParameters:
    """Where the server is, and how long to wait for it."""
    given = {"blocked_connection_timeout": SECONDS, "socket_timeout": SECONDS, "heartbeat": 0} | more
    return pika.ConnectionParameters("127.0.0.1", int(server.amqp_port), **given)


def connect(server: ServerProcess, **more: Any) -> pika.BlockingConnection:
    """A blocking connection."""
    return pika.BlockingConnection(parameters(server, **more))


def until(found: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What `found` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(POLL_SECONDS)


def get(channel: BlockingChannel, queue: str, **more: Any) -> tuple[Any, Any, Any]:
    """basic.get that waits until there is something."""

    def got() -> tuple[Any, Any, Any] | None:
        answer: tuple[Any, Any, Any] = channel.basic_get(queue, **more)
        return answer if answer[0] is not None else None

    answer: tuple[Any, Any, Any] = until(got)
    return answer


def bodies(channel: BlockingChannel, queue: str) -> list[bytes]:
    """Everything that is ready, acknowledged."""
    found: list[bytes] = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return found
        found.append(body)


def counts(channel: BlockingChannel, queue: str) -> tuple[int, int]:
    """Ready messages and consumers."""
    method = channel.queue_declare(queue, passive=True).method
    return method.message_count, method.consumer_count


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    """The code and the text with which the channel or the connection is closed."""
    try:
        call()
    except AMQPError as error:
        return error.reply_code, error.reply_text
    raise AssertionError("it was not refused")
