"""Policies: settings that a virtual host gives to all its queues and exchanges whose name matches a pattern.

As in RabbitMQ: of the policies that match, the one of the highest priority decides alone (of equal ones the first by
name). An operator's policy is chosen in the same way and stands beside it: of two numbers the lower one holds. What a
queue was declared with beats a policy, but again of two numbers the lower one holds.
"""

import re
from typing import Any

import msgspec

from oncemq.core.limits import POLICY_NAME_CHARACTERS, POLICY_PATTERN_CHARACTERS
from oncemq.core.routed_refusals import UnacceptablePolicy
from oncemq.core.settings import Settings, changed

APPLIES_TO = ("all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams")
NUMBERS = {
    "message-ttl": "message_ttl_ms",
    "expires": "expires_ms",
    "max-length": "maximum_length",
    "max-length-bytes": "maximum_bytes",
    "delivery-limit": "delivery_limit",
}
"""Definition → field of Settings, for those of which the lower one holds."""
TEXTS = {
    "overflow": "overflow",
    "dead-letter-exchange": "dead_letter_exchange",
    "dead-letter-routing-key": "dead_letter_routing_key",
}
ALTERNATE_EXCHANGE = "alternate-exchange"
WITHOUT_EFFECT = (
    "dead-letter-strategy",
    "ha-mode",
    "ha-params",
    "ha-promote-on-failure",
    "ha-promote-on-shutdown",
    "ha-sync-batch-size",
    "ha-sync-mode",
    "queue-leader-locator",
    "queue-master-locator",
    "queue-mode",
    "queue-version",
)
"""Known to RabbitMQ, taken and shown: every queue here is kept the same way."""
NUMBER_MAXIMUM = 1 << 53
OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")
FIELDS = NUMBERS | TEXTS


class Policy(msgspec.Struct, frozen=True, array_like=True):
    """`definition` is what RabbitMQ calls so: message-ttl (ms), max-length, dead-letter-exchange, …"""

    name: str
    pattern: str
    definition: dict[str, Any]
    applies_to: str = "all"
    priority: int = 0
    operator: bool = False
    configured: bool = False
    """From the configuration file, and gone when it is no longer there."""

    def fits(self, name: str, kind: str) -> bool:
        """Whether it is for a thing of this name; `kind` is exchanges, classic_queues or quorum_queues."""
        if self.applies_to not in ("all", kind) and not (self.applies_to == "queues" and kind.endswith("_queues")):
            return False
        return re.search(self.pattern, name) is not None


def invalid(policy: Policy) -> UnacceptablePolicy | None:
    """Why it cannot be; None: it can."""
    why = _invalid(policy)
    return None if why is None else UnacceptablePolicy(policy.name, why)


def _invalid(policy: Policy) -> str | None:
    if not 0 < len(policy.name) <= POLICY_NAME_CHARACTERS:
        return f"a name has 1 to {POLICY_NAME_CHARACTERS} characters"
    if len(policy.pattern) > POLICY_PATTERN_CHARACTERS:
        return f"a pattern has at most {POLICY_PATTERN_CHARACTERS} characters"
    try:
        re.compile(policy.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"pattern {policy.pattern!r} is no regular expression: {error}"
    if policy.applies_to not in APPLIES_TO:
        return f"apply-to is one of {', '.join(APPLIES_TO)}, not {policy.applies_to!r}"
    if not policy.definition:
        return "the definition is empty"
    for key, value in policy.definition.items():
        why = _invalid_value(policy, key, value)
        if why is not None:
            return why
    return None


def _invalid_value(policy: Policy, key: str, value: Any) -> str | None:
    if key in NUMBERS:
        least = 1 if key == "expires" else 0
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= NUMBER_MAXIMUM:
            return f"{key} is a number from {least}, not {value!r}"
        return None
    if policy.operator:
        return f"an operator policy limits {', '.join(NUMBERS)}, not {key}"
    if key == "overflow":
        return None if value in OVERFLOWS else f"overflow is one of {', '.join(OVERFLOWS)}, not {value!r}"
    if key in TEXTS or key == ALTERNATE_EXCHANGE:
        return None if isinstance(value, str) else f"{key} is a text, not {value!r}"
    return None if key in WITHOUT_EFFECT else f"{key} is not a recognised policy setting"


def kind_of(settings: Settings) -> str:
    """What a policy's `applies_to` calls a queue with these settings."""
    return "quorum_queues" if settings.arguments.get("x-queue-type") == "quorum" else "classic_queues"


def deciding(policies: dict[str, Policy], name: str, kind: str) -> Policy | None:
    """The policy that a queue or exchange is under."""
    fitting = [policy for policy in policies.values() if policy.fits(name, kind)]
    return min(fitting, key=lambda policy: (-policy.priority, policy.name)) if fitting else None


def own(settings: Settings) -> Settings:
    """The settings of a queue without what policies do to them."""
    return changed(settings, {**settings.own, "own": {}, "policy_name": None, "operator_policy_name": None})


def governed(settings: Settings, policy: Policy | None, operator: Policy | None) -> Settings:
    """A queue's own settings after what policies do to them."""
    if policy is None and operator is None:
        return settings
    definition = dict(policy.definition) if policy is not None else {}
    for key, limit in operator.definition.items() if operator is not None else ():
        definition[key] = min(definition.get(key, limit), limit)
    effective: dict[str, Any] = {}
    for key, field in FIELDS.items():
        if key in definition:
            present, value = getattr(settings, field), definition[key]
            if key in NUMBERS:
                value = value if present is None else min(present, value)
            elif f"x-{key}" in settings.arguments:
                value = present
            if value != present:
                effective[field] = value
    return changed(
        settings,
        {
            **effective,
            "own": {field: getattr(settings, field) for field in effective},
            "policy_name": policy.name if policy is not None else None,
            "operator_policy_name": operator.name if operator is not None else None,
        },
    )
