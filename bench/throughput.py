"""How fast: contenders in turn, several times, each figure the median of its turns."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import wrk
from bench.client import Client
from bench.processes import Process, limit, moto, oncemq
from bench.signing import signed_requests
from bench.table import Row

BODY_BYTES = 256


def sends(turns: int, seconds: float) -> list[Row]:
    """SendMessage against the limit, against moto, and with signatures verified."""
    with tempfile.TemporaryDirectory() as folder, oncemq(f"{folder}/open") as server, limit() as bare, moto() as peer:
        contenders: dict[str, Callable[[], wrk.Load]] = {
            "limit": lambda: _send(bare.url, f"{bare.url}/000000000000/bench", 1, seconds),
            "oncemq": lambda: _send(server.url, queue, 1, seconds),
            "moto": lambda: _send(peer.url, peer_queue, 1, seconds, connections=8),
        }
        queue = Client(server.url).create_queue("bench")
        peer_queue = Client(peer.url).create_queue("bench")
        loads = in_turn(contenders, turns)
    figures = {name: wrk.median(each) for name, each in loads.items()}
    of_limit, of_moto = figures["oncemq"] / figures["limit"], figures["oncemq"] / figures["moto"]
    beside = f"limit {figures['limit']:,.0f}/s, moto {figures['moto']:,.0f}/s"
    return [
        Row(
            "SendMessage, open mode",
            f"{figures['oncemq']:,.0f}/s",
            f"{of_limit:.2f} of the limit",
            "0.60",
            beside,
            of_limit >= 0.6,
        ),
        Row("", "", f"{of_moto:,.0f} times moto", "100", "", of_moto >= 100),
    ]


def verified(turns: int, seconds: float) -> list[Row]:
    """The same signed requests to a server that verifies them and to one that does not."""
    with (
        tempfile.TemporaryDirectory() as folder,
        oncemq(f"{folder}/open") as trusting,
        oncemq(f"{folder}/verify", "--sqs-auth", "verify") as checking,
    ):
        contenders = {}
        for name, server in (("open", trusting), ("verify", checking)):
            file = Path(folder) / f"{name}.requests"
            file.write_bytes(signed_requests(server.url, BODY_BYTES))
            contenders[name] = _raw(server, file, seconds)
        loads = in_turn(contenders, turns)
    figures = {name: wrk.median(each) for name, each in loads.items()}
    ratio = figures["verify"] / figures["open"]
    beside = f"open mode, same requests: {figures['open']:,.0f}/s"
    verified_rate = f"{figures['verify']:,.0f}/s"
    return [
        Row(
            "SendMessage, signatures verified", verified_rate, f"{ratio:.2f} of open mode", "0.80", beside, ratio >= 0.8
        )
    ]


def _raw(server: Process, file: Path, seconds: float) -> Callable[[], wrk.Load]:
    return lambda: wrk.run("raw.lua", server.url, file, seconds=seconds)


def batches(turns: int, seconds: float) -> list[Row]:
    """SendMessageBatch of 10."""
    with tempfile.TemporaryDirectory() as folder, oncemq(folder) as server:
        queue = Client(server.url).create_queue("bench")
        loads = in_turn({"batch": lambda: _send(server.url, queue, 10, seconds)}, turns)
    rate = wrk.median(loads["batch"])
    return [Row("SendMessageBatch of 10", f"{rate:,.0f} messages/s", "", "40,000", "", rate >= 40_000)]


def receives(turns: int, seconds: float) -> list[Row]:
    """Receive and delete, singly and in batches of 10, from a queue that is filled before."""
    rows = []
    for size, target in ((1, 4_000), (10, 30_000)):
        with tempfile.TemporaryDirectory() as folder, oncemq(folder) as server:
            queue = Client(server.url).create_queue("bench")
            loads = []
            for _ in range(turns):
                fill(server.url, queue, BODY_BYTES, 120_000 if size == 1 else 400_000)
                loads.append(wrk.run("receive.lua", server.url, queue, size, seconds=seconds))
                left = int(depth(server.url, "bench"))
                assert left > 0, "the queue ran empty: the figure would count empty receives"
        rate = wrk.median(loads)
        name = "receive and delete, singly" if size == 1 else "receive and delete, in batches of 10"
        rows.append(Row(name, f"{rate:,.0f} messages/s", "", f"{target:,}", "", rate >= target))
    return rows


def in_turn(contenders: dict[str, Callable[[], wrk.Load]], turns: int) -> dict[str, list[wrk.Load]]:
    """Each contender once a turn, in the same order."""
    loads: dict[str, list[wrk.Load]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, turn in contenders.items():
            loads[name].append(turn())
    return loads


def fill(url: str, queue: str, body_bytes: int, least: int) -> None:
    """Have at least that many messages in the queue."""
    name = queue.rsplit("/", 1)[1]
    while int(depth(url, name)) < least:
        _send(url, queue, 10, 2, body_bytes=body_bytes)


def depth(url: str, name: str) -> str:
    """Messages that are ready in the queue."""
    answer = Client(url).ask(
        "GetQueueAttributes", QueueUrl=f"{url}/000000000000/{name}", AttributeNames=["ApproximateNumberOfMessages"]
    )
    found: str = answer["Attributes"]["ApproximateNumberOfMessages"]
    return found


def _send(
    url: str,
    queue: str,
    messages: int,
    seconds: float,
    connections: int = wrk.CONNECTIONS,
    body_bytes: int = BODY_BYTES,
) -> wrk.Load:
    return wrk.run("send.lua", url, queue, body_bytes, messages, seconds=seconds, connections=connections)
