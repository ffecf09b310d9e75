"""What a connection may do besides asking one thing after another."""

import socket
import threading
import time
from pathlib import Path

import pytest

from tests.net.hasty import IDLE_MS, REQUEST_MS
from tests.net.wire import Wire, request, wait_until
from tools.server_process import ServerProcess

STATM = Path("/proc/self/statm")
BODY = "x" * 1_000_000


def resident_bytes(server: ServerProcess) -> int:
    """Memory of the server's process."""
    with open(f"/proc/{server.process_id}/statm") as statm:
        return int(statm.read().split()[1]) * 4_096


def counts(wire: Wire, queue: str) -> tuple[int, int]:
    """Messages that are ready, and in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = wire.ask("GetQueueAttributes", {"QueueUrl": queue, "AttributeNames": names}).json["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def first_receive(wire: Wire, queue: str) -> str:
    """How often the one message was received, counting the receive that gets it now or, once it is back, soon."""
    members = {"QueueUrl": queue, "AttributeNames": ["ApproximateReceiveCount"]}
    (message,) = wait_until(lambda: wire.ask("ReceiveMessage", members).json.get("Messages"))
    count: str = message["Attributes"]["ApproximateReceiveCount"]
    return count


def say_and_go(server: ServerProcess, said: bytes) -> None:
    """Send something and close, so that the server sees both at once: there is no time for an answer between."""
    with Wire(server.port) as gone:
        if hasattr(socket, "TCP_CORK"):
            gone.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        gone.send(said)


def test_pipelined_requests_are_answered_in_order(server: ServerProcess, queue: str) -> None:
    number = 500
    with Wire(server.port) as wire:
        sends = [request("SendMessage", {"QueueUrl": queue, "MessageBody": f"m{n}"}) for n in range(number)]
        reads = [request("GetQueueUrl", {"QueueName": f"none{n}"}) for n in range(number)]
        wire.send(b"".join(part for pair in zip(sends, reads, strict=True) for part in pair))
        ids = set()
        for _ in range(number):
            sent, read = wire.answer(), wire.answer()
            assert (sent.status, read.status) == (200, 400)
            ids.add(sent.json["MessageId"])
        assert len(ids) == number
        assert counts(wire, queue) == (number, 0)


def test_a_waiting_receive_holds_back_what_was_pipelined_behind_it(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        wire.send(request("ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": 20}))
        wire.send(request("SendMessage", {"QueueUrl": queue, "MessageBody": "wakes it"}))
        assert wire.answer().json["Messages"][0]["Body"] == "wakes it"
        assert "MessageId" in wire.answer().json


def test_expect_100_continue(server: ServerProcess, queue: str) -> None:
    raw = request("SendMessage", {"QueueUrl": queue, "MessageBody": "m"}, "Expect: 100-continue")
    head, _, body = raw.partition(b"\r\n\r\n")
    with Wire(server.port) as wire:
        for _ in range(2):
            wire.send(head + b"\r\n\r\n")
            assert wire.answer().status == 100
            wire.send(body)
            assert wire.answer().status == 200
        wire.send(head.replace(b"100-continue", b"miracles") + b"\r\n\r\n")
        assert wire.answer().status == 417


def test_a_request_may_come_byte_by_byte(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("SendMessage", {"QueueUrl": queue, "MessageBody": "m"}):
            wire.send(bytes((byte,)))
        assert wire.answer().status == 200


def test_a_half_closed_connection_gets_its_answers_and_is_closed(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        wire.send(request("SendMessage", {"QueueUrl": queue, "MessageBody": "m"}) * 100)
        wire.socket.shutdown(socket.SHUT_WR)
        assert [wire.answer().status for _ in range(100)] == [200] * 100
        assert wire.closed()


def test_http_1_0_and_connection_close(server: ServerProcess) -> None:
    for head in (
        b"GET /?Action=ListQueues HTTP/1.0\r\n\r\n",
        b"GET /?Action=ListQueues HTTP/1.1\r\nConnection: close\r\n\r\n",
    ):
        with Wire(server.port) as wire:
            wire.send(head)
            assert wire.answer().status == 200
            assert wire.closed()


def test_a_client_gone_before_its_receive_was_answered_leaves_no_trace(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": BODY})
        for _ in range(20):
            say_and_go(server, request("ReceiveMessage", {"QueueUrl": queue, "VisibilityTimeout": 300}))
        assert first_receive(wire, queue) == "1"


def test_a_client_that_was_reset_while_it_waited_takes_no_message(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        for _ in range(20):
            with Wire(server.port) as gone:
                gone.send(request("ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": 20}))
                gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": "m"})
        assert first_receive(wire, queue) == "1"


def test_answers_behind_one_that_waits_give_their_leases_back(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire:
        empty = wire.ask("CreateQueue", {"QueueName": "always-empty"}).json["QueueUrl"]
        wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": "m"})
        with Wire(server.port) as gone:
            gone.send(request("ReceiveMessage", {"QueueUrl": empty, "WaitTimeSeconds": 20}))
            gone.send(request("ReceiveMessage", {"QueueUrl": queue}))
            wait_until(lambda: counts(wire, queue) == (0, 1))
        assert first_receive(wire, queue) == "1"


@pytest.mark.skipif(not STATM.exists(), reason="the memory of a process is read from /proc")
def test_a_client_that_never_reads_is_bounded_and_harms_nobody(server: ServerProcess, queue: str) -> None:
    with Wire(server.port) as wire, Wire(server.port) as deaf:
        for _ in range(10):
            wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": BODY})
        before = resident_bytes(server)
        wanted = request("ReceiveMessage", {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0})
        sender = threading.Thread(target=send_until_stuck, args=(deaf.socket, wanted * 500))
        sender.start()
        slowest, most = 0.0, 0
        for _ in range(30):
            began = time.monotonic()
            assert wire.ask("GetQueueUrl", {"QueueName": "none"}).status == 400
            slowest, most = max(slowest, time.monotonic() - began), max(most, resident_bytes(server))
        sender.join()
        # 16 pipelined answers (PIPELINED_REQUESTS) of 10 MB, each as contents and as the bytes to be written.
        assert most - before < 360 * 1024 * 1024, f"500 receives of 10 MB took {(most - before) >> 20} MiB"
        assert slowest < 5


def send_until_stuck(sock: socket.socket, data: bytes) -> None:
    """Until nothing more is taken for a second."""
    sock.settimeout(1)
    try:
        sock.sendall(data)
    except TimeoutError:
        return


@pytest.mark.parametrize(
    "begun",
    [
        b"P",
        b"POST / HTTP/1.1\r\nHost: a",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"GET /?Action=ListQueues HTTP/1.1\r\n\r\nGET /",
    ],
)
def test_a_request_that_stalls_is_given_up(hasty: ServerProcess, begun: bytes) -> None:
    with Wire(hasty.port) as wire:
        began = time.monotonic()
        wire.send(begun)
        assert wire.closed()
        assert REQUEST_MS / 1000 < time.monotonic() - began < 10


def test_a_request_that_dribbles_is_given_up(hasty: ServerProcess) -> None:
    with Wire(hasty.port) as wire:
        began = time.monotonic()
        wire.send(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")

        def refused_a_byte() -> bool:
            try:
                wire.send(b"x")
            except ConnectionError:
                return True
            return False

        wait_until(refused_a_byte)
        assert REQUEST_MS / 1000 < time.monotonic() - began < 10


def test_a_connection_that_says_nothing_is_closed_and_one_that_waits_is_not(hasty: ServerProcess) -> None:
    with Wire(hasty.port) as silent, Wire(hasty.port) as waiting:
        queue = waiting.ask("CreateQueue", {"QueueName": "empty"}).json["QueueUrl"]
        waiting.send(request("ReceiveMessage", {"QueueUrl": queue, "WaitTimeSeconds": 4}))
        began = time.monotonic()
        assert silent.closed()
        assert IDLE_MS / 1000 < time.monotonic() - began < 10
        assert waiting.answer().status == 200


def test_a_peer_that_reads_nothing_of_its_answer_is_given_up(hasty: ServerProcess) -> None:
    with Wire(hasty.port) as wire, Wire(hasty.port) as deaf:
        queue = wire.ask("CreateQueue", {"QueueName": "large"}).json["QueueUrl"]
        for _ in range(10):
            wire.ask("SendMessage", {"QueueUrl": queue, "MessageBody": BODY})
        deaf.send(request("ReceiveMessage", {"QueueUrl": queue, "MaxNumberOfMessages": 10}))
        wait_until(lambda: counted(hasty, queue) == (0, 10))
        wait_until(lambda: reset(deaf))


def counted(server: ServerProcess, queue: str) -> tuple[int, int]:
    """The counts, over a new connection: this server closes those that pause."""
    with Wire(server.port) as wire:
        return counts(wire, queue)


def reset(wire: Wire) -> bool:
    """Whether the server has let go of the connection, found out without reading."""
    try:
        wire.send(b"\r\n")
    except ConnectionError:
        return True
    return False
