"""Queue attributes: strings on the wire, fields of Settings in the core.

Numbers are shown as the core keeps them; policies and key names come back letter for letter (`Settings.text`). Every
attribute is one row of a table here, except the redrive policies, which are JSON (`redrive.py`).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from oncemq.core.outputs import QueueInfo
from oncemq.core.settings import FIFO, STANDARD, Settings
from oncemq.protocols.sqs import limits
from oncemq.protocols.sqs.errors import INVALID_ATTRIBUTE_NAME, INVALID_ATTRIBUTE_VALUE, Rejected
from oncemq.protocols.sqs.redrive import read_redrive_allow_policy, read_redrive_policy, written_redrive_policy
from oncemq.protocols.sqs.urls import Addresses, Place

WINDOW_ATTRIBUTE = "oncemq.DeduplicationWindowSeconds"
_DEFAULT_WINDOW_MS = Settings().deduplication_window_ms

Changes = dict[str, Any]
"""Fields of Settings and their new values, as the core's commands take them."""


class Number(msgspec.Struct, frozen=True):
    """An attribute that is an integer; `unit` is what one of it is in the core's field (1,000 for seconds)."""

    field: str
    minimum: int
    maximum: int
    unit: int = 1_000
    fifo_only: bool = False


class Choice(msgspec.Struct, frozen=True):
    """An attribute that is one of some words, each with its value in the core's field."""

    field: str
    values: dict[str, Any]


class Text(msgspec.Struct, frozen=True):
    """An attribute kept as written; "" removes it. `is_valid` says which texts are taken."""

    is_valid: Callable[[str], bool]


def _is_seconds_of_key_reuse(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6 and 60 <= int(text) <= 86_400


def _is_flag(text: str) -> bool:
    return text in ("true", "false")


def _is_key_name(text: str) -> bool:
    return len(text) <= 2_048


_FLAG = {"true": True, "false": False}

NUMBERS: dict[str, Number] = {
    "VisibilityTimeout": Number("visibility_timeout_ms", 0, limits.VISIBILITY_TIMEOUT_SECONDS_MAXIMUM),
    "DelaySeconds": Number("delay_ms", 0, limits.DELAY_SECONDS_MAXIMUM),
    "MessageRetentionPeriod": Number("retention_ms", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": Number("receive_wait_ms", 0, limits.WAIT_SECONDS_MAXIMUM),
    "MaximumMessageSize": Number("maximum_message_bytes", 1_024, limits.MESSAGE_BYTES, unit=1),
    WINDOW_ATTRIBUTE: Number("deduplication_window_ms", 1, limits.DEDUPLICATION_WINDOW_SECONDS_MAXIMUM, fifo_only=True),
}
CHOICES: dict[str, Choice] = {
    "ContentBasedDeduplication": Choice("content_based_deduplication", _FLAG),
    "DeduplicationScope": Choice("deduplication_scope", {"queue": "queue", "messageGroup": "messageGroup"}),
    "FifoThroughputLimit": Choice(
        "throughput_limit", {"perQueue": "perQueue", "perMessageGroupId": "perMessageGroupId"}
    ),
}
"""All of them are for FIFO queues only."""
TEXTS: dict[str, Text] = {
    "KmsMasterKeyId": Text(_is_key_name),
    "KmsDataKeyReusePeriodSeconds": Text(_is_seconds_of_key_reuse),
    "SqsManagedSseEnabled": Text(_is_flag),
}
COMPUTED = frozenset(
    {
        "QueueArn",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
    }
)
POLICIES = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy"})
NAMES = frozenset({*NUMBERS, *CHOICES, *TEXTS, *COMPUTED, *POLICIES, "FifoQueue"})


def read_settings(given: dict[str, str], place: Place, is_fifo: bool, addresses: Addresses) -> Changes:
    """The changes that attributes ask for. Rejected: InvalidAttributeName, InvalidAttributeValue and others.

    `place` and `is_fifo` are the queue's: its dead-letter queue must be in the same place, and some attributes are for
    FIFO queues only.
    """
    changes: Changes = {}
    text: dict[str, str | None] = {}
    for name, value in given.items():
        if number := NUMBERS.get(name):
            if number.fifo_only:
                _check_fifo(name, is_fifo)
            changes[number.field] = _read_number(name, value, number)
        elif choice := CHOICES.get(name):
            _read_choice(name, value, choice, is_fifo, changes)
        elif kept := TEXTS.get(name):
            if value and not kept.is_valid(value):
                raise invalid_value(name)
            text[name] = value or None
        elif name in POLICIES:
            _read_policy(name, value, place, addresses, changes, text)
        elif name != "FifoQueue":
            raise Rejected(INVALID_ATTRIBUTE_NAME, f"Unknown Attribute {name[:256]}.")
    _check_encryption(text)
    if text:
        changes["text"] = text
    return changes


def _read_number(name: str, value: str, number: Number) -> int:
    digits = value.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise invalid_value(name)
    if not number.minimum <= int(digits) <= number.maximum:
        raise invalid_value(name)
    return int(digits) * number.unit


def _read_choice(name: str, value: str, choice: Choice, is_fifo: bool, changes: Changes) -> None:
    if value not in choice.values:
        raise invalid_value(name)
    if choice.values[value] is False and not is_fifo:
        return  # what a standard queue is anyway
    _check_fifo(name, is_fifo)
    changes[choice.field] = choice.values[value]


def _read_policy(
    name: str, value: str, place: Place, addresses: Addresses, changes: Changes, text: dict[str, str | None]
) -> None:
    if name == "Policy":
        if value and not _is_json_object(value):
            raise invalid_value(name)
        changes["policy"] = value
        text[name] = value or None
    elif name == "RedrivePolicy":
        changes["dead_letter_queue"], changes["maximum_receives"] = read_redrive_policy(value, place, addresses)
        text[name] = value or None
    else:
        changes["redrive_allow"] = read_redrive_allow_policy(value, place, addresses)
        text[name] = value or None


def _is_json_object(value: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(value), dict)
    except (ValueError, RecursionError):
        return False


def _check_fifo(name: str, is_fifo: bool) -> None:
    if not is_fifo:
        message = f"You can specify the {name} only when FifoQueue is set to true."
        raise Rejected(INVALID_ATTRIBUTE_NAME, message)


def _check_encryption(text: dict[str, str | None]) -> None:
    if text.get("KmsMasterKeyId"):
        if text.get("SqsManagedSseEnabled") == "true":
            message = (
                "You can use one type of server-side encryption (SSE) at one time. "
                "You can either enable KMS SSE or SQS SSE."
            )
            raise Rejected(INVALID_ATTRIBUTE_NAME, message)
        text.setdefault("SqsManagedSseEnabled", None)


def invalid_value(name: str) -> Rejected:
    """InvalidAttributeValue, worded as AWS does."""
    return Rejected(INVALID_ATTRIBUTE_VALUE, f"Invalid value for the parameter {name}.")


def read_fifo(given: dict[str, str]) -> str:
    """The kind of queue that CreateQueue's FifoQueue asks for. Rejected: InvalidAttributeValue."""
    value = given.get("FifoQueue", "false")
    if value not in _FLAG:
        raise invalid_value("FifoQueue")
    return FIFO if _FLAG[value] else STANDARD


def check_names(asked: list[str]) -> None:
    """Rejected with InvalidAttributeName when GetQueueAttributes asks for an unknown attribute."""
    for name in asked:
        if name not in NAMES and name != "All":
            raise Rejected(INVALID_ATTRIBUTE_NAME, f"Unknown Attribute {name[:256]}.")


def shown_attributes(info: QueueInfo, place: Place, asked: list[str]) -> dict[str, str]:
    """The attributes of a queue that are asked for, `All` for all, as AWS shows them."""
    shown = {
        "QueueArn": place.arn(info.name),
        "ApproximateNumberOfMessages": str(info.ready),
        "ApproximateNumberOfMessagesNotVisible": str(info.leased),
        "ApproximateNumberOfMessagesDelayed": str(info.delayed),
        "CreatedTimestamp": str(info.created_ms // 1_000),
        "LastModifiedTimestamp": str(info.changed_ms // 1_000),
    }
    _show_settings(info.settings, shown)
    if info.settings.redrive_queue is not None and "RedrivePolicy" not in shown:  # set through AMQP
        shown["RedrivePolicy"] = written_redrive_policy(info.settings, place)
    if "All" in asked:
        return shown
    if WINDOW_ATTRIBUTE in asked and info.settings.kind == FIFO:
        shown[WINDOW_ATTRIBUTE] = str(info.settings.deduplication_window_ms // 1_000)
    return {name: value for name, value in shown.items() if name in asked}


def _show_settings(settings: Settings, shown: dict[str, str]) -> None:
    for name, number in NUMBERS.items():
        if not number.fifo_only:
            shown[name] = str(getattr(settings, number.field) // number.unit)
    if settings.kind == FIFO:
        shown["FifoQueue"] = "true"
        shown["ContentBasedDeduplication"] = "true" if settings.content_based_deduplication else "false"
        shown["DeduplicationScope"] = settings.deduplication_scope
        shown["FifoThroughputLimit"] = settings.throughput_limit
        if settings.deduplication_window_ms != _DEFAULT_WINDOW_MS:
            shown[WINDOW_ATTRIBUTE] = str(settings.deduplication_window_ms // 1_000)
    shown["SqsManagedSseEnabled"] = "false" if settings.text.get("KmsMasterKeyId") else "true"
    if settings.text.get("KmsMasterKeyId"):
        shown["KmsDataKeyReusePeriodSeconds"] = "300"
    shown.update(settings.text)
    shown.pop("Policy", None)
    if settings.policy:
        shown["Policy"] = settings.policy
