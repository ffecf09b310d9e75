"""One server process against the world: a second one, SIGTERM, a damaged journal, a kill and a start at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncemq.journal.batch import BLOCK_BYTES, HEADER_BYTES, decode_header
from tests.crash.process import ServerProcess, segments
from tests.crash.wire import Wire

RESTART_BUSY_SECONDS_MAX = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Serving, with one queue."""
    started = ServerProcess(tmp_path / "data")
    started.wait_ready()
    wire = Wire(started.port)
    wire.call("CreateQueue", QueueName="q")
    wire.close()
    yield started
    if started.process.poll() is None:
        started.kill()


def test_a_second_server_is_told_who_holds_the_folder(server: ServerProcess) -> None:
    second = ServerProcess(server.folder)
    assert second.wait_end() == 1
    assert f"is in use by process {server.process.pid}" in server.log()
    Wire(server.port).call("ListQueues")


def test_sigterm_answers_what_is_in_flight_and_exits_0(server: ServerProcess) -> None:
    answers: list[dict[str, Any]] = []
    wire = Wire(server.port)
    asking = threading.Thread(
        target=lambda: answers.append(wire.call("ReceiveMessage", QueueUrl="q", WaitTimeSeconds=20))
    )
    asking.start()
    _wait_parked(server, wire)
    assert server.terminate() == 0, server.log()
    asking.join(10)
    assert [answer.get("Messages", []) for answer in answers] == [[]]


def _wait_parked(server: ServerProcess, wire: Wire) -> None:
    """Until the server has read the long poll: answers of other connections come in the order of what they ask."""
    other = Wire(server.port)
    for _ in range(20):
        other.call("ListQueues")
    other.close()


def test_a_kill_and_a_start_at_once_serve_in_time(server: ServerProcess) -> None:
    Wire(server.port).call("SendMessage", QueueUrl="q", MessageBody="before")
    server.kill()
    again = ServerProcess(server.folder)
    try:
        again.wait_ready()
        assert again.busy_seconds() < RESTART_BUSY_SECONDS_MAX
        [message] = Wire(again.port).call("ReceiveMessage", QueueUrl="q")["Messages"]
        assert message["Body"] == "before"
    finally:
        again.kill()


def test_a_durable_batch_damaged_in_the_middle_is_named_and_nothing_is_served(server: ServerProcess) -> None:
    wire = Wire(server.port)
    for number in range(5):
        wire.call("SendMessage", QueueUrl="q", MessageBody=f"message {number}")
    server.kill()
    [segment] = segments(server.folder)
    content = bytearray(segment.read_bytes())
    headers = {at: decode_header(bytes(content[at : at + HEADER_BYTES])) for at in range(0, len(content), BLOCK_BYTES)}
    place, header = next((at, each) for at, each in headers.items() if each is not None and each.number == 4)
    content[place + HEADER_BYTES] ^= 1
    segment.write_bytes(content)
    again = ServerProcess(server.folder)
    assert again.wait_end() == 1
    said = server.log().splitlines()[-1]
    assert f"the journal is corrupt: {segment.name}, offset {place}, batch {header.number}" in said, said
    assert segment.read_bytes() == content, "a refused start changes nothing"
