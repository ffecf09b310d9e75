"""What clients ask, one Struct an action, shared by both protocols. Members and their types are the service model's.

Every member may be absent here, so that a missing one is answered as AWS does (MissingParameter), not as a wrong type.
"""

import msgspec

from oncemq.protocols.sqs.wire import member_name


class Request(msgspec.Struct, rename=member_name):
    """Base of all requests."""


class QueueRequest(Request):
    """A request on the queue that `queue_url` names."""

    queue_url: str | None = None


class AttributeValue(msgspec.Struct, rename=member_name):
    """The value of a message attribute or of a message system attribute. Binary is base64 on the wire."""

    data_type: str | None = None
    string_value: str | None = None
    binary_value: bytes | None = None
    string_list_values: list[str] | None = None
    binary_list_values: list[bytes] | None = None


class MessageMembers(Request):
    """What SendMessage and an entry of SendMessageBatch have in common."""

    message_body: str | None = None
    delay_seconds: int | None = None
    message_attributes: dict[str, AttributeValue] | None = None
    message_system_attributes: dict[str, AttributeValue] | None = None
    message_deduplication_id: str | None = None
    message_group_id: str | None = None


class SendMessage(MessageMembers):
    queue_url: str | None = None


class SendMessageBatchRequestEntry(MessageMembers):
    id: str | None = None


class SendMessageBatch(QueueRequest):
    entries: list[SendMessageBatchRequestEntry] | None = None


class ReceiveMessage(QueueRequest):
    attribute_names: list[str] | None = None
    message_system_attribute_names: list[str] | None = None
    message_attribute_names: list[str] | None = None
    max_number_of_messages: int | None = None
    visibility_timeout: int | None = None
    wait_time_seconds: int | None = None
    receive_request_attempt_id: str | None = None


class DeleteMessage(QueueRequest):
    receipt_handle: str | None = None


class DeleteMessageBatchRequestEntry(Request):
    id: str | None = None
    receipt_handle: str | None = None


class DeleteMessageBatch(QueueRequest):
    entries: list[DeleteMessageBatchRequestEntry] | None = None


class ChangeMessageVisibility(QueueRequest):
    receipt_handle: str | None = None
    visibility_timeout: int | None = None


class ChangeMessageVisibilityBatchRequestEntry(Request):
    id: str | None = None
    receipt_handle: str | None = None
    visibility_timeout: int | None = None


class ChangeMessageVisibilityBatch(QueueRequest):
    entries: list[ChangeMessageVisibilityBatchRequestEntry] | None = None


class CreateQueue(Request):
    queue_name: str | None = None
    attributes: dict[str, str] | None = None
    lower_tags: dict[str, str] | None = None


class DeleteQueue(QueueRequest):
    """No member of its own."""


class PurgeQueue(QueueRequest):
    """No member of its own."""


class GetQueueUrl(Request):
    queue_name: str | None = None
    queue_owner_aws_account_id: str | None = None


class GetQueueAttributes(QueueRequest):
    attribute_names: list[str] | None = None


class SetQueueAttributes(QueueRequest):
    attributes: dict[str, str] | None = None


class ListQueues(Request):
    queue_name_prefix: str | None = None
    next_token: str | None = None
    max_results: int | None = None


class ListDeadLetterSourceQueues(QueueRequest):
    next_token: str | None = None
    max_results: int | None = None


class ListQueueTags(QueueRequest):
    """No member of its own."""


class TagQueue(QueueRequest):
    tags: dict[str, str] | None = None


class UntagQueue(QueueRequest):
    tag_keys: list[str] | None = None


class AddPermission(QueueRequest):
    label: str | None = None
    aws_account_ids: list[str] | None = None
    actions: list[str] | None = None


class RemovePermission(QueueRequest):
    label: str | None = None


class StartMessageMoveTask(Request):
    source_arn: str | None = None
    destination_arn: str | None = None
    max_number_of_messages_per_second: int | None = None


class CancelMessageMoveTask(Request):
    task_handle: str | None = None


class ListMessageMoveTasks(Request):
    source_arn: str | None = None
    max_results: int | None = None
