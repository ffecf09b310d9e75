"""What the core refuses, as errors of this door: the one table of refusals."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from oncemq.core import refusals as core
from oncemq.protocols.sqs import errors
from oncemq.protocols.sqs.errors import Kind, SqsError, invalid_value_message


class Refused(Exception):
    """Ends the answering of a request with a refusal of the core."""

    def __init__(self, refusal: core.Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def error_of(refusal: core.Refusal, parameter: str = "") -> SqsError:
    """The error that answers a refusal. `parameter` is what the client gave, where the message repeats it."""
    kind, message = _TABLE[type(refusal)]
    return SqsError(kind, message(refusal, parameter))


def error_of_request(refusal: core.Refusal, request: Struct) -> SqsError:
    """The error that answers a refusal of what `request` (or a batch entry) asked."""
    return error_of(refusal, parameter_of(refusal, request))


def parameter_of(refusal: core.Refusal, request: Struct) -> str:
    """What the client gave in `request` (or a batch entry) that the refusal's message repeats; "" if nothing."""
    if isinstance(refusal, core.LeaseExpired | core.LeaseNotHeld | core.LeaseOfAnotherQueue):
        return getattr(request, "receipt_handle", None) or ""
    if isinstance(refusal, core.DeadLetterQueueDoesNotExist | core.RedriveNotAllowed):
        return str((getattr(request, "attributes", None) or {}).get("RedrivePolicy", ""))
    if isinstance(refusal, core.NotForStandardQueues):
        member = _MEMBERS.get(refusal.field, "")
        return getattr(request, member, None) or ""
    return ""


_MEMBERS = {"deduplication": "message_deduplication_id", "attempt": "receive_request_attempt_id"}


def attribute_name(field: str) -> str:
    """The SQS name of a field of Settings, or of a request, that a refusal names."""
    return _ATTRIBUTE_NAMES.get(field, field)


_ATTRIBUTE_NAMES = {
    "kind": "FifoQueue",
    "visibility_timeout_ms": "VisibilityTimeout",
    "delay_ms": "DelaySeconds",
    "retention_ms": "MessageRetentionPeriod",
    "receive_wait_ms": "ReceiveMessageWaitTimeSeconds",
    "maximum_message_bytes": "MaximumMessageSize",
    "content_based_deduplication": "ContentBasedDeduplication",
    "deduplication_scope": "DeduplicationScope",
    "deduplicates_by_group": "DeduplicationScope",
    "deduplication_window_ms": "oncemq.DeduplicationWindowSeconds",
    "throughput_limit": "FifoThroughputLimit",
    "dead_letter_queue": "RedrivePolicy",
    "maximum_receives": "RedrivePolicy",
    "redrive_allow": "RedriveAllowPolicy",
    "policy": "Policy",
    "deduplication": "MessageDeduplicationId",
    "attempt": "ReceiveRequestAttemptId",
}


_WRONG_QUEUE_TYPE = "The request include parameter that is not valid for this queue type."
_Row = tuple[Kind, Callable[[Any, str], str]]

_TABLE: dict[type[core.Refusal], _Row] = {
    core.QueueDoesNotExist: (errors.QUEUE_DOES_NOT_EXIST, lambda _r, _p: "The specified queue does not exist."),
    core.QueueExists: (
        errors.QUEUE_NAME_EXISTS,
        lambda r, _p: (
            "A queue already exists with the same name and a different value for attribute " + attribute_name(r.field)
        ),
    ),
    core.QueueDeletedRecently: (
        errors.QUEUE_DELETED_RECENTLY,
        lambda _r, _p: (
            "You must wait 60 seconds after deleting a queue before you can create another with the same name."
        ),
    ),
    core.TooManyQueues: (errors.OVER_LIMIT, lambda r, _p: f"The maximum number of queues, {r.maximum}, is reached."),
    core.PurgeInProgress: (
        errors.PURGE_QUEUE_IN_PROGRESS,
        lambda r, _p: f"Only one PurgeQueue operation on {r.queue} is allowed every 60 seconds.",
    ),
    core.AccessDenied: (
        errors.ACCESS_DENIED,
        lambda r, _p: (
            f"User: arn:aws:iam::{r.caller}:root is not authorized to perform: sqs:{r.action.lower()} on resource: "
            f"{r.queue} because no resource-based policy allows the sqs:{r.action.lower()} action"
        ),
    ),
    core.MessageTooLarge: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: (
            f"One or more parameters are invalid. Reason: Message must be shorter than {r.maximum_bytes} bytes."
        ),
    ),
    core.GroupRequired: (
        errors.MISSING_PARAMETER,
        lambda _r, _p: "The request must contain the parameter MessageGroupId.",
    ),
    core.DeduplicationRequired: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, _p: (
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        ),
    ),
    core.NotForStandardQueues: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, p: invalid_value_message(p, attribute_name(r.field), _WRONG_QUEUE_TYPE),
    ),
    core.DelayNotForFifo: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: invalid_value_message(r.delay_ms // 1_000, "DelaySeconds", _WRONG_QUEUE_TYPE),
    ),
    core.QueueFull: (
        errors.REQUEST_THROTTLED,
        lambda r, _p: f"The queue {r.queue} is full, and was told to refuse messages until there is room.",
    ),
    core.DiskNearlyFull: (
        errors.SERVICE_UNAVAILABLE,
        lambda r, _p: (
            f"The server's disk is nearly full ({r.free_bytes} bytes free): it takes no messages until there is room. "
            "Receives and deletes go on."
        ),
    ),
    core.MemoryShort: (
        errors.SERVICE_UNAVAILABLE,
        lambda r, _p: (
            f"The server is short of memory ({r.used_bytes} bytes used, limit {r.limit_bytes}): it takes no messages "
            "until there is room. Receives and deletes go on."
        ),
    ),
    core.TooManyLeased: (
        errors.OVER_LIMIT,
        lambda r, _p: f"Too many messages in flight: the maximum for a standard queue is {r.maximum}.",
    ),
    core.LeaseExpired: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, p: invalid_value_message(p, "ReceiptHandle", "The receipt handle has expired."),
    ),
    core.LeaseNotHeld: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, p: invalid_value_message(
            p, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
        ),
    ),
    core.LeaseOfAnotherQueue: (
        errors.RECEIPT_HANDLE_IS_INVALID,
        lambda _r, p: f'The input receipt handle "{p}" is not a valid receipt handle.',
    ),
    core.VisibilityBeyondMaximum: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: invalid_value_message(
            r.timeout_ms // 1_000,
            "VisibilityTimeout",
            f"Total VisibilityTimeout for the message is beyond the limit [{r.maximum_ms // 1_000} seconds]",
        ),
    ),
    core.MoveDestinationUnknown: (
        errors.RESOURCE_NOT_FOUND,
        lambda _r, _p: "The resource that you specified for the DestinationArn parameter doesn't exist.",
    ),
    core.InvalidSetting: (
        errors.INVALID_ATTRIBUTE_VALUE,
        lambda r, _p: f"Invalid value for the parameter {attribute_name(r.field)}. Reason: {r.why}.",
    ),
    core.DeadLetterQueueDoesNotExist: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, p: invalid_value_message(p, "RedrivePolicy", "Dead letter target does not exist."),
    ),
    core.RedriveNotAllowed: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, p: invalid_value_message(
            p, "RedrivePolicy", "The dead letter target does not allow this queue to use it (RedriveAllowPolicy)."
        ),
    ),
    core.TooManyTags: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: f"Too many tags added for the queue: the maximum is {r.maximum}.",
    ),
    core.PermissionExists: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: invalid_value_message(r.label, "Label", "Already exists."),
    ),
    core.PermissionDoesNotExist: (
        errors.INVALID_PARAMETER_VALUE,
        lambda r, _p: invalid_value_message(r.label, "Label", "can't find label."),
    ),
    core.InvalidPolicy: (
        errors.INVALID_ATTRIBUTE_VALUE,
        lambda r, _p: f"Invalid value for the parameter Policy. Reason: {r.why}.",
    ),
    core.PolicyTooLarge: (
        errors.OVER_LIMIT,
        lambda r, _p: f"The queue's policy would be larger than it may be: the maximum is {r.maximum}.",
    ),
    core.NotADeadLetterQueue: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, _p: "Source queue must be configured as a Dead Letter Queue.",
    ),
    core.MoveTaskRunning: (
        errors.INVALID_PARAMETER_VALUE,
        lambda _r, _p: (
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        ),
    ),
    core.MoveTaskDoesNotExist: (errors.RESOURCE_NOT_FOUND, lambda _r, _p: "Task does not exist."),
    core.MoveTaskNotRunning: (
        errors.UNSUPPORTED_OPERATION,
        lambda r, _p: f"Only tasks with status RUNNING can be cancelled. Current status: {r.status}.",
    ),
}
