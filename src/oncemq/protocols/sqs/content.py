"""A message between the wire and the store.

Stored body: the text in UTF-8. Stored properties: empty when there is nothing to keep, else MessagePack of
SqsProperties.
"""

import base64
import re

import msgspec

from oncemq.core.commands import NewMessage
from oncemq.core.model import CONTENT_SQS, Content
from oncemq.protocols.crossing import as_sqs
from oncemq.protocols.sqs.digests import md5_of_attributes, md5_of_body
from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, Rejected, invalid_parameter, missing_parameter
from oncemq.protocols.sqs.limits import DELAY_SECONDS_MAXIMUM, EXTENDED_DELAY_SECONDS_MAXIMUM, MESSAGE_BYTES
from oncemq.protocols.sqs.message_attributes import (
    Attribute,
    attributes_bytes,
    read_attributes,
    read_system_attributes,
)
from oncemq.protocols.sqs.requests import MessageMembers
from oncemq.protocols.sqs.text import check_text, is_valid_text
from oncemq.protocols.stored import NO_PROPERTIES, SqsProperties, encode_properties, sqs_properties

DELAY_ATTRIBUTE = "oncemq.DelaySeconds"
"""A Number attribute that delays its message for longer than DelaySeconds can."""
BODY_ATTRIBUTE = "oncemq.body"

_IDENTIFIER = re.compile(r"[!-~]{1,128}")


class Outgoing(msgspec.Struct):
    """A message to send, and the digests that its sender is answered with."""

    message: NewMessage
    md5_of_body: str
    md5_of_attributes: str | None = None
    md5_of_system_attributes: str | None = None


def read_message(given: MessageMembers, sender: str | None) -> Outgoing:
    """The message that a request gives, checked against all that does not depend on the queue."""
    text = given.message_body
    if not text:
        raise missing_parameter("MessageBody")
    body = text.encode("utf-8", "surrogatepass")
    check_text(text, body)
    if (
        sender is None
        and given.message_attributes is None
        and given.message_system_attributes is None
        and given.message_group_id is None
        and given.message_deduplication_id is None
    ):
        _check_size(len(body))
        message = NewMessage(Content(CONTENT_SQS, b"", body), len(body), _delay_ms(given.delay_seconds))
        return Outgoing(message, md5_of_body(body))
    return _read_rich_message(given, body, sender)


def _read_rich_message(given: MessageMembers, body: bytes, sender: str | None) -> Outgoing:
    attributes = read_attributes(given.message_attributes or {})
    system = read_system_attributes(given.message_system_attributes or {})
    group = read_identifier(given.message_group_id, "MessageGroupId")
    deduplication_id = read_identifier(given.message_deduplication_id, "MessageDeduplicationId")
    size_bytes = len(body) + attributes_bytes(attributes)
    _check_size(size_bytes)
    trace_header = str(system[0][2]) if system else None
    properties = SqsProperties(attributes, trace_header, group, deduplication_id, sender)
    packed = b"" if properties == NO_PROPERTIES else encode_properties(properties)
    delay_ms = _extended_delay_ms(attributes)
    if delay_ms is None:
        delay_ms = _delay_ms(given.delay_seconds)
    message = NewMessage(
        Content(CONTENT_SQS, packed, body),
        size_bytes,
        delay_ms,
        group,
        None if deduplication_id is None else deduplication_id.encode(),
    )
    return Outgoing(
        message,
        md5_of_body(body),
        md5_of_attributes(attributes) if attributes else None,
        md5_of_attributes(system) if system else None,
    )


def read_identifier(given: str | None, name: str) -> str | None:
    """A group, deduplication or attempt identifier: 1 to 128 letters, digits and punctuation marks of ASCII."""
    if given is None or _IDENTIFIER.fullmatch(given):
        return given
    reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    raise invalid_parameter(given, name, reason)


def properties_of(content: Content) -> SqsProperties:
    """What stands beside the body, whichever door it came through. Not to be changed: the empty one is shared."""
    return sqs_properties(content) if content.kind == CONTENT_SQS else as_sqs(content)


def text_of(content: Content) -> tuple[str, list[Attribute]]:
    """The body as SQS can carry it, and attributes that say how.

    The place of `body that is not SQS text` (DESIGN.md, "One queue, two doors"): what came through the other door and
    is not text is answered in base64 under the attribute `oncemq.body`.
    """
    if content.kind == CONTENT_SQS:
        return content.body.decode("utf-8"), []
    try:
        text = content.body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and is_valid_text(text, content.body):
        return text, []
    return base64.b64encode(content.body).decode("ascii"), [(BODY_ATTRIBUTE, "String", "base64")]


def _check_size(size_bytes: int) -> None:
    if size_bytes > MESSAGE_BYTES:
        message = f"One or more parameters are invalid. Reason: Message must be shorter than {MESSAGE_BYTES} bytes."
        raise Rejected(INVALID_PARAMETER_VALUE, message)


def _delay_ms(seconds: int | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= DELAY_SECONDS_MAXIMUM:
        reason = f"DelaySeconds must be >= 0 and <= {DELAY_SECONDS_MAXIMUM}."
        raise invalid_parameter(seconds, "DelaySeconds", reason)
    return seconds * 1_000


def _extended_delay_ms(attributes: list[Attribute]) -> int | None:
    for name, type_name, value in attributes:
        if name == DELAY_ATTRIBUTE:
            text = str(value)
            if type_name == "Number" and text.isascii() and text.isdigit() and len(text) <= 7:
                seconds = int(text)
                if seconds <= EXTENDED_DELAY_SECONDS_MAXIMUM:
                    return seconds * 1_000
            reason = f"Must be a Number, an integer from 0 to {EXTENDED_DELAY_SECONDS_MAXIMUM}."
            raise invalid_parameter(text, DELAY_ATTRIBUTE, reason)
    return None
