"""Scenarios: publishing, consuming, settling, confirms and transactions, done wrongly."""

from typing import Any

from pamqp.commands import Basic, Channel, Confirm, Tx

from tests.amqp_clients.comparison.topology import PUBLISH, queue
from tests.amqp_clients.comparison.transcript import QUEUE, Scenario, content

TO_QUEUE = Basic.Publish(exchange="", routing_key=QUEUE)
UNROUTED = Basic.Publish(exchange="", routing_key="diff-none", mandatory=True)


def consume(**fields: Any) -> Basic.Consume:
    """basic.consume under the tag "tag"."""
    return Basic.Consume(queue=QUEUE, consumer_tag="tag", **fields)


PROPERTIES: dict[str, dict[str, Any]] = {
    f"{name} {value!r}": {name: value}
    for name, values in {
        "expiration": ("soon", "-1", "", "5.5", " 5", "4294967296", "99999999999999999999", "0x10"),
        "user_id": ("anna", "", "guest"),
        "delivery_mode": (0, 3),
        "priority": (255,),
    }.items()
    for value in values
} | {
    "CC text": {"headers": {"CC": "diff"}},
    "CC numbers": {"headers": {"CC": [1, 2]}},
    "BCC text": {"headers": {"BCC": "diff"}},
}

SETTLED: dict[str, list[Any]] = {
    "ack": [Basic.Ack(7)],
    "ack multiple": [Basic.Ack(7, True)],
    "ack 0": [Basic.Ack(0)],
    "ack 0 multiple": [Basic.Ack(0, True)],
    "nack": [Basic.Nack(7)],
    "nack multiple": [Basic.Nack(7, True, True)],
    "reject": [Basic.Reject(7)],
    "large": [Basic.Ack(2**63 - 1)],
    "twice": [PUBLISH, Basic.Get(queue=QUEUE), Basic.Ack(1), Basic.Ack(1)],
    "below multiple": [PUBLISH, Basic.Get(queue=QUEUE), Basic.Ack(1, True), Basic.Ack(1, True)],
    "no-ack": [PUBLISH, Basic.Get(queue=QUEUE, no_ack=True), Basic.Ack(1)],
    "in a transaction": [Tx.Select(), Basic.Ack(7), Tx.Commit()],
}

CONSUMED: dict[str, list[Any]] = {
    "tag twice": [consume()],
    "tag twice, no wait": [consume(nowait=True)],
    "exclusive beside another": [Basic.Consume(queue=QUEUE, consumer_tag="other", exclusive=True)],
    "cancel twice": [Basic.Cancel("tag"), Basic.Cancel("tag")],
    "cancel unknown": [Basic.Cancel("none")],
    "cancel unknown, no wait": [Basic.Cancel("none", True)],
    "own cancel, then the tag again": [Basic.Cancel("tag"), consume()],
}

CONSUMER_ARGUMENTS: dict[str, dict[str, Any]] = {
    f"{name} {value!r}": {name: value}
    for name, value in (
        ("x-priority", "high"),
        ("x-priority", 1.5),
        ("x-priority", True),
        ("x-priority", 5),
        ("x-unknown", 5),
        ("x-cancel-on-ha-failover", "yes"),
        ("x-stream-offset", "first"),
    )
}

CHANNELS: dict[str, list[Any]] = {
    "tx.commit": [Tx.Commit()],
    "tx.rollback": [Tx.Rollback()],
    "confirm, then tx": [Confirm.Select(), Tx.Select()],
    "tx, then confirm": [Tx.Select(), Confirm.Select()],
    "confirm twice": [Confirm.Select(), Confirm.Select()],
    "tx twice": [Tx.Select(), Tx.Select()],
    "tx: publish to nowhere": [
        Tx.Select(),
        content(Basic.Publish(exchange="diff-none", routing_key="")),
        Tx.Commit(),
    ],
    "tx: mandatory": [Tx.Select(), content(UNROUTED), Tx.Commit()],
    "confirm: mandatory": [Confirm.Select(), content(UNROUTED)],
    "confirm: mandatory, empty": [Confirm.Select(), content(UNROUTED, b"")],
    "immediate": [content(Basic.Publish(exchange="", routing_key=QUEUE, immediate=True))],
    "immediate, empty": [content(Basic.Publish(exchange="", routing_key=QUEUE, immediate=True), b"")],
    "prefetch size": [Basic.Qos(5, 0)],
    "recover": [Basic.Recover(False)],
    "recover, requeue": [Basic.Recover(True)],
    "recover-async": [Basic.RecoverAsync(False)],
    "recover-async, requeue": [Basic.RecoverAsync(True)],
    "flow": [Channel.Flow(True)],
    "flow off": [Channel.Flow(False)],
    "get": [PUBLISH, Basic.Get(queue=QUEUE), Basic.Get(queue=QUEUE)],
    "reply-to without a consumer": [content(Basic.Publish(exchange="", routing_key="amq.rabbitmq.reply-to"))],
    "reply-to as reply": [content(TO_QUEUE, reply_to="amq.rabbitmq.reply-to")],
    "reply-to with acknowledgement": [Basic.Consume(queue="amq.rabbitmq.reply-to", consumer_tag="r")],
    "reply-to twice": [
        Basic.Consume(queue="amq.rabbitmq.reply-to", consumer_tag="r", no_ack=True),
        Basic.Consume(queue="amq.rabbitmq.reply-to", consumer_tag="s", no_ack=True),
    ],
    "reply-to got": [Basic.Get(queue="amq.rabbitmq.reply-to")],
    "reply-to passive": [queue("amq.rabbitmq.reply-to", passive=True)],
    "reply-to of nobody": [queue("amq.rabbitmq.reply-to.none", passive=True)],
    "publish to a reply-to of nobody": [
        content(Basic.Publish(exchange="", routing_key="amq.rabbitmq.reply-to.none", mandatory=True))
    ],
}

MESSAGES: dict[str, Scenario] = (
    {f"property: {what}": Scenario([content(TO_QUEUE, **given)], [queue()]) for what, given in PROPERTIES.items()}
    | {f"settled: {what}": Scenario(script, [queue()]) for what, script in SETTLED.items()}
    | {
        f"consumed: {what}": Scenario(script, [queue(), consume()], stepwise=not what.endswith("no wait"))
        for what, script in CONSUMED.items()
    }
    | {
        "consumed: beside an exclusive one": Scenario(
            [Basic.Consume(queue=QUEUE, consumer_tag="other")], [queue(), consume(exclusive=True)]
        ),
        "consumed: with a single active consumer": Scenario(
            [consume(exclusive=True)], [queue(arguments={"x-single-active-consumer": True})], stepwise=True
        ),
        "consumed: get beside an exclusive one": Scenario([Basic.Get(queue=QUEUE)], [queue(), consume(exclusive=True)]),
        "consumed: get of another beside an exclusive one": Scenario(
            [Basic.Get(queue=QUEUE)], elsewhere=[queue(), consume(exclusive=True)]
        ),
    }
    | {
        f"consumer argument: {what}": Scenario([consume(arguments=given)], [queue()], stepwise=True)
        for what, given in CONSUMER_ARGUMENTS.items()
    }
    | {f"channel: {what}": Scenario(script, [queue()]) for what, script in CHANNELS.items()}
)
