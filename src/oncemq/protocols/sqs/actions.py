"""The 23 actions: what is read, and what is done with it."""

from collections.abc import Callable
from typing import Any

import msgspec

from oncemq.core.refusals import Refusal
from oncemq.protocols.sqs import move_tasks, permissions, queues, receive, requests, send, settle, tags
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import SqsError
from oncemq.protocols.sqs.refused import error_of_request
from oncemq.protocols.sqs.requests import Request


class Action:
    """One action of SQS."""

    __slots__ = ("ask", "decoder", "error", "name", "request")

    def __init__(
        self,
        request: type[Request],
        ask: Callable[[Call, Any], Asked],
        error: Callable[[Refusal, Request], SqsError] = error_of_request,
    ) -> None:
        self.name = request.__name__
        self.request = request
        self.ask = ask
        self.error = error
        self.decoder = msgspec.json.Decoder(request)


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(requests.AddPermission, permissions.add_permission),
        Action(requests.CancelMessageMoveTask, move_tasks.cancel_message_move_task, move_tasks.error_of_move),
        Action(requests.ChangeMessageVisibility, settle.change_message_visibility),
        Action(requests.ChangeMessageVisibilityBatch, settle.change_message_visibility_batch),
        Action(requests.CreateQueue, queues.create_queue),
        Action(requests.DeleteMessage, settle.delete_message),
        Action(requests.DeleteMessageBatch, settle.delete_message_batch),
        Action(requests.DeleteQueue, queues.delete_queue),
        Action(requests.GetQueueAttributes, queues.get_queue_attributes),
        Action(requests.GetQueueUrl, queues.get_queue_url),
        Action(requests.ListDeadLetterSourceQueues, queues.list_dead_letter_source_queues),
        Action(requests.ListMessageMoveTasks, move_tasks.list_message_move_tasks, move_tasks.error_of_move),
        Action(requests.ListQueueTags, tags.list_queue_tags),
        Action(requests.ListQueues, queues.list_queues),
        Action(requests.PurgeQueue, queues.purge_queue),
        Action(requests.ReceiveMessage, receive.receive_message),
        Action(requests.RemovePermission, permissions.remove_permission),
        Action(requests.SendMessage, send.send_message),
        Action(requests.SendMessageBatch, send.send_message_batch),
        Action(requests.SetQueueAttributes, queues.set_queue_attributes),
        Action(requests.StartMessageMoveTask, move_tasks.start_message_move_task, move_tasks.error_of_move),
        Action(requests.TagQueue, tags.tag_queue),
        Action(requests.UntagQueue, tags.untag_queue),
    )
}

JSON_TARGETS: dict[bytes, Action] = {f"AmazonSQS.{name}".encode(): action for name, action in ACTIONS.items()}
"""Actions by the value of X-Amz-Target."""
