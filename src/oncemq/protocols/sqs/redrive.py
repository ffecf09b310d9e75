"""RedrivePolicy and RedriveAllowPolicy: JSON texts that name other queues by ARN."""

from typing import Any

import msgspec

from oncemq.core.settings import RedriveAllow, Settings
from oncemq.protocols.sqs.errors import INVALID_ATTRIBUTE_VALUE, Rejected, invalid_parameter
from oncemq.protocols.sqs.limits import MAXIMUM_RECEIVES, REDRIVE_ALLOW_SOURCES
from oncemq.protocols.sqs.urls import Addresses, Place

_PERMISSIONS = ("allowAll", "denyAll", "byQueue")
_REDRIVE = "RedrivePolicy"
_ALLOW = "RedriveAllowPolicy"


def read_redrive_policy(text: str, place: Place, addresses: Addresses) -> tuple[str | None, int | None]:
    """Dead-letter queue and maxReceiveCount of a RedrivePolicy; (None, None) when "" removes it."""
    if not text:
        return None, None
    policy = _read_object(text, _REDRIVE)
    if "deadLetterTargetArn" not in policy or "maxReceiveCount" not in policy:
        reason = "Redrive policy does not contain mandatory attribute: {}.".format(
            "deadLetterTargetArn" if "deadLetterTargetArn" not in policy else "maxReceiveCount"
        )
        raise invalid_parameter(text, _REDRIVE, reason)
    if unknown := [name for name in policy if name not in ("deadLetterTargetArn", "maxReceiveCount")]:
        reason = f"Redrive policy contains unknown attribute: {unknown[0][:100]}."
        raise invalid_parameter(text, _REDRIVE, reason)
    queue = _read_arn(policy["deadLetterTargetArn"], place, addresses)
    if queue is None:
        raise invalid_parameter(text, _REDRIVE, "Invalid value for deadLetterTargetArn.")
    maximum = _read_count(policy["maxReceiveCount"])
    if maximum is None:
        raise invalid_parameter(text, _REDRIVE, "Invalid value for maxReceiveCount: Must be between 1 and 1000.")
    return queue, maximum


def written_redrive_policy(settings: Settings, place: Place) -> str:
    """The RedrivePolicy of a queue that was given its dead-letter queue through AMQP."""
    assert settings.redrive_queue is not None
    policy = {"deadLetterTargetArn": place.arn(settings.redrive_queue), "maxReceiveCount": settings.maximum_receives}
    return msgspec.json.encode(policy).decode()


def read_redrive_allow_policy(text: str, place: Place, addresses: Addresses) -> RedriveAllow:
    """Which queues may use this one as their dead-letter queue; all when "" removes the policy."""
    if not text:
        return RedriveAllow()
    policy = _read_object(text, _ALLOW)
    permission = policy.get("redrivePermission")
    arns = policy.get("sourceQueueArns")
    if permission not in _PERMISSIONS or not set(policy) <= {"redrivePermission", "sourceQueueArns"}:
        raise invalid_parameter(text, _ALLOW, "Amazon SQS can't create the redrive allow policy.")
    if permission != "byQueue":
        if arns is not None:
            raise invalid_parameter(text, _ALLOW, f"sourceQueueArns can't be given with {permission}.")
        return RedriveAllow(permission)
    if not isinstance(arns, list) or not 1 <= len(arns) <= REDRIVE_ALLOW_SOURCES:
        reason = f"byQueue needs 1 to {REDRIVE_ALLOW_SOURCES} sourceQueueArns."
        raise invalid_parameter(text, _ALLOW, reason)
    sources = [_read_arn(arn, place, addresses) for arn in arns]
    named = tuple(source for source in sources if source is not None)
    if len(named) != len(sources):
        raise invalid_parameter(text, _ALLOW, "Invalid value for sourceQueueArns.")
    return RedriveAllow("byQueue", named)


def _read_object(text: str, name: str) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Rejected(
            INVALID_ATTRIBUTE_VALUE, f"Invalid value for the parameter {name}. Reason: it is not valid JSON."
        )
    return read


def _read_arn(arn: object, place: Place, addresses: Addresses) -> str | None:
    """The name of the queue that an ARN names in this place, else None: targets stay in their virtual host."""
    found = addresses.queue_of_arn(arn) if isinstance(arn, str) else None
    return found.queue if found is not None and found.place.host == place.host else None


def _read_count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 1 <= value <= MAXIMUM_RECEIVES else None
