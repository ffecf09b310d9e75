"""SendMessage and SendMessageBatch."""

from functools import partial

from oncemq.core.commands import SendMessages
from oncemq.core.outputs import Output, Sent, SentMessage
from oncemq.core.refusals import Refusal
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.batches import check_batch, failed_entry
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.content import Outgoing, read_message
from oncemq.protocols.sqs.errors import BATCH_REQUEST_TOO_LONG, INVALID_PARAMETER_VALUE, Rejected, SqsError
from oncemq.protocols.sqs.handles import HostIdentity, sequence_number
from oncemq.protocols.sqs.limits import MESSAGE_BYTES
from oncemq.protocols.sqs.refused import Refused, error_of_request
from oncemq.protocols.sqs.responses import (
    BatchResultErrorEntry,
    SendMessageBatchResult,
    SendMessageBatchResultEntry,
    SendMessageResult,
)
from oncemq.protocols.sqs.urls import Place


def send_message(call: Call, request: requests.SendMessage) -> Asked:
    """SendMessage: answers MessageId, digests and, on FIFO queues, SequenceNumber."""
    target = call.queue(request.queue_url)
    outgoing = read_message(request, _sender(call, target.place))
    command = SendMessages(target.place.host, target.queue, call.caller, [outgoing.message])
    return command, partial(_sent, call.ids(target.place), outgoing)


def _sent(ids: HostIdentity, outgoing: Outgoing, output: Output) -> SendMessageResult:
    assert isinstance(output, Sent)
    result = output.results[0]
    if isinstance(result, Refusal):
        raise Refused(result)
    return SendMessageResult(
        outgoing.md5_of_body,
        ids.message_id(result.message),
        outgoing.md5_of_attributes,
        outgoing.md5_of_system_attributes,
        sequence_number(result.message) if result.fifo else None,
    )


Entry = tuple[requests.SendMessageBatchRequestEntry, Outgoing | SqsError]
"""An entry, and its message or why it is refused here."""


def send_message_batch(call: Call, request: requests.SendMessageBatch) -> Asked:
    """SendMessageBatch: entries fail one by one, except that their sizes are summed up over all."""
    target = call.queue(request.queue_url)
    given = check_batch(request.entries, "SendMessageBatchRequestEntry")
    if target.queue.endswith(".fifo") and any(entry.message_group_id is None for entry in given):
        # AWS refuses the whole batch for this, with another code than it gives SendMessage (recorded by LocalStack).
        raise Rejected(INVALID_PARAMETER_VALUE, "The request must contain the parameter MessageGroupId.")
    sender = _sender(call, target.place)
    entries = [_read_entry(entry, sender) for entry in given]
    messages = [outgoing.message for _, outgoing in entries if isinstance(outgoing, Outgoing)]
    size_bytes = sum(message.size_bytes for message in messages)
    if size_bytes > MESSAGE_BYTES:
        message = f"Batch requests cannot be longer than {MESSAGE_BYTES} bytes. You have sent {size_bytes} bytes."
        raise Rejected(BATCH_REQUEST_TOO_LONG, message)
    answer = partial(_sent_batch, call.ids(target.place), entries)
    return SendMessages(target.place.host, target.queue, call.caller, messages), answer


def _read_entry(entry: requests.SendMessageBatchRequestEntry, sender: str | None) -> Entry:
    try:
        return entry, read_message(entry, sender)
    except Rejected as rejected:
        return entry, rejected.error


def _sent_batch(ids: HostIdentity, entries: list[Entry], output: Output) -> SendMessageBatchResult:
    assert isinstance(output, Sent)
    results = iter(output.results)
    successful: list[SendMessageBatchResultEntry] = []
    failed: list[BatchResultErrorEntry] = []
    for entry, outgoing in entries:
        entry_id = entry.id or ""
        if isinstance(outgoing, SqsError):
            failed.append(failed_entry(entry_id, outgoing))
            continue
        result = next(results)
        if isinstance(result, SentMessage):
            successful.append(_sent_entry(ids, entry_id, outgoing, result))
        else:
            failed.append(failed_entry(entry_id, error_of_request(result, entry)))
    return SendMessageBatchResult(successful or None, failed or None)


def _sent_entry(ids: HostIdentity, entry_id: str, outgoing: Outgoing, sent: SentMessage) -> SendMessageBatchResultEntry:
    return SendMessageBatchResultEntry(
        entry_id,
        ids.message_id(sent.message),
        outgoing.md5_of_body,
        outgoing.md5_of_attributes,
        outgoing.md5_of_system_attributes,
        sequence_number(sent.message) if sent.fifo else None,
    )


def _sender(call: Call, place: Place) -> str | None:
    return None if call.account == place.account else call.account
