"""SIGTERM: what is in flight is answered, nobody is waited for for long, and the exit status is 0."""

import time
from pathlib import Path

import pytest

from tests.net.conftest import OPEN
from tests.net.wire import Wire, request
from tools.server_process import ServerProcess


@pytest.fixture
def ending(tmp_path: Path) -> ServerProcess:
    """A server for the test to stop."""
    return ServerProcess(tmp_path / "data", *OPEN, "--drain-seconds", "2").start()


def test_waiting_receives_are_answered_and_connections_closed(ending: ServerProcess) -> None:
    with Wire(ending.port) as wire, Wire(ending.port) as waiting, Wire(ending.port) as silent:
        queue = wire.ask("CreateQueue", {"QueueName": "empty"}).json["QueueUrl"]
        waiting.send(request("ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": 20}))
        wire.ask("ListQueues", {})  # the receive was read before
        began = time.monotonic()
        assert ending.stop() == 0
        assert time.monotonic() - began < 2
        answer = waiting.answer()
        assert (answer.status, answer.json.get("Messages")) == (200, None)
        assert waiting.closed() and silent.closed()
    assert "Traceback" not in ending.log.read_text()


def test_sends_in_flight_are_answered_and_kept(ending: ServerProcess) -> None:
    number = 200
    with Wire(ending.port) as wire, Wire(ending.port) as other:
        queue = wire.ask("CreateQueue", {"QueueName": "q"}).json["QueueUrl"]
        wire.send(request("SendMessage", {"QueueUrl": queue, "MessageBody": "m"}) * number)
        other.ask("ListQueues", {})  # some of them are under way
        assert ending.stop() == 0
        answered = 0
        try:
            while wire.answer().status == 200:
                answered += 1
        except (AssertionError, ConnectionResetError):
            pass
    ending.start()
    with Wire(ending.port) as wire:
        names = ["ApproximateNumberOfMessages"]
        found = wire.ask("GetQueueAttributes", {"QueueUrl": queue, "AttributeNames": names}).json["Attributes"]
        assert answered <= int(found[names[0]]) <= number
        assert answered > 0
    assert ending.stop() == 0


@pytest.mark.parametrize("begun", [b"", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"])
def test_nobody_can_keep_a_server_from_ending(ending: ServerProcess, begun: bytes) -> None:
    body = "x" * 1_000_000
    with Wire(ending.port) as wire, Wire(ending.port) as deaf:
        queue = wire.ask("CreateQueue", {"QueueName": "q"}).json["QueueUrl"]
        for _ in range(5):
            wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": body})
        deaf.send(request("ReceiveMessage", {"QueueUrl": queue, "MaxNumberOfMessages": 10}) + begun)
        wire.ask("ListQueues", {})
        began = time.monotonic()
        assert ending.stop() == 0
        assert time.monotonic() - began < 10
