"""TagQueue, UntagQueue, ListQueueTags."""

from oncemq.core import commands
from oncemq.core.outputs import Done, Output, QueueInfo
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, Rejected, missing_parameter
from oncemq.protocols.sqs.limits import TAG_KEY_CHARACTERS, TAG_VALUE_CHARACTERS, TAGS
from oncemq.protocols.sqs.responses import ListQueueTagsResult, Response
from oncemq.protocols.sqs.text import is_valid_text

_NOTHING = Response()


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags, when their number, keys and values are right. Rejected: InvalidParameterValue."""
    if len(tags) > TAGS:
        raise Rejected(INVALID_PARAMETER_VALUE, f"Too many tags added for the queue: the maximum is {TAGS}.")
    for key, value in tags.items():
        _check_tag_key(key)
        if len(value) > TAG_VALUE_CHARACTERS or not _is_text(value):
            message = f"Tag values must be of 0 to {TAG_VALUE_CHARACTERS} valid characters."
            raise Rejected(INVALID_PARAMETER_VALUE, message)
    return tags


def _check_tag_key(key: str) -> None:
    if not 1 <= len(key) <= TAG_KEY_CHARACTERS or not _is_text(key):
        raise Rejected(INVALID_PARAMETER_VALUE, f"Tag keys must be of 1 to {TAG_KEY_CHARACTERS} valid characters.")
    if key.lower().startswith("aws:"):
        raise Rejected(INVALID_PARAMETER_VALUE, "Tag keys must not start with the reserved prefix aws:.")


def _is_text(text: str) -> bool:
    return is_valid_text(text, text.encode("utf-8", "surrogatepass"))


def tag_queue(call: Call, request: requests.TagQueue) -> Asked:
    """TagQueue: adds tags or changes their values; answers nothing."""
    target = call.queue(request.queue_url)
    if not request.tags:
        raise missing_parameter("Tags")
    tags = check_tags(request.tags)
    return commands.TagQueue(target.place.host, target.queue, call.caller, tags), _done


def untag_queue(call: Call, request: requests.UntagQueue) -> Asked:
    """UntagQueue: removes tags by key; answers nothing."""
    target = call.queue(request.queue_url)
    if not request.tag_keys:
        raise missing_parameter("TagKeys")
    return commands.UntagQueue(target.place.host, target.queue, call.caller, request.tag_keys), _done


def list_queue_tags(call: Call, request: requests.ListQueueTags) -> Asked:
    """ListQueueTags: answers the tags, or nothing when there are none."""
    target = call.queue(request.queue_url)
    return commands.DescribeQueue(target.place.host, target.queue, call.caller, "ListQueueTags"), _listed


def _listed(output: Output) -> ListQueueTagsResult:
    assert isinstance(output, QueueInfo)
    return ListQueueTagsResult(output.tags or None)


def _done(output: Output) -> Response:
    assert isinstance(output, Done)
    return _NOTHING
