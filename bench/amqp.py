"""AMQP: publish and confirm, consume, both at once, latency; in turn with RabbitMQ and with the limit, in one run."""

import re
import statistics

from bench import amqp_load
from bench.amqp_load import LIMIT, ONCEMQ, RABBITMQ, Contender, Turn, contenders, cost, rate
from bench.processes import amqp_limit
from bench.report import Measured, table
from bench.scale import Scale
from bench.table import Row

LATENCY = re.compile(r"p50 ([\d.]+) .* p99 ([\d.]+) ")
SIZES = {1024: "1 KiB", 100: "100 bytes"}
PATHS = {"publish": "publish and confirm", "consume": "consume, one ack each", "both": "both at once"}
FIRST_MESSAGES = {ONCEMQ: 60_000, RABBITMQ: 20_000, LIMIT: 120_000}
"""Of the turn that says how many make a turn as long as it should be."""
SPARE = 1.1
TIMES_RABBITMQ, OF_LIMIT = 8, 0.5
LATENCY_OF_RABBITMQ = 0.5
RATE = 5_000

Found = dict[tuple[str, str, int], list[Turn]]
"""Path, server and size → turns."""


def throughput(scale: Scale) -> Measured:
    """The three paths at two sizes, and the time on a core that a message costs in each."""
    found: Found = {}
    with contenders() as servers:
        for size in SIZES:
            counts: dict[str, dict[str, int]] = {}
            for turn in range(scale.amqp_turns):
                for name in (LIMIT, ONCEMQ, RABBITMQ):
                    if name == LIMIT:  # a new one each time: it keeps all that it ever wrote
                        with amqp_limit() as bare:
                            programs = servers[ONCEMQ].programs
                            _paths(Contender(LIMIT, int(bare.url), bare, programs), size, turn, scale, counts, found)
                    else:
                        _paths(servers[name], size, turn, scale, counts, found)
    rows = [row for size in SIZES for path in PATHS for row in _rows(path, size, found)]
    return Measured(rows, {"throughput": _table(found)})


def _paths(
    server: Contender, size: int, turn: int, scale: Scale, counts: dict[str, dict[str, int]], found: Found
) -> None:
    if server.name not in counts:
        counts[server.name] = _messages(server, size, scale.seconds)
    count, queue = counts[server.name], f"bench-{size}-{turn}"
    for path, took in (
        ("publish", server.publish(queue, count["publish"], size)),
        ("consume", server.consume(queue, count["publish"])),
        ("both", server.both(queue, count["both"], size)),
    ):
        found.setdefault((path, server.name, size), []).append(took)


def _messages(server: Contender, size: int, seconds: float) -> dict[str, int]:
    """How many messages make a turn of that time. As many are published as consuming needs."""
    first, queue = FIRST_MESSAGES[server.name], f"first-{size}"
    publish = server.publish(queue, first, size).per_second
    consume = server.consume(queue, first).per_second
    both = server.both(queue, first, size).per_second
    return {"publish": int(max(publish, consume) * seconds * SPARE), "both": int(both * seconds * SPARE)}


def _rows(path: str, size: int, found: Found) -> list[Row]:
    turns = {name: found[path, name, size] for name in (ONCEMQ, RABBITMQ, LIMIT)}
    own, peer, bare = (rate(each) for each in turns.values())
    ratio = f"{own / peer:.1f} times RabbitMQ, {own / bare:.2f} of the limit"
    beside = f"RabbitMQ {peer:,.0f}/s, limit {bare:,.0f}/s"
    target = f"{TIMES_RABBITMQ}, {OF_LIMIT:.2f}"
    reached = own / peer >= TIMES_RABBITMQ and own / bare >= OF_LIMIT
    own_us, peer_us, bare_us = (cost(each) for each in turns.values())
    return [
        Row(f"AMQP {PATHS[path]}, {SIZES[size]}", f"{own:,.0f}/s", ratio, target, beside, reached),
        Row(
            "… CPU a message",
            f"{own_us:.1f} µs",
            f"{own_us / peer_us:.2f} of RabbitMQ's",
            "",
            f"RabbitMQ {peer_us:.1f} µs, limit {bare_us:.1f} µs",
            None,
        ),
    ]


def _table(found: Found) -> str:
    heads = ["", "size", "OnceMQ", "RabbitMQ", "limit", "CPU: OnceMQ", "RabbitMQ", "limit"]
    lines = []
    for size, shown in SIZES.items():
        for path, title in PATHS.items():
            turns = [found[path, name, size] for name in (ONCEMQ, RABBITMQ, LIMIT)]
            rates, costs = [f"{rate(each):,.0f}/s" for each in turns], [f"{cost(each):.1f} µs" for each in turns]
            lines.append([title, shown, *rates, *costs])
    return table(heads, lines)


def latency(scale: Scale) -> Measured:
    """From publish to delivery at 5,000 messages a second."""
    found: dict[str, list[tuple[float, float]]] = {}
    with contenders() as servers:
        for turn in range(scale.amqp_turns):
            for name, server in servers.items():
                load = (f"latency-{turn}", scale.latency_messages, 1024, RATE)
                found.setdefault(name, []).append(_percentiles(server.command("amqp_load", "latency", *load)))
    rows = []
    for at, percentile in enumerate(("p50", "p99")):
        median = {name: statistics.median(each[at] for each in values) for name, values in found.items()}
        ratio = median[ONCEMQ] / median[RABBITMQ]
        what = f"AMQP latency at {RATE:,} messages/s, {percentile}"
        reached = ratio <= LATENCY_OF_RABBITMQ
        shown = f"{ratio:.2f} of RabbitMQ's"
        beside = f"RabbitMQ {median[RABBITMQ]:.2f} ms"
        rows.append(Row(what, f"{median[ONCEMQ]:.2f} ms", shown, f"{LATENCY_OF_RABBITMQ:.2f}", beside, reached))
    return Measured(rows)


def _percentiles(command: list[str]) -> tuple[float, float]:
    found = LATENCY.search(amqp_load.run(command))
    assert found is not None
    return float(found[1]), float(found[2])
