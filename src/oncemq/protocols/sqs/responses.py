"""What clients are answered, one Struct an action that answers anything, shared by both protocols.

A member that is None is left out, as AWS does; so are empty lists of a batch, though the model calls them required
(clients take a list that is there for a sign of failures).
"""

import msgspec

from oncemq.protocols.sqs.wire import member_name


class Response(msgspec.Struct, rename=member_name, omit_defaults=True):
    """Base of all responses; by itself, the answer of actions that answer nothing."""


class BatchResultErrorEntry(Response):
    id: str
    sender_fault: bool
    code: str
    message: str


class SendMessageResult(Response):
    md5_of_message_body: str
    message_id: str
    md5_of_message_attributes: str | None = None
    md5_of_message_system_attributes: str | None = None
    sequence_number: str | None = None


class SendMessageBatchResultEntry(Response):
    id: str
    message_id: str
    md5_of_message_body: str
    md5_of_message_attributes: str | None = None
    md5_of_message_system_attributes: str | None = None
    sequence_number: str | None = None


class SendMessageBatchResult(Response):
    successful: list[SendMessageBatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


class ReceivedAttributeValue(Response):
    data_type: str
    string_value: str | None = None
    binary_value: bytes | None = None


class Message(Response):
    message_id: str
    receipt_handle: str
    md5_of_body: str
    body: str
    attributes: dict[str, str] | None = None
    md5_of_message_attributes: str | None = None
    message_attributes: dict[str, ReceivedAttributeValue] | None = None


class ReceiveMessageResult(Response):
    messages: list[Message] | None = None


class DeleteMessageBatchResultEntry(Response):
    id: str


class DeleteMessageBatchResult(Response):
    successful: list[DeleteMessageBatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


class ChangeMessageVisibilityBatchResultEntry(Response):
    id: str


class ChangeMessageVisibilityBatchResult(Response):
    successful: list[ChangeMessageVisibilityBatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


class CreateQueueResult(Response):
    queue_url: str


class GetQueueUrlResult(Response):
    queue_url: str


class GetQueueAttributesResult(Response):
    attributes: dict[str, str] | None = None


class ListQueuesResult(Response):
    queue_urls: list[str] | None = None
    next_token: str | None = None


class ListDeadLetterSourceQueuesResult(Response):
    lower_queue_urls: list[str]
    next_token: str | None = None


class ListQueueTagsResult(Response):
    tags: dict[str, str] | None = None


class StartMessageMoveTaskResult(Response):
    task_handle: str


class CancelMessageMoveTaskResult(Response):
    approximate_number_of_messages_moved: int


class ListMessageMoveTasksResultEntry(Response):
    status: str
    source_arn: str
    approximate_number_of_messages_moved: int
    started_timestamp: int
    task_handle: str | None = None
    destination_arn: str | None = None
    max_number_of_messages_per_second: int | None = None
    approximate_number_of_messages_to_move: int | None = None
    failure_reason: str | None = None


class ListMessageMoveTasksResult(Response):
    results: list[ListMessageMoveTasksResultEntry]
