"""Ten thousand connections that say nothing, a thousand that wait."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.net.wire import Wire, request
from tools.server_process import ServerProcess

SILENT = 10_000
WAITING = 1_000
SPARE = 500


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < SILENT + SPARE:
        pytest.skip(f"a process may have {hard} files open here, and {SILENT + SPARE} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, SILENT + SPARE), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_silent_connections_are_in_nobodys_way(server: ServerProcess, queue: str) -> None:
    with ExitStack() as stack, Wire(server.port) as wire:
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        began = time.monotonic()
        for number in range(100):
            assert wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": str(number)}).status == 200
            assert wire.ask("ReceiveMessage", {"QueueUrl": queue}).json["Messages"]
        assert time.monotonic() - began < 10
        with Wire(server.port) as late:
            assert late.ask("ListQueues", {}).status == 200


@pytest.mark.usefixtures("many_files")
def test_one_send_wakes_one_of_a_thousand_that_wait(server: ServerProcess, queue: str) -> None:
    wait = request("ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": 20})
    with ExitStack() as stack, Wire(server.port) as wire:
        waiting = [stack.enter_context(Wire(server.port)) for _ in range(WAITING)]
        for each in waiting:
            each.send(wait)
        wire.ask("ListQueues", {})  # by now all have been read: their bytes came before these
        for body in ("first", "second"):
            began = time.monotonic()
            wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": body})
            (message,) = waiting.pop(0).answer().json["Messages"]  # in turn
            assert message["Body"] == body
            assert time.monotonic() - began < 2
        assert answered(waiting) == []


def answered(waiting: list[Wire]) -> list[bytes]:
    """What came to those who still wait."""
    found = []
    for each in waiting:
        each.socket.setblocking(False)
        try:
            found.append(each.socket.recv(1))
        except BlockingIOError:
            continue
    return found
