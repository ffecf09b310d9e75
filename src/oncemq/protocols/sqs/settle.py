"""DeleteMessage and ChangeMessageVisibility, one by one and in batches: what a client says of messages it holds."""

from collections.abc import Sequence
from functools import partial

from oncemq.core.commands import ChangeVisibility, DeleteMessages, Lease
from oncemq.core.outputs import Output, Results
from oncemq.core.refusals import Refusal
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.batches import check_batch, failed_entry
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import RECEIPT_HANDLE_IS_INVALID, Rejected, SqsError, missing_parameter
from oncemq.protocols.sqs.handles import HostIdentity
from oncemq.protocols.sqs.receive import read_visibility_timeout_ms
from oncemq.protocols.sqs.refused import Refused, error_of
from oncemq.protocols.sqs.responses import (
    BatchResultErrorEntry,
    ChangeMessageVisibilityBatchResult,
    ChangeMessageVisibilityBatchResultEntry,
    DeleteMessageBatchResult,
    DeleteMessageBatchResultEntry,
    Response,
)

_NOTHING = Response()
_DELETE_ENTRY = "DeleteMessageBatchRequestEntry"
_CHANGE_ENTRY = "ChangeMessageVisibilityBatchRequestEntry"


def delete_message(call: Call, request: requests.DeleteMessage) -> Asked:
    """DeleteMessage: answers nothing."""
    target = call.queue(request.queue_url)
    lease = _lease(call.ids(target.place), request.receipt_handle, "ReceiptHandle")
    return DeleteMessages(target.place.host, target.queue, call.caller, [lease]), _settled


def change_message_visibility(call: Call, request: requests.ChangeMessageVisibility) -> Asked:
    """ChangeMessageVisibility: answers nothing."""
    target = call.queue(request.queue_url)
    lease = _lease(call.ids(target.place), request.receipt_handle, "ReceiptHandle")
    timeout_ms = _timeout_ms(request.visibility_timeout, "VisibilityTimeout")
    return ChangeVisibility(target.place.host, target.queue, call.caller, [lease], [timeout_ms]), _settled


def _settled(output: Output) -> Response:
    assert isinstance(output, Results)
    refusal = output.results[0]
    if refusal is not None:
        raise Refused(refusal)
    return _NOTHING


HandleEntry = requests.DeleteMessageBatchRequestEntry | requests.ChangeMessageVisibilityBatchRequestEntry
Checked = list[tuple[HandleEntry, SqsError | None]]
"""The entries of a batch, and why those that never reach the core are refused."""


def delete_message_batch(call: Call, request: requests.DeleteMessageBatch) -> Asked:
    """DeleteMessageBatch: entries fail one by one."""
    target = call.queue(request.queue_url)
    ids = call.ids(target.place)
    leases: list[Lease] = []
    checked: Checked = []
    for position, entry in enumerate(check_batch(request.entries, _DELETE_ENTRY), 1):
        try:
            leases.append(_lease(ids, entry.receipt_handle, f"{_DELETE_ENTRY}.{position}.ReceiptHandle"))
            checked.append((entry, None))
        except Rejected as rejected:
            checked.append((entry, rejected.error))
    return DeleteMessages(target.place.host, target.queue, call.caller, leases), partial(_deleted_batch, checked)


def _deleted_batch(checked: Checked, output: Output) -> DeleteMessageBatchResult:
    done, failed = _sort_out(checked, output)
    return DeleteMessageBatchResult(
        [DeleteMessageBatchResultEntry(entry_id) for entry_id in done] or None, failed or None
    )


def change_message_visibility_batch(call: Call, request: requests.ChangeMessageVisibilityBatch) -> Asked:
    """ChangeMessageVisibilityBatch: entries fail one by one."""
    target = call.queue(request.queue_url)
    ids = call.ids(target.place)
    leases: list[Lease] = []
    timeouts_ms: list[int] = []
    checked: Checked = []
    for position, entry in enumerate(check_batch(request.entries, _CHANGE_ENTRY), 1):
        try:
            lease = _lease(ids, entry.receipt_handle, f"{_CHANGE_ENTRY}.{position}.ReceiptHandle")
            timeouts_ms.append(_timeout_ms(entry.visibility_timeout, f"{_CHANGE_ENTRY}.{position}.VisibilityTimeout"))
            leases.append(lease)
            checked.append((entry, None))
        except Rejected as rejected:
            checked.append((entry, rejected.error))
    command = ChangeVisibility(target.place.host, target.queue, call.caller, leases, timeouts_ms)
    return command, partial(_changed_batch, checked)


def _changed_batch(checked: Checked, output: Output) -> ChangeMessageVisibilityBatchResult:
    done, failed = _sort_out(checked, output)
    return ChangeMessageVisibilityBatchResult(
        [ChangeMessageVisibilityBatchResultEntry(entry_id) for entry_id in done] or None, failed or None
    )


def _sort_out(checked: Checked, output: Output) -> tuple[list[str], list[BatchResultErrorEntry]]:
    assert isinstance(output, Results)
    results: Sequence[Refusal | None] = output.results
    remaining = iter(results)
    done: list[str] = []
    failed: list[BatchResultErrorEntry] = []
    for entry, error in checked:
        assert entry.id is not None
        if error is not None:
            failed.append(failed_entry(entry.id, error))
            continue
        refusal = next(remaining)
        if refusal is None:
            done.append(entry.id)
        else:
            failed.append(failed_entry(entry.id, error_of(refusal, entry.receipt_handle or "")))
    return done, failed


def _lease(ids: HostIdentity, handle: str | None, parameter: str) -> Lease:
    if not handle:
        raise missing_parameter(parameter)
    lease = ids.lease(handle)
    if lease is None:
        message = f'The input receipt handle "{handle[:256]}" is not a valid receipt handle.'
        raise Rejected(RECEIPT_HANDLE_IS_INVALID, message)
    return lease


def _timeout_ms(seconds: int | None, parameter: str) -> int:
    timeout_ms = read_visibility_timeout_ms(seconds)
    if timeout_ms is None:
        raise missing_parameter(parameter)
    return timeout_ms
