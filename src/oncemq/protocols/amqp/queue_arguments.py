"""queue.declare's arguments, as settings of the core."""

from typing import Any

from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.refusals import invalid_argument
from oncemq.protocols.amqp.specification.queue import QueueDeclare
from oncemq.protocols.amqp.storable import LONGEST_MS, storable
from oncemq.protocols.amqp.tables import Value

NUMBERS = {
    "x-message-ttl": "message_ttl_ms",
    "x-expires": "expires_ms",
    "x-max-length": "maximum_length",
    "x-max-length-bytes": "maximum_bytes",
    "x-max-priority": "maximum_priority",
    "x-delivery-limit": "delivery_limit",
    "x-cache-ttl": "deduplication_window_ms",
    "x-max-receive-count": "maximum_receives",
}
TEXTS = {
    "x-overflow": "overflow",
    "x-dead-letter-exchange": "dead_letter_exchange",
    "x-dead-letter-routing-key": "dead_letter_routing_key",
}
CHANGE_ARGUMENT = "x-change-arguments"
"""true: a queue that is there gets these arguments. Not an argument of the queue itself."""
FOR_EVER = 0
PRIORITIES = 255
OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")


def settings_of(method: QueueDeclare, host: str) -> dict[str, Any]:
    """The settings that the declaration asks for. FrameFault 406 for a value that cannot be."""
    arguments = storable(method.arguments)
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
            settings[field] = _number(name, arguments[name], method.queue, host)
    for name, field in TEXTS.items():
        if name in arguments:
            value = arguments[name]
            if not isinstance(value, str):
                raise FrameFault(
                    invalid_argument(name, "queue", method.queue, host, f"{{unacceptable_type,{value!r}}}")
                )
            settings[field] = value
    if "dead_letter_routing_key" in settings and "dead_letter_exchange" not in settings:
        why = "routing_key_but_no_dlx_defined"
        raise FrameFault(invalid_argument("x-dead-letter-routing-key", "queue", method.queue, host, why))
    if settings.get("overflow", OVERFLOWS[0]) not in OVERFLOWS:
        raise FrameFault(invalid_argument("x-overflow", "queue", method.queue, host, "invalid_overflow"))
    if arguments.get("x-message-deduplication") is True:
        settings["deduplicates"] = True
    if arguments.get("x-single-active-consumer") is True:
        settings["single_active_consumer"] = True
    return settings


def _number(name: str, value: Value, queue: str, host: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FrameFault(invalid_argument(name, "queue", queue, host, "{unacceptable_type,longstr}"))
    least = 1 if name in ("x-expires", "x-max-receive-count") else 0
    if value < least:
        why = "{value_zero,0}" if value == 0 else f"{{value_negative,{value}}}"
        raise FrameFault(invalid_argument(name, "queue", queue, host, why))
    if name == "x-max-priority" and value > PRIORITIES:
        raise FrameFault(invalid_argument(name, "queue", queue, host, f"{{max_value_exceeded,{value}}}"))
    return min(value, LONGEST_MS)
