"""How small: memory at rest, with a million messages, a million deduplication keys, idle long polls, idle queues."""

import socket
import tempfile
import time
from urllib.parse import urlsplit

from bench import wrk
from bench.client import Client
from bench.processes import MEGABYTE, Process, oncemq
from bench.table import Row
from bench.throughput import depth, fill

MESSAGES = 1_000_000
KEYS = 1_000_000
POLLS = 1_000
QUEUES = 10_000
SETTLE_SECONDS = 2.0


def at_rest() -> list[Row]:
    """An empty server."""
    with tempfile.TemporaryDirectory() as folder, oncemq(folder) as server:
        time.sleep(SETTLE_SECONDS)
        return [_memory_row("at rest", server.memory_bytes(), 60)]


def backlog(seconds: float, messages: int = MESSAGES) -> list[Row]:
    """A million messages of 1 KiB: memory, speed against an empty queue, and the time of a restart."""
    with tempfile.TemporaryDirectory() as folder:
        with oncemq(folder) as server:
            empty, full = (Client(server.url).create_queue(name) for name in ("empty", "full"))
            fill(server.url, full, 1024, messages)
            held = int(depth(server.url, "full"))
            memory = server.memory_bytes()
            send_ratio, receive_ratio = _speed_beside(server, empty, full, seconds)
            left = int(depth(server.url, "full"))
            server.stop(kill=True)
        began = time.monotonic()
        with oncemq(folder) as server:
            restart_seconds = time.monotonic() - began
            again = int(depth(server.url, "full"))
            # The kill came right after an answer, so nothing was open: exactly what was there is there.
            assert abs(again - left) <= wrk.CONNECTIONS * 10, (again, left)
            memory_after = server.memory_bytes()
    return [
        _memory_row(f"{held:,} messages of 1 KiB in one queue", memory, 250),
        Row("… sends beside an empty queue's", "", f"{send_ratio:.2f}", "1", "", send_ratio > 0.9),
        Row("… receives and deletes beside an empty queue's", "", f"{receive_ratio:.2f}", "1", "", receive_ratio > 0.9),
        Row("… kill -9 and restart to serving", f"{restart_seconds:.1f} s", "", "5 s", "", restart_seconds < 5),
        _memory_row("… after the restart", memory_after, 250),
    ]


def _speed_beside(server: Process, empty: str, full: str, seconds: float) -> tuple[float, float]:
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(3):
        for name, queue in (("empty", empty), ("full", full)):
            send = wrk.run("send.lua", server.url, queue, 1024, 1, seconds=seconds)
            rates.setdefault((name, "send"), []).append(send.per_second)
            receive = wrk.run("receive.lua", server.url, queue, 1, seconds=max(1, seconds / 3))
            rates.setdefault((name, "receive"), []).append(receive.per_second)
    medians = {key: sorted(each)[1] for key, each in rates.items()}
    return (
        medians["full", "send"] / medians["empty", "send"],
        medians["full", "receive"] / medians["empty", "receive"],
    )


def deduplication_keys(keys: int = KEYS) -> list[Row]:
    """A FIFO queue that remembers a million ids, its messages deleted again so that only the keys count."""
    with tempfile.TemporaryDirectory() as folder, oncemq(folder) as server:
        client = Client(server.url)
        window = {"oncemq.DeduplicationWindowSeconds": "86400"}
        queue = client.create_queue("keys.fifo", FifoQueue="true", **window)
        before = server.memory_bytes()
        for first in range(0, keys, 10):
            entries = [
                {
                    "Id": str(at),
                    "MessageBody": "x",
                    "MessageGroupId": "g",
                    "MessageDeduplicationId": f"key-{first + at}",
                }
                for at in range(10)
            ]
            client.ask("SendMessageBatch", QueueUrl=queue, Entries=entries)
            received = client.ask("ReceiveMessage", QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
            gone = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in received]
            client.ask("DeleteMessageBatch", QueueUrl=queue, Entries=gone)
        return [_memory_row(f"{keys:,} deduplication keys", server.memory_bytes() - before, 150, more=True)]


def long_polls(count: int = POLLS) -> list[Row]:
    """Idle long polls: memory and time on a core."""
    with tempfile.TemporaryDirectory() as folder, oncemq(folder) as server:
        queue = Client(server.url).create_queue("idle")
        time.sleep(SETTLE_SECONDS)
        before = server.memory_bytes()
        address = urlsplit(server.url)
        body = f'{{"QueueUrl":"{queue}","WaitTimeSeconds":20}}'.encode()
        request = (
            b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Type: application/x-amz-json-1.0\r\n"
            b"X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: %d\r\n\r\n%b"
            % (address.netloc.encode(), len(body), body)
        )
        sockets = [socket.create_connection((address.hostname, address.port)) for _ in range(count)]
        for each in sockets:
            each.sendall(request)
        time.sleep(SETTLE_SECONDS)
        used, began = server.cpu_seconds(), time.monotonic()
        time.sleep(10)
        share = (server.cpu_seconds() - used) / (time.monotonic() - began)
        memory = server.memory_bytes() - before
        for each in sockets:
            each.close()
    return [
        _memory_row(f"{count:,} idle long polls", memory, 60, more=True),
        Row("… of a core", f"{share * 100:.2f} %", "", "1 %", "", share < 0.01),
    ]


def idle_queues(seconds: float, count: int = QUEUES) -> list[Row]:
    """Idle queues: memory, and the speed of sends with and without them."""
    with tempfile.TemporaryDirectory() as folder, oncemq(f"{folder}/many") as many, oncemq(f"{folder}/one") as one:
        before = many.memory_bytes()
        client = Client(many.url)
        for number in range(count):
            client.ask("CreateQueue", QueueName=f"idle-{number}")
        queues = {server.url: Client(server.url).create_queue("bench") for server in (many, one)}
        time.sleep(SETTLE_SECONDS)
        memory = many.memory_bytes() - before
        rates: dict[str, list[float]] = {url: [] for url in queues}
        for _ in range(3):
            for url, queue in queues.items():
                rates[url].append(wrk.run("send.lua", url, queue, 256, 1, seconds=seconds).per_second)
    ratio = sorted(rates[many.url])[1] / sorted(rates[one.url])[1]
    return [
        _memory_row(f"{count:,} idle queues", memory, 100, more=True),
        Row("… sends beside a server with one queue", "", f"{ratio:.2f}", "1", "", ratio > 0.9),
    ]


def _memory_row(what: str, size_bytes: int, most_megabytes: int, *, more: bool = False) -> Row:
    figure = f"{size_bytes / MEGABYTE:.0f} MB{' more' if more else ''}"
    return Row(what, figure, "", f"{most_megabytes} MB", "", size_bytes < most_megabytes * MEGABYTE)
