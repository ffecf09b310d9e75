"""The one table from the core's refusals to AMQP's, in RabbitMQ's words."""

from collections.abc import Callable
from typing import Any

from oncemq.core import refusals as core
from oncemq.core import routed_refusals as routed
from oncemq.core import system_refusals as system
from oncemq.protocols.amqp import errors, refusals
from oncemq.protocols.amqp.errors import Kind, Refusal
from oncemq.protocols.amqp.tables import Value

ABSENT = "none"
ARGUMENTS = ("x-", "alternate-exchange")


def _inequivalent(refusal: routed.Inequivalent, host: str) -> Refusal:
    values = (refusal.received, refusal.current)
    what: Kind = "queue" if refusal.what == "queue" else "exchange"
    said = (refusal.field, what, refusal.name, host)
    if refusal.field.startswith(ARGUMENTS) and ABSENT in values:
        received, current = (None if value == ABSENT else _typed(value) for value in values)
        return refusals.inequivalent_presence(*said, received, current)
    return refusals.inequivalent(*said, *values)


def _typed(shown: str) -> Value:
    """The core shows values as text; RabbitMQ names the type of one that only one declaration has."""
    if shown in ("true", "false"):
        return shown == "true"
    return int(shown) if shown.lstrip("-").isdigit() else shown


REFUSED: dict[type[core.Refusal], Callable[[Any, str], Refusal]] = {
    core.QueueDoesNotExist: lambda r, host: refusals.not_found("queue", r.queue, host),
    routed.ExchangeDoesNotExist: lambda r, host: refusals.not_found("exchange", r.exchange, host),
    routed.UnknownExchangeType: lambda r, _: errors.unknown_exchange_type(r.type),
    routed.Inequivalent: lambda r, host: _inequivalent(r, host),
    routed.QueueLocked: lambda r, host: refusals.locked(r.queue, host),
    routed.QueueInUse: lambda r, host: refusals.in_use("queue", r.queue, host),
    routed.QueueNotEmpty: lambda r, host: refusals.not_empty(r.queue, host),
    routed.ExchangeInUse: lambda r, host: refusals.in_use("exchange", r.exchange, host),
    routed.ExchangeIsDefault: lambda r, _: refusals.default_exchange(),
    routed.UnknownHeaderMatch: lambda r, _: refusals.invalid_header_match(r.value),
    routed.ExchangeIsInternal: lambda r, host: refusals.internal_exchange(r.exchange, host),
    routed.ExclusiveConsumer: lambda r, host: refusals.exclusive_use(r.queue, host),
    core.QueueFull: lambda r, _: refusals.PARTIAL_TRANSACTION,
    system.HostDoesNotExist: lambda r, _: errors.host_not_found(r.host),
    system.HostAccessRefused: lambda r, _: errors.host_refused(r.host, r.user),
    system.AccessRefused: lambda r, host: refusals.access_refused(r.access, r.kind, r.name, host, r.user),
    system.TopicAccessRefused: lambda r, host: refusals.topic_access_refused(
        r.access, r.routing_key, r.exchange, host, r.user
    ),
    core.MemoryShort: lambda r, _: refusals.precondition_failed(f"short of memory: {r.used_bytes} bytes used"),
    core.DiskNearlyFull: lambda r, _: refusals.precondition_failed(f"disk nearly full: {r.free_bytes} bytes free"),
}


def refused(refusal: core.Refusal, host: str) -> Refusal:
    """What the client is told."""
    return REFUSED[type(refusal)](refusal, host)
