"""ReceiveMessage: what is asked for, and how a stored message is shown."""

from functools import partial
from hashlib import sha256

from oncemq.core.commands import ReceiveMessages
from oncemq.core.outputs import Output, Received, ReceivedMessage
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.content import properties_of, read_identifier, text_of
from oncemq.protocols.sqs.digests import md5_of_attributes, md5_of_body
from oncemq.protocols.sqs.errors import INVALID_ATTRIBUTE_NAME, Rejected, invalid_parameter
from oncemq.protocols.sqs.handles import HostIdentity, sequence_number
from oncemq.protocols.sqs.limits import (
    RECEIVE_MESSAGES_MAXIMUM,
    VISIBILITY_TIMEOUT_SECONDS_MAXIMUM,
    WAIT_SECONDS_MAXIMUM,
)
from oncemq.protocols.sqs.message_attributes import Attribute, WantedAttributes
from oncemq.protocols.sqs.responses import Message, ReceivedAttributeValue, ReceiveMessageResult
from oncemq.protocols.sqs.urls import Place
from oncemq.protocols.stored import SqsProperties

SYSTEM_ATTRIBUTES = frozenset(
    {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
    }
)
_NONE_WANTED: frozenset[str] = frozenset()


def receive_message(call: Call, request: requests.ReceiveMessage) -> Asked:
    """ReceiveMessage: answers up to ten messages, or none after the wait."""
    target = call.queue(request.queue_url)
    wanted = (_wanted_system(request), _wanted_attributes(request))
    attempt = read_identifier(request.receive_request_attempt_id, "ReceiveRequestAttemptId")
    maximum = request.max_number_of_messages
    if maximum is None:
        maximum = 1
    elif not 1 <= maximum <= RECEIVE_MESSAGES_MAXIMUM:
        reason = f"Must be between 1 and {RECEIVE_MESSAGES_MAXIMUM}, if provided."
        raise invalid_parameter(maximum, "MaxNumberOfMessages", reason)
    command = ReceiveMessages(
        target.place.host,
        target.queue,
        call.caller,
        maximum,
        read_visibility_timeout_ms(request.visibility_timeout),
        _wait_ms(request.wait_time_seconds),
        None if attempt is None else attempt.encode(),
    )
    return command, partial(_received, target.place, call.ids(target.place), wanted)


Wanted = tuple[frozenset[str], WantedAttributes | None]
"""The system attributes and the message attributes that a receive asks for."""


def _received(place: Place, ids: HostIdentity, wanted: Wanted, output: Output) -> ReceiveMessageResult:
    assert isinstance(output, Received)
    if not output.messages:
        return ReceiveMessageResult()
    return ReceiveMessageResult([_shown(place, ids, wanted, message) for message in output.messages])


def _shown(place: Place, ids: HostIdentity, wanted: Wanted, received: ReceivedMessage) -> Message:
    content = received.content
    assert content is not None, "the engine fills in contents before an output leaves"
    text, added = text_of(content)
    message = Message(
        ids.message_id(received.message),
        ids.receipt_handle(received.lease),
        md5_of_body(content.body if not added else text.encode()),
        text,
    )
    system, attributes = wanted
    if system or attributes is not None:
        properties = properties_of(content)
        if system:
            message.attributes = _system_attributes(place, system, received, properties) or None
        if attributes is not None:
            _add_attributes(message, attributes.of(added + properties.attributes if added else properties.attributes))
    return message


def _add_attributes(message: Message, attributes: list[Attribute]) -> None:
    if not attributes:
        return
    message.md5_of_message_attributes = md5_of_attributes(attributes)
    message.message_attributes = {
        name: ReceivedAttributeValue(type_name, string_value=value)
        if isinstance(value, str)
        else ReceivedAttributeValue(type_name, binary_value=value)
        for name, type_name, value in attributes
    }


def _system_attributes(
    place: Place, wanted: frozenset[str], received: ReceivedMessage, properties: SqsProperties
) -> dict[str, str]:
    shown = {
        "SenderId": properties.sender or place.account,
        "ApproximateFirstReceiveTimestamp": str(received.first_delivery_ms),
        "ApproximateReceiveCount": str(received.deliveries),
        "SentTimestamp": str(received.sent_ms),
    }
    if received.fifo:
        shown["SequenceNumber"] = sequence_number(received.message)
        assert received.content is not None
        shown["MessageDeduplicationId"] = properties.deduplication_id or sha256(received.content.body).hexdigest()
    if properties.group is not None:
        shown["MessageGroupId"] = properties.group
    if properties.trace_header is not None:
        shown["AWSTraceHeader"] = properties.trace_header
    if received.source is not None:
        shown["DeadLetterQueueSourceArn"] = place.arn(received.source)
    if wanted is SYSTEM_ATTRIBUTES:
        return shown
    return {name: value for name, value in shown.items() if name in wanted}


def _wanted_system(request: requests.ReceiveMessage) -> frozenset[str]:
    asked = request.message_system_attribute_names or request.attribute_names
    if not asked:
        return _NONE_WANTED
    names = {*(request.message_system_attribute_names or ()), *(request.attribute_names or ())}
    for name in names:
        if name not in SYSTEM_ATTRIBUTES and name != "All":
            raise Rejected(INVALID_ATTRIBUTE_NAME, f"Unknown Attribute {name[:256]}.")
    return SYSTEM_ATTRIBUTES if "All" in names else frozenset(names)


def _wanted_attributes(request: requests.ReceiveMessage) -> WantedAttributes | None:
    asked = request.message_attribute_names
    return WantedAttributes(asked) if asked else None


def read_visibility_timeout_ms(seconds: int | None) -> int | None:
    """A visibility timeout in milliseconds. Rejected with InvalidParameterValue out of 0 to 43,200 s."""
    if seconds is None:
        return None
    if not 0 <= seconds <= VISIBILITY_TIMEOUT_SECONDS_MAXIMUM:
        reason = f"VisibilityTimeout must be an integer between 0 and {VISIBILITY_TIMEOUT_SECONDS_MAXIMUM}."
        raise invalid_parameter(seconds, "VisibilityTimeout", reason)
    return seconds * 1_000


def _wait_ms(seconds: int | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= WAIT_SECONDS_MAXIMUM:
        reason = f"Must be >= 0 and <= {WAIT_SECONDS_MAXIMUM}, if provided."
        raise invalid_parameter(seconds, "WaitTimeSeconds", reason)
    return seconds * 1_000
