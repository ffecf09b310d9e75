"""AMQP: what each feature costs a message, in time on a core of the server."""

from collections.abc import Callable
from typing import Any

import msgspec
from pika.adapters.blocking_connection import BlockingChannel

from bench.amqp_load import ONCEMQ, PREFETCH, RABBITMQ, Contender, Turn, contenders, cost, in_turn
from bench.report import Measured, table
from bench.scale import Scale

SIZE = 1024
QUEUE, EXCHANGE = "feature", "feature-exchange"
CONSUMED_MESSAGES = {ONCEMQ: 50_000, RABBITMQ: 20_000}
"""In a second, about."""
CONSUMING = {"one ack each": 1, "one ack for ten": 10, "without acknowledgements": 0}


class Feature(msgspec.Struct):
    """A way to publish. `options`: those of amqp_turns.c. `exchange`: its type, and the arguments of its binding."""

    title: str
    options: dict[str, object] = {}
    arguments: dict[str, Any] = {}
    durable: bool = True
    exchange: tuple[str, str, dict[str, Any]] | None = None
    only_oncemq: bool = False


PLAIN = Feature("plain: persistent, confirmed, default exchange")
FEATURES = [
    PLAIN,
    Feature("transient message, durable queue", {"persistent": 0}),
    Feature("transient message, transient queue", {"persistent": 0}, durable=False),
    Feature("mandatory", {"mandatory": 1}),
    Feature("expiration of a minute", {"expiration": 60_000}),
    Feature("queue with a TTL of a minute", arguments={"x-message-ttl": 60_000}),
    Feature("full queue, x-max-length 1,000: one dropped for each", arguments={"x-max-length": 1_000}),
    Feature("priority queue, ten priorities", {"priority": 9}, {"x-max-priority": 10}),
    Feature(
        "deduplication header",
        {"deduplication": 1},
        {"x-message-deduplication": True},
        only_oncemq=True,
    ),
    Feature("direct exchange", {"exchange": EXCHANGE, "key": "k"}, exchange=("direct", "k", {})),
    Feature("topic exchange", {"exchange": EXCHANGE, "key": "shop.7.new"}, exchange=("topic", "shop.*.new", {})),
    Feature(
        "headers exchange, two headers matched",
        {"exchange": EXCHANGE, "headers": 1},
        exchange=("headers", "", {"x-match": "all", "kind": "order", "area": "north"}),
    ),
    Feature("two headers, default exchange", {"headers": 1}),
    Feature("one header, another value each time", {"deduplication": 1}),
    Feature(
        "topic exchange, another routing key each time",
        {"exchange": EXCHANGE, "key": "shop.%ld.order-%ld", "keys": 1_000_000},
        exchange=("topic", "shop.*.*", {}),
    ),
    Feature("tx of ten, instead of confirms", {"transaction": 10}),
]


def features(scale: Scale) -> Measured:
    """A turn of each way to publish, then of each way to consume; as often as the scale says."""
    published: dict[str, dict[str, list[Turn]]] = {}
    consumed: dict[str, dict[str, list[Turn]]] = {}
    with contenders() as servers:
        for _ in range(scale.short_turns):
            for feature in FEATURES:
                _add(published, feature.title, in_turn(servers, 1, _publishing(feature, scale.short_seconds)))
            for title, ack_every in CONSUMING.items():
                _add(consumed, title, in_turn(servers, 1, _consuming(ack_every, scale.short_seconds)))
    plain, plain_consumed = published[PLAIN.title], consumed[next(iter(CONSUMING))]
    return Measured([], {"features": _table(published, plain), "consuming": _table(consumed, plain_consumed)})


def _add(found: dict[str, dict[str, list[Turn]]], title: str, turns: dict[str, list[Turn]]) -> None:
    for name, each in turns.items():
        found.setdefault(title, {}).setdefault(name, []).extend(each)


def _publishing(feature: Feature, seconds: float) -> Callable[[Contender], Turn | None]:
    def turn(server: Contender) -> Turn | None:
        if feature.only_oncemq and server.name != ONCEMQ:
            return None
        with server.channel() as channel:
            _declare(channel, feature)
        took = server.publish_for(seconds, SIZE, **{"key": QUEUE, **feature.options})
        with server.channel() as channel:
            channel.queue_delete(QUEUE)
            channel.exchange_delete(EXCHANGE)
        return took

    return turn


def _declare(channel: BlockingChannel, feature: Feature) -> None:
    channel.queue_declare(QUEUE, durable=feature.durable, arguments=feature.arguments)
    if feature.exchange is not None:
        kind, key, arguments = feature.exchange
        channel.exchange_declare(EXCHANGE, kind, durable=True)
        channel.queue_bind(QUEUE, EXCHANGE, key, arguments)
    for _ in range(feature.arguments.get("x-max-length", 0)):  # full from the beginning
        channel.basic_publish("", QUEUE, b"x" * SIZE)


def _consuming(ack_every: int, seconds: float) -> Callable[[Contender], Turn]:
    def turn(server: Contender) -> Turn:
        count = int(CONSUMED_MESSAGES[server.name] * seconds)
        server.publish(QUEUE, count, SIZE)
        took = server.consume_by(QUEUE, count, PREFETCH, 1, ack_every)
        with server.channel() as channel:
            channel.queue_delete(QUEUE)
        return took

    return turn


def _table(found: dict[str, dict[str, list[Turn]]], plain: dict[str, list[Turn]]) -> str:
    lines = []
    for title, turns in found.items():
        cells = [title]
        for name in (ONCEMQ, RABBITMQ):
            if name not in turns:
                cells += ["", ""]
                continue
            own = cost(turns[name])
            more = own - cost(plain[name])
            cells += [f"{own:.1f} µs", "" if turns is plain else f"{more:+.1f}"]
        lines.append(cells)
    return table(["", "OnceMQ", "more", "RabbitMQ", "more"], lines)
