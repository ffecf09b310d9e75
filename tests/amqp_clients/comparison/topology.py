"""Scenarios: queues, exchanges and bindings: declared otherwise, missing, in use, reserved, not one's own."""

from typing import Any

from pamqp import commands
from pamqp.commands import Basic, Exchange, Queue

from tests.amqp_clients.comparison.transcript import EXCHANGE, OTHER_EXCHANGE, OTHER_QUEUE, QUEUE, Scenario, content
from tests.amqp_clients.wire import raw_frame

NONE = "diff-none"
PUBLISH = content(Basic.Publish(exchange="", routing_key=QUEUE))


def queue(name: str = QUEUE, **fields: Any) -> Queue.Declare:
    """queue.declare"""
    return Queue.Declare(queue=name, **fields)


def exchange(name: str = EXCHANGE, kind: str = "direct", **fields: Any) -> Exchange.Declare:
    """exchange.declare"""
    return Exchange.Declare(exchange=name, exchange_type=kind, **fields)


def having(**arguments: Any) -> dict[str, Any]:
    """Arguments, whose names begin with x-."""
    return {"arguments": {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}}


MISSING: dict[str, list[Any]] = {
    "passive queue": [queue(NONE, passive=True)],
    "passive exchange": [exchange(NONE, passive=True)],
    "get": [Basic.Get(queue=NONE)],
    "consume": [Basic.Consume(queue=NONE)],
    "purge": [Queue.Purge(queue=NONE)],
    "delete queue": [Queue.Delete(queue=NONE)],
    "delete exchange": [Exchange.Delete(exchange=NONE)],
    "bind queue": [Queue.Bind(queue=NONE, exchange="amq.direct")],
    "bind both": [Queue.Bind(queue=NONE, exchange=NONE)],
    "unbind queue": [Queue.Unbind(queue=NONE, exchange="amq.direct")],
    "exchange bind source": [Exchange.Bind(destination="amq.direct", source=NONE)],
    "exchange bind destination": [Exchange.Bind(destination=NONE, source="amq.direct")],
    "exchange bind both": [Exchange.Bind(destination=NONE, source=NONE)],
    "exchange unbind": [Exchange.Unbind(destination=NONE, source=NONE)],
    "publish": [content(Basic.Publish(exchange=NONE, routing_key="a"))],
    "publish, mandatory": [content(Basic.Publish(exchange=NONE, routing_key="a", mandatory=True))],
    "empty name, get": [Basic.Get(queue="")],
    "empty name, consume": [Basic.Consume(queue="")],
    "empty name, bind": [Queue.Bind(queue="", exchange="amq.direct")],
    "empty name, passive": [queue("", passive=True)],
    "empty name, delete": [Queue.Delete(queue="")],
    "empty name, exchange passive": [exchange("", passive=True)],
}

REDECLARED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the same": ({}, {}),
    "durable": ({}, {"durable": True}),
    "not durable": ({"durable": True}, {}),
    "exclusive": ({}, {"exclusive": True}),
    "not exclusive": ({"exclusive": True}, {}),
    "auto-delete": ({}, {"auto_delete": True}),
    "ttl": (having(message_ttl=5), having(message_ttl=6)),
    "ttl added": ({}, having(message_ttl=70_000)),
    "ttl removed": (having(message_ttl=70_000), {}),
    "one octet": ({}, having(message_ttl=5)),
    "wider integer": (having(message_ttl=5), having(message_ttl=5_000_000_000)),
    "expires": (having(expires=50_000), having(expires=60_000)),
    "length": (having(max_length=5), having(max_length=6)),
    "bytes": (having(max_length_bytes=5), having(max_length_bytes=6)),
    "priority": (having(max_priority=5), having(max_priority=6)),
    "length added": ({}, having(max_length=70_000)),
    "overflow": (having(overflow="drop-head"), having(overflow="reject-publish")),
    "overflow added": ({}, having(overflow="reject-publish")),
    "dlx": (having(dead_letter_exchange="a"), having(dead_letter_exchange="b")),
    "dlx added": ({}, having(dead_letter_exchange="b")),
    "dlx removed": (having(dead_letter_exchange="a"), {}),
    "dead letter key": (
        having(dead_letter_exchange="a", dead_letter_routing_key="1"),
        having(dead_letter_exchange="a", dead_letter_routing_key="2"),
    ),
    "single active consumer": ({}, having(single_active_consumer=True)),
    "no single active consumer": (having(single_active_consumer=False), having(single_active_consumer=True)),
    "mode": (having(queue_mode="lazy"), having(queue_mode="default")),
    "type": ({}, having(queue_type="classic")),
    "unknown argument": (having(unknown=1), having(unknown=2)),
    "two at once": (having(message_ttl=5, max_length=1), having(message_ttl=6, max_length=2)),
    "durable and an argument": (having(message_ttl=5), {"durable": True} | having(message_ttl=6)),
    "passive": ({"durable": True} | having(message_ttl=5), {"passive": True}),
}

REDECLARED_EXCHANGE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the same": ({}, {}),
    "type": ({}, {"kind": "topic"}),
    "durable": ({}, {"durable": True}),
    "auto-delete": ({}, {"auto_delete": True}),
    "internal": ({}, {"internal": True}),
    "alternate": (
        {"arguments": {"alternate-exchange": "a"}},
        {"arguments": {"alternate-exchange": "b"}},
    ),
    "alternate added": ({}, {"arguments": {"alternate-exchange": "b"}}),
    "alternate removed": ({"arguments": {"alternate-exchange": "a"}}, {}),
    "unknown argument": ({"arguments": {"own": "a"}}, {"arguments": {"own": "b"}}),
    "passive": ({"durable": True}, {"passive": True, "kind": "topic"}),
    "passive, unknown type": ({}, {"passive": True, "kind": "diff-type"}),
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    f"{name} {value!r}": having(**{name: value})
    for name, values in {
        "message_ttl": (-1, "5", True, 1.5, 2**63 - 1, 2**32, None, [1]),
        "expires": (0, -1, "5", 2**33),
        "max_length": (-1, "3", 2**40),
        "max_length_bytes": (-1, "3"),
        "max_priority": (-1, 0, 255, 256, "a"),
        "overflow": ("keep", 70_000),
        "dead_letter_exchange": (70_000, ""),
        "dead_letter_routing_key": (70_000, "key"),
        "single_active_consumer": ("yes", 70_000),
        "queue_type": ("diff-type", 70_000),
        "queue_mode": ("quick", 70_000),
        "delivery_limit": (-1, "5"),
        "queue_version": (0, 9),
    }.items()
    for value in values
} | {"two wrong": having(message_ttl=-1, expires=0)}

LOCKED: dict[str, Any] = {
    "declare": queue(exclusive=True),
    "declare not exclusive": queue(),
    "passive": queue(passive=True),
    "get": Basic.Get(queue=QUEUE),
    "consume": Basic.Consume(queue=QUEUE),
    "bind": Queue.Bind(queue=QUEUE, exchange="amq.direct"),
    "unbind": Queue.Unbind(queue=QUEUE, exchange="amq.direct"),
    "purge": Queue.Purge(queue=QUEUE),
    "delete": Queue.Delete(queue=QUEUE),
    "delete if unused": Queue.Delete(queue=QUEUE, if_unused=True),
}

RESERVED: dict[str, list[Any]] = {
    "declare queue": [queue("amq.diff")],
    "passive queue": [queue("amq.diff", passive=True)],
    "delete queue": [Queue.Delete(queue="amq.diff")],
    "declare exchange": [exchange("amq.diff")],
    "passive exchange": [exchange("amq.diff", passive=True)],
    "delete exchange": [Exchange.Delete(exchange="amq.diff")],
    "delete amq.direct": [Exchange.Delete(exchange="amq.direct")],
    "delete amq.direct if unused": [Exchange.Delete(exchange="amq.direct", if_unused=True)],
    "amq.direct the same": [exchange("amq.direct", durable=True)],
    "amq.direct otherwise": [exchange("amq.direct")],
    "the default exchange": [exchange("", durable=True)],
    "delete default": [Exchange.Delete(exchange="")],
    "bind default": [Queue.Bind(queue=QUEUE, exchange="", routing_key="a")],
    "unbind default": [Queue.Unbind(queue=QUEUE, exchange="", routing_key="a")],
    "exchange bind from default": [Exchange.Bind(destination="amq.direct", source="")],
    "exchange bind to default": [Exchange.Bind(destination="", source="amq.direct")],
    "internal": [exchange(internal=True), content(Basic.Publish(exchange=EXCHANGE, routing_key="a"))],
}

IN_USE = {
    "delete not empty": Scenario([PUBLISH, Queue.Delete(queue=QUEUE, if_empty=True)], [queue()]),
    "delete empty": Scenario([Queue.Delete(queue=QUEUE, if_empty=True)], [queue()]),
    "delete in use": Scenario(
        [Queue.Delete(queue=QUEUE, if_unused=True)], [queue(), Basic.Consume(queue=QUEUE, consumer_tag="tag")]
    ),
    "delete a bound exchange": Scenario(
        [Exchange.Delete(exchange=EXCHANGE, if_unused=True)],
        [queue(), exchange(), Queue.Bind(queue=QUEUE, exchange=EXCHANGE)],
    ),
    "delete an exchange bound to another": Scenario(
        [Exchange.Delete(exchange=OTHER_EXCHANGE, if_unused=True)],
        [exchange(), exchange(OTHER_EXCHANGE), Exchange.Bind(destination=OTHER_EXCHANGE, source=EXCHANGE)],
    ),
}

KINDS = {kind: exchange(kind=kind) for kind in ("diff-type", "", "Direct", "x-random", "x-delayed-message")}


def raw_declare(name: str, flags: int = 0, class_id: int = 50, more: bytes = b"") -> bytes:
    """queue.declare or exchange.declare of a name that pamqp would not send; `flags` 1: passive, 4: exclusive."""
    octets = name.encode()
    named = bytes((len(octets),)) + octets + more
    payload = class_id.to_bytes(2, "big") + b"\0\x0a\0\0" + named + bytes((flags,)) + bytes(4)
    return raw_frame(1, 1, payload)


NAMES: dict[str, list[Any]] = {
    "line ends": [raw_declare("di\r\nff"), queue(passive=True)],
    "line ends of an exchange": [raw_declare("diff\n-exchange", class_id=40, more=b"\6direct"), exchange(passive=True)],
    "long queue": [raw_declare("diff" + "x" * 251, 4)],
    "long and missing": [raw_declare("x" * 255, 1)],
    "quote": [raw_declare("di'ff", 1)],
    "not ascii": [raw_declare("dïff €", 1)],
    "percent": [raw_declare("diff %s ~p {}", 1)],
}

TOPOLOGY: dict[str, Scenario] = (
    {f"missing: {what}": Scenario(script) for what, script in MISSING.items()}
    | {
        "missing: bind exchange": Scenario([Queue.Bind(queue=QUEUE, exchange=NONE)], [queue()]),
        "missing: unbind exchange": Scenario([Queue.Unbind(queue=QUEUE, exchange=NONE)], [queue()]),
        "missing: unbind": Scenario([Queue.Unbind(queue=QUEUE, exchange="amq.direct", routing_key="a")], [queue()]),
        "missing: publish confirmed": Scenario(MISSING["publish"], [commands.Confirm.Select()]),
    }
    | {
        f"declared again: {what}": Scenario([queue(**then)], [queue(**first)])
        for what, (first, then) in REDECLARED.items()
    }
    | {
        f"exchange declared again: {what}": Scenario([exchange(**then)], [exchange(**first)])
        for what, (first, then) in REDECLARED_EXCHANGE.items()
    }
    | {f"argument: {what}": Scenario([queue(**given)]) for what, given in ARGUMENTS.items()}
    | {
        "argument: alternate 70000": Scenario([exchange(arguments={"alternate-exchange": 70_000})]),
        "argument: x-match": Scenario(
            [Queue.Bind(queue=QUEUE, exchange="amq.headers", arguments={"x-match": "some"})], [queue()]
        ),
        "argument: x-match 70000": Scenario(
            [Queue.Bind(queue=QUEUE, exchange="amq.headers", arguments={"x-match": 70_000})], [queue()]
        ),
        "argument: quorum, not durable": Scenario([queue(**having(queue_type="quorum"))]),
        "argument: quorum, exclusive": Scenario([queue(exclusive=True, durable=True, **having(queue_type="quorum"))]),
    }
    | {f"another's: {what}": Scenario([method], elsewhere=[queue(exclusive=True)]) for what, method in LOCKED.items()}
    | {f"reserved: {what}": Scenario(script, [queue()]) for what, script in RESERVED.items()}
    | {f"in use: {what}": scenario for what, scenario in IN_USE.items()}
    | {f"exchange type: {what!r}": Scenario([method]) for what, method in KINDS.items()}
    | {f"name: {what}": Scenario(script) for what, script in NAMES.items()}
    | {
        "empty name: the last declared": Scenario([Queue.Purge(queue=""), Queue.Delete(queue="")], [queue()]),
        "empty name: declared in the same breath": Scenario([queue(), Queue.Purge(queue="")]),
        "empty name: passive counts": Scenario([Queue.Purge(queue="")], [queue(), queue(OTHER_QUEUE)]),
    }
)
