"""Actions on queues themselves: create, delete, find, list, purge, attributes."""

import base64
from functools import partial

from oncemq.core import commands
from oncemq.core.outputs import Output, QueueInfo, QueueNames
from oncemq.core.settings import FIFO
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.attributes import check_names, read_fifo, read_settings, shown_attributes
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, Rejected, invalid_parameter, missing_parameter
from oncemq.protocols.sqs.limits import LIST_RESULTS_MAXIMUM
from oncemq.protocols.sqs.responses import (
    CreateQueueResult,
    GetQueueAttributesResult,
    GetQueueUrlResult,
    ListDeadLetterSourceQueuesResult,
    ListQueuesResult,
    Response,
)
from oncemq.protocols.sqs.tags import check_tags
from oncemq.protocols.sqs.urls import ACCOUNT, QUEUE_NAME, Place

_NOTHING = Response()
_BAD_NAME = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
_BAD_FIFO_NAME = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
    "must end with .fifo suffix and be 1 to 80 in length."
)


def create_queue(call: Call, request: requests.CreateQueue) -> Asked:
    """CreateQueue in the caller's account: answers the queue's URL, an equal queue's too."""
    name = request.queue_name
    if not name:
        raise missing_parameter("QueueName")
    attributes = request.attributes or {}
    kind = read_fifo(attributes)
    if kind == FIFO and not (name.endswith(".fifo") and QUEUE_NAME.fullmatch(name)):
        raise Rejected(INVALID_PARAMETER_VALUE, _BAD_FIFO_NAME)
    if kind != FIFO and (name.endswith(".fifo") or not QUEUE_NAME.fullmatch(name)):
        raise Rejected(INVALID_PARAMETER_VALUE, _BAD_NAME)
    place = call.own_place()
    settings = read_settings(attributes, place, kind == FIFO, call.addresses)
    if "FifoQueue" in attributes:
        settings["kind"] = kind
    if kind == FIFO and "deduplication_scope" in settings:
        settings["deduplicates_by_group"] = settings["deduplication_scope"] == "messageGroup"
    command = commands.CreateQueue(place.host, name, call.caller, settings, check_tags(request.lower_tags or {}))
    return command, partial(_created, call, place)


def _created(call: Call, place: Place, output: Output) -> CreateQueueResult:
    assert isinstance(output, QueueInfo)
    return CreateQueueResult(call.queue_url(place, output.name))


def delete_queue(call: Call, request: requests.DeleteQueue) -> Asked:
    """DeleteQueue: answers nothing."""
    target = call.queue(request.queue_url)
    return commands.DeleteQueue(target.place.host, target.queue, call.caller), nothing


def purge_queue(call: Call, request: requests.PurgeQueue) -> Asked:
    """PurgeQueue: answers nothing."""
    target = call.queue(request.queue_url)
    return commands.PurgeQueue(target.place.host, target.queue, call.caller), nothing


def nothing(output: Output) -> Response:
    """The response of actions that answer nothing."""
    return _NOTHING


def get_queue_url(call: Call, request: requests.GetQueueUrl) -> Asked:
    """GetQueueUrl, in the account QueueOwnerAWSAccountId or else the caller's own."""
    name = request.queue_name
    if not name:
        raise missing_parameter("QueueName")
    if not QUEUE_NAME.fullmatch(name):
        raise Rejected(INVALID_PARAMETER_VALUE, _BAD_NAME)
    owner = request.queue_owner_aws_account_id
    if owner and not ACCOUNT.fullmatch(owner):
        raise invalid_parameter(owner, "QueueOwnerAWSAccountId", "It must be an account of 12 digits.")
    place = call.addresses.place(owner or call.account, call.region)
    command = commands.DescribeQueue(place.host, name, call.caller, "GetQueueUrl")
    return command, partial(_found, call, place)


def _found(call: Call, place: Place, output: Output) -> GetQueueUrlResult:
    assert isinstance(output, QueueInfo)
    return GetQueueUrlResult(call.queue_url(place, output.name))


def get_queue_attributes(call: Call, request: requests.GetQueueAttributes) -> Asked:
    """GetQueueAttributes: those asked for; none when none are."""
    target = call.queue(request.queue_url)
    asked = request.attribute_names or []
    check_names(asked)
    command = commands.DescribeQueue(target.place.host, target.queue, call.caller, "GetQueueAttributes")
    return command, partial(_described, target.place, asked)


def _described(place: Place, asked: list[str], output: Output) -> GetQueueAttributesResult:
    assert isinstance(output, QueueInfo)
    return GetQueueAttributesResult(shown_attributes(output, place, asked) or None)


def set_queue_attributes(call: Call, request: requests.SetQueueAttributes) -> Asked:
    """SetQueueAttributes: all of them or, when one is refused, none; answers nothing."""
    target = call.queue(request.queue_url)
    if not request.attributes:
        raise missing_parameter("Attribute.Name")
    is_fifo = target.queue.endswith(".fifo")
    if "FifoQueue" in request.attributes and (read_fifo(request.attributes) == FIFO) != is_fifo:
        raise invalid_parameter(request.attributes["FifoQueue"], "FifoQueue", "The type of a queue can't be changed.")
    changes = read_settings(request.attributes, target.place, is_fifo, call.addresses)
    return commands.ChangeQueue(target.place.host, target.queue, call.caller, changes), nothing


def list_queues(call: Call, request: requests.ListQueues) -> Asked:
    """ListQueues of the caller's account: URLs in order of name; pages only when MaxResults asks for them."""
    maximum = _maximum(request.max_results)
    if request.next_token and request.max_results is None:
        message = "MaxResults is a mandatory parameter when you provide a value for NextToken."
        raise Rejected(INVALID_PARAMETER_VALUE, message)
    place = call.own_place()
    after = _read_token(request.next_token)
    command = commands.ListQueues(place.host, request.queue_name_prefix or "", after, maximum)
    return command, partial(_listed, call, place, request.max_results is not None)


def _listed(call: Call, place: Place, paged: bool, output: Output) -> ListQueuesResult:
    assert isinstance(output, QueueNames)
    urls = [call.queue_url(place, name) for name in output.names]
    return ListQueuesResult(urls or None, _token(output) if paged else None)


def list_dead_letter_source_queues(call: Call, request: requests.ListDeadLetterSourceQueues) -> Asked:
    """ListDeadLetterSourceQueues: URLs of the queues that name this one as their dead-letter queue."""
    target = call.queue(request.queue_url)
    maximum = _maximum(request.max_results)
    after = _read_token(request.next_token)
    command = commands.ListDeadLetterSources(target.place.host, target.queue, call.caller, after, maximum)
    return command, partial(_sources_listed, call, target.place, request.max_results is not None)


def _sources_listed(call: Call, place: Place, paged: bool, output: Output) -> ListDeadLetterSourceQueuesResult:
    assert isinstance(output, QueueNames)
    urls = [call.queue_url(place, name) for name in output.names]
    return ListDeadLetterSourceQueuesResult(urls, _token(output) if paged else None)


def _maximum(given: int | None) -> int:
    if given is not None and not 1 <= given <= LIST_RESULTS_MAXIMUM:
        message = (
            f"Value {given} for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and "
        )
        raise Rejected(INVALID_PARAMETER_VALUE, f"{message}{LIST_RESULTS_MAXIMUM}.")
    return given or LIST_RESULTS_MAXIMUM


def _token(output: QueueNames) -> str | None:
    if not output.more or not output.names:
        return None
    return base64.urlsafe_b64encode(output.names[-1].encode()).decode("ascii")


def _read_token(token: str | None) -> str:
    if not token:
        return ""
    try:
        name = base64.urlsafe_b64decode(token.encode("ascii")).decode("ascii")
    except ValueError:
        name = ""
    if not QUEUE_NAME.fullmatch(name):
        raise invalid_parameter(token, "NextToken", "It is not a token of this server.")
    return name
