"""AMQP: a queue with a million messages in it beside an empty one, on either server."""

from bench.amqp_load import ONCEMQ, RABBITMQ, Contender, Turn, contenders, rate
from bench.processes import MEGABYTE
from bench.report import Measured, table
from bench.scale import Scale
from bench.table import Row

SIZE = 1024
FILL_WINDOW = 20_000
MESSAGES = {ONCEMQ: 50_000, RABBITMQ: 12_000}
"""In a second, about: what a turn publishes and consumes."""
PATHS = {"publish": "publish and confirm", "consume": "consume, one ack each", "both": "both at once"}
AS_FAST = 0.9
"""From here on a ratio counts as 1: turns differ by as much."""

Found = dict[tuple[str, str], list[Turn]]
"""Path and queue → turns."""


def backlog(scale: Scale) -> Measured:
    """The three paths on both queues in turn; and the memory that the messages take."""
    ratios: dict[str, dict[str, float]] = {}
    memory: dict[str, float] = {}
    found: dict[str, Found] = {}
    with contenders() as servers:
        for name, server in servers.items():
            before = server.server.memory_bytes()
            server.publish("full", scale.backlog_messages, SIZE, FILL_WINDOW)
            memory[name] = (server.server.memory_bytes() - before) / MEGABYTE
        for _ in range(scale.short_turns):
            for name, server in servers.items():
                _paths(server, int(MESSAGES[name] * scale.short_seconds), found.setdefault(name, {}))
    for name, turns in found.items():
        ratios[name] = {path: rate(turns[path, "full"]) / rate(turns[path, "empty"]) for path in PATHS}
    held = f"{scale.backlog_messages:,} messages in the queue"
    rows = [
        Row(
            f"AMQP {held}: {path} beside an empty queue's",
            f"{rate(found[ONCEMQ][path, 'full']):,.0f}/s",
            f"{ratio:.2f}",
            "1",
            f"RabbitMQ {ratios[RABBITMQ][path]:.2f}",
            ratio >= AS_FAST,
        )
        for path, ratio in ratios[ONCEMQ].items()
    ]
    rows.append(Row("… memory", f"{memory[ONCEMQ]:.0f} MB more", "", "", f"RabbitMQ {memory[RABBITMQ]:.0f} MB", None))
    return Measured(rows, {"backlog": _table(found)})


def _paths(server: Contender, count: int, found: Found) -> None:
    for queue in ("empty", "full"):
        for path, took in (
            ("publish", server.publish(queue, count, SIZE)),
            ("consume", server.consume(queue, count)),
            ("both", server.both(queue, count, SIZE)),
        ):
            found.setdefault((path, queue), []).append(took)


def _table(found: dict[str, Found]) -> str:
    heads = ["", "OnceMQ, empty", "full", "ratio", "RabbitMQ, empty", "full", "ratio"]
    lines = []
    for path, title in PATHS.items():
        cells = [title]
        for name in (ONCEMQ, RABBITMQ):
            empty, full = (rate(found[name][path, queue]) for queue in ("empty", "full"))
            cells += [f"{empty:,.0f}/s", f"{full:,.0f}/s", f"{full / empty:.2f}"]
        lines.append(cells)
    return table(heads, lines)
