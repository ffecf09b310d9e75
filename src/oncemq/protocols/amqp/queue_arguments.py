"""queue.declare's arguments, as settings of the core."""

from typing import Any

from oncemq.core.plain import plain
from oncemq.protocols.amqp import refusals
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.limits import LONGEST_MS
from oncemq.protocols.amqp.refusals import invalid_argument
from oncemq.protocols.amqp.specification.queue import QueueDeclare
from oncemq.protocols.amqp.tables import Value

NUMBERS = {
    "x-expires": "expires_ms",
    "x-message-ttl": "message_ttl_ms",
    "x-max-length": "maximum_length",
    "x-max-length-bytes": "maximum_bytes",
    "x-max-priority": "maximum_priority",
    "x-delivery-limit": "delivery_limit",
    "x-cache-ttl": "deduplication_window_ms",
    "x-max-receive-count": "maximum_receives",
}
"""In the order in which RabbitMQ looks at them, and so names the first that is wrong."""
TEXTS = {
    "x-dead-letter-exchange": "dead_letter_exchange",
    "x-dead-letter-routing-key": "dead_letter_routing_key",
    "x-overflow": "overflow",
}
CHANGE_ARGUMENT = "x-change-arguments"
"""true: a queue that is there gets these arguments. Not an argument of the queue itself."""
FOR_EVER = 0
PRIORITIES = 255
TIMER_MS = 315_360_000_000
"""Ten years: RabbitMQ takes no longer TTL."""
OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")
NAMED = {"x-queue-mode": ("mode", ("default", "lazy")), "x-queue-type": ("type", ("classic", "quorum", "stream"))}
VERSIONS = (1, 2)


def settings_of(method: QueueDeclare, host: str) -> dict[str, Any]:
    """The settings that the declaration asks for. FrameFault 406 for a value that cannot be."""
    arguments = plain(method.arguments)
    settings: dict[str, Any] = {
        "durable": method.durable,
        "exclusive": method.exclusive,
        "auto_delete": method.auto_delete,
        "retention_ms": FOR_EVER,
        "arguments": {
            name: value for name, value in arguments.items() if name.startswith("x-") and name != CHANGE_ARGUMENT
        },
    }
    for name, field in NUMBERS.items():
        if name in arguments:
            settings[field] = _number(name, method.arguments[name], method.queue, host)
    for name, field in TEXTS.items():
        if name in arguments:
            settings[field] = _text(name, method.arguments[name], method.queue, host)
    if "dead_letter_routing_key" in settings and "dead_letter_exchange" not in settings:
        why = "routing_key_but_no_dlx_defined"
        raise FrameFault(invalid_argument("x-dead-letter-routing-key", "queue", method.queue, host, why))
    if settings.get("overflow", OVERFLOWS[0]) not in OVERFLOWS:
        raise FrameFault(invalid_argument("x-overflow", "queue", method.queue, host, "invalid_overflow"))
    _check_type(method, host)
    if arguments.get("x-message-deduplication") is True:
        settings["deduplicates"] = True
    if arguments.get("x-single-active-consumer") is True:
        settings["single_active_consumer"] = True
    return settings


def _check_type(method: QueueDeclare, host: str) -> None:
    """What says what sort of queue it is to be."""
    arguments, name = method.arguments, method.queue
    for argument, (what, known) in NAMED.items():
        value = arguments.get(argument, known[0])
        if not isinstance(value, str):
            raise FrameFault(invalid_argument(argument, "queue", name, host, refusals.unacceptable_type(value)))
        if value not in known:
            raise FrameFault(invalid_argument(argument, "queue", name, host, refusals.unsupported(what, value)))
    version = arguments.get("x-queue-version", VERSIONS[0])
    if not isinstance(version, int) or isinstance(version, bool):
        raise FrameFault(invalid_argument("x-queue-version", "queue", name, host, refusals.expected_integer(version)))
    if version not in VERSIONS:
        why = refusals.unsupported("version", str(version))
        raise FrameFault(invalid_argument("x-queue-version", "queue", name, host, why))
    single = arguments.get("x-single-active-consumer", False)
    if not isinstance(single, bool):
        why = refusals.unacceptable_type(single)
        raise FrameFault(invalid_argument("x-single-active-consumer", "queue", name, host, why))
    if arguments.get("x-queue-type") == "quorum":
        unfit = {
            "non-durable": not method.durable,
            "auto-delete": method.auto_delete,
            "exclusive-owner": method.exclusive,
        }
        for what, asked in unfit.items():
            if asked:
                raise FrameFault(refusals.invalid_property(what, name, host))


def _text(name: str, value: Value, queue: str, host: str) -> str:
    if isinstance(value, str):
        return value
    if name == "x-dead-letter-exchange":
        raise FrameFault(refusals.invalid_argument_type(name, "queue", queue, host, value))
    raise FrameFault(invalid_argument(name, "queue", queue, host, refusals.unacceptable_type(value)))


def _number(name: str, value: Value, queue: str, host: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FrameFault(invalid_argument(name, "queue", queue, host, refusals.expected_integer(value)))
    least = 1 if name in ("x-expires", "x-max-receive-count") else 0
    if value < least:
        why = "{value_zero,0}" if value == 0 else f"{{value_negative,{value}}}"
        raise FrameFault(invalid_argument(name, "queue", queue, host, why))
    if name == "x-max-priority" and value > PRIORITIES:
        raise FrameFault(invalid_argument(name, "queue", queue, host, f"{{max_value_exceeded,{value}}}"))
    if name in ("x-expires", "x-message-ttl") and value > TIMER_MS:
        raise FrameFault(invalid_argument(name, "queue", queue, host, f"{{value_too_large,{value}}}"))
    return min(value, LONGEST_MS)
