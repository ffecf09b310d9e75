"""AMQP: how speed goes with the number of queues, bindings, consumers, and memory with the number of connections."""

import subprocess
import time
from collections.abc import Callable

from pika.adapters.blocking_connection import BlockingChannel

from bench.amqp_load import ONCEMQ, RABBITMQ, Contender, Turn, contenders, cost, in_turn, rate
from bench.processes import MEGABYTE
from bench.report import Measured, table
from bench.scale import Scale
from bench.table import Row

SIZE = 1024
QUEUES = (1, 10, 100)
BINDINGS = (1, 10, 100, 1_000)
CONSUMERS = (1, 10, 100)
PREFETCH_OF_MANY = 100
KEYS = 1_000
"""Routing keys in use, whatever the number of bindings."""
CONSUMED_MESSAGES = {ONCEMQ: 60_000, RABBITMQ: 24_000}
"""In a second, about: what lies ready for the consumers of a turn."""
SETTLE_SECONDS = 2.0
MEMORY_MEGABYTES = 60

Points = dict[int, dict[str, list[Turn]]]
"""Number of queues, bindings or consumers → server → turns."""


def fan_out(scale: Scale) -> Measured:
    """Publish and confirm through a fanout exchange to so many queues."""

    def turn(number: int) -> Callable[[Contender], Turn]:
        def measured(server: Contender) -> Turn:
            with server.channel() as channel:
                channel.exchange_declare("fan", "fanout", durable=True)
                for each in range(number):
                    channel.queue_declare(f"fan-{each}", durable=True)
                    channel.queue_bind(f"fan-{each}", "fan")
            took = server.publish_for(scale.short_seconds, SIZE, exchange="fan")
            _delete(server, "fan", [f"fan-{each}" for each in range(number)])
            return took

        return measured

    points = _measure(scale, QUEUES, turn)
    heads = ["queues", *_heads("publishes"), "CPU a queue: OnceMQ", "RabbitMQ"]
    lines = []
    for number, turns in points.items():
        a_queue = [f"{cost(turns[name]) / number:.1f} µs" for name in (ONCEMQ, RABBITMQ)]
        lines.append([f"{number:,}", *_cells(turns), *a_queue])
    row = _row("AMQP fan-out to 100 queues, publishes", points)
    return Measured([row], {"fan-out": table(heads, lines)})


def bindings(scale: Scale) -> Measured:
    """Publish and confirm through a topic exchange with so many bindings, of which one matches."""

    def turn(number: int) -> Callable[[Contender], Turn]:
        def measured(server: Contender) -> Turn:
            with server.channel() as channel:
                channel.exchange_declare("topic", "topic", durable=True)
                channel.queue_declare("topic", durable=True)
                for each in range(number):
                    channel.queue_bind("topic", "topic", f"shop.{each}.*")
            options = {"exchange": "topic", "key": "shop.%ld.order-%ld", "spread": number, "keys": KEYS}
            took = server.publish_for(scale.short_seconds, SIZE, **options)
            _delete(server, "topic", ["topic"])
            return took

        return measured

    points = _measure(scale, BINDINGS, turn)
    lines = [[f"{number:,}", *_cells(turns)] for number, turns in points.items()]
    row = _row("AMQP topic exchange with 1,000 bindings", points)
    return Measured([row], {"bindings": table(["bindings", *_heads("publishes")], lines)})


def consumers(scale: Scale) -> Measured:
    """Consume with one ack each, by so many connections with a consumer each on one queue."""

    def turn(number: int) -> Callable[[Contender], Turn]:
        def measured(server: Contender) -> Turn:
            count = int(CONSUMED_MESSAGES[server.name] * scale.short_seconds)
            server.publish("consumed", count, SIZE)
            took = server.consume_by("consumed", count, PREFETCH_OF_MANY, number, 1)
            _delete(server, "", ["consumed"])
            return took

        return measured

    points = _measure(scale, CONSUMERS, turn)
    lines = [[f"{number:,}", *_cells(turns)] for number, turns in points.items()]
    row = _row("AMQP 100 consumers on a queue", points)
    return Measured([row], {"consumers": table(["consumers", *_heads("deliveries")], lines)})


def connections(scale: Scale) -> Measured:
    """Memory of connections with a channel and a consumer each, above that at rest."""
    more = {}
    with contenders() as servers:
        for name, server in servers.items():
            with server.channel() as channel:
                channel.queue_declare("idle", durable=True)
            time.sleep(SETTLE_SECONDS)
            before = server.server.memory_bytes()
            idle = server.command("amqp_turns", "idle", "idle", scale.connections)
            with subprocess.Popen(idle, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
                assert clients.stdin is not None and clients.stdout is not None
                if clients.stdout.readline().strip() != "open":
                    raise RuntimeError(f"{scale.connections} connections: {' '.join(idle)} failed")
                time.sleep(SETTLE_SECONDS)
                more[name] = (server.server.memory_bytes() - before) / MEGABYTE
                clients.stdin.close()
    what = f"AMQP {scale.connections:,} connections with a channel and a consumer each"
    beside = f"RabbitMQ {more[RABBITMQ]:.0f} MB"
    figure, reached = f"{more[ONCEMQ]:.0f} MB more", more[ONCEMQ] < MEMORY_MEGABYTES
    return Measured([Row(what, figure, "", f"{MEMORY_MEGABYTES} MB", beside, reached)])


def _measure(scale: Scale, numbers: tuple[int, ...], turn: Callable[[int], Callable[[Contender], Turn]]) -> Points:
    with contenders() as servers:
        return {number: in_turn(servers, scale.short_turns, turn(number)) for number in numbers}


def _delete(server: Contender, exchange: str, queues: list[str]) -> None:
    with server.channel() as channel:
        delete(channel, exchange, queues)


def delete(channel: BlockingChannel, exchange: str, queues: list[str]) -> None:
    """What a turn declared."""
    if exchange:
        channel.exchange_delete(exchange)
    for queue in queues:
        channel.queue_delete(queue)


def _heads(what: str) -> list[str]:
    return [f"OnceMQ, {what}/s", "RabbitMQ", "times", "CPU of each: OnceMQ", "RabbitMQ"]


def _cells(turns: dict[str, list[Turn]]) -> list[str]:
    own, peer = rate(turns[ONCEMQ]), rate(turns[RABBITMQ])
    costs = [f"{cost(turns[name]):.1f} µs" for name in (ONCEMQ, RABBITMQ)]
    return [f"{own:,.0f}", f"{peer:,.0f}", f"{own / peer:.1f}", *costs]


def _row(what: str, points: Points) -> Row:
    """The figure at the curve's end; reached when no point of it is below RabbitMQ's."""
    last = list(points.values())[-1]
    times = [rate(turns[ONCEMQ]) / rate(turns[RABBITMQ]) for turns in points.values()]
    ratio = f"{times[-1]:.1f} times RabbitMQ, {min(times):.1f} where it is least"
    beside = f"RabbitMQ {rate(last[RABBITMQ]):,.0f}/s"
    return Row(what, f"{rate(last[ONCEMQ]):,.0f}/s", ratio, "1", beside, min(times) >= 1)
