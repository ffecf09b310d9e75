"""A message that came through one door, as the other one shows it (DESIGN.md, "One queue, two doors").

AMQP to SQS: headers are attributes: text String, numbers Number, bytes Binary, tables and arrays String in JSON. Ten of
them; what has no place in SQS (more than ten, empty values, names that SQS has not) is counted in an attribute.
SQS to AMQP: attributes are headers; a Number that is an integer is one, any other is text. What does not fit a frame is
counted in a header.
"""

import base64
import json
import math
import re
from typing import Any

from oncemq.core.deduplication import DEDUPLICATION_HEADER, GROUP_HEADER
from oncemq.core.model import CONTENT_AMQP, Content
from oncemq.protocols.amqp import properties
from oncemq.protocols.amqp.limits import SHORT_STRING_BYTES
from oncemq.protocols.amqp.tables import Decimal, Table, Timestamp, Value, decode_whole_table
from oncemq.protocols.stored import SqsProperties, sqs_properties

ATTRIBUTES = 10
NAME_CHARACTERS = 256
OMITTED = "oncemq.headers_omitted"
TRACE_HEADER = "AWSTraceHeader"
TEXT = "text/plain"

_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_RESERVED = ("aws.", "amazon.")
_NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def header_of(content: Content) -> bytes:
    """The content header of an AMQP message as it came, out of its stored properties."""
    assert content.kind == CONTENT_AMQP
    stored = content.properties
    exchange_end = 1 + stored[0]
    return stored[exchange_end + 1 + stored[exchange_end] :]


def as_sqs(content: Content) -> SqsProperties:
    """What an AMQP message has beside its body, as SQS shows it."""
    headers = headers_of(content)
    attributes: list[tuple[str, str, Any]] = []
    for name, value in headers.items():
        typed = _attribute(value)
        if typed is not None and len(attributes) < ATTRIBUTES and _is_name(name):
            attributes.append((name, *typed))
    omitted = len(headers) - len(attributes)
    if omitted:
        attributes.append((OMITTED, "Number", str(omitted)))
    group, deduplication = headers.get(GROUP_HEADER), headers.get(DEDUPLICATION_HEADER)
    return SqsProperties(
        attributes,
        group=group if isinstance(group, str) else None,
        deduplication_id=None if deduplication is None else str(deduplication),
    )


def _is_name(name: str) -> bool:
    fits = len(name) <= NAME_CHARACTERS and _NAME.fullmatch(name)
    return bool(fits) and not name.lower().startswith(_RESERVED)


def _attribute(value: Value) -> tuple[str, str | bytes] | None:
    """Type and value; None for what has no value in SQS."""
    if value is None or value == "" or value == b"":
        return None
    if isinstance(value, bytes):
        return "Binary", bytes(value)
    if isinstance(value, str):
        return ("Binary", value.encode("utf-8", "surrogatepass")) if _NOT_TEXT.search(value) else ("String", value)
    if isinstance(value, bool | list | dict):
        return "String", json.dumps(_plain(value), separators=(",", ":"))
    plain = _plain(value)
    return ("String" if isinstance(plain, str) else "Number"), str(plain)


def _plain(value: Value) -> Any:
    """As JSON has it. Bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Timestamp):
        return value.seconds
    if isinstance(value, Decimal):
        return value.value / 10**value.scale
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def headers_of(content: Content) -> Table:
    """The headers of any stored message: what headers exchanges look at when it is dead-lettered."""
    if content.kind == CONTENT_AMQP:
        raw = properties.read_headers(header_of(content))
        return decode_whole_table(raw) if raw is not None else {}
    return _headers(sqs_properties(content))


def _headers(stored: SqsProperties) -> Table:
    headers: Table = {}
    for name, type_name, value in stored.attributes:
        headers[name] = _number(value) if type_name.startswith("Number") else value
    for name, text in (
        (TRACE_HEADER, stored.trace_header),
        (GROUP_HEADER, stored.group),
        (DEDUPLICATION_HEADER, stored.deduplication_id),
    ):
        if text is not None:
            headers[name] = text
    return headers


def as_amqp(content: Content, sent_ms: int, header_bytes_max: int) -> bytes:
    """The content header of a message that came through SQS."""
    headers = _headers(sqs_properties(content))
    omitted = _fit(headers, header_bytes_max // 2)
    if omitted:
        headers[OMITTED] = omitted
    shown = properties.Properties(
        content_type=TEXT,
        headers=headers or None,
        delivery_mode=properties.PERSISTENT,
        timestamp=sent_ms // 1000,
    )
    return properties.encode(shown, len(content.body))


def _number(text: str) -> Value:
    """Only integers: SQS has 38 digits, a double has 16, and pika 1.3 reads a double as an integer."""
    return int(text) if _INTEGER.fullmatch(text) else text


def _fit(headers: Table, maximum_bytes: int) -> int:
    """Take out what is too long for a name or, the largest first, for a frame; says how many."""
    sizes = {name: len(name) + _value_bytes(value) for name, value in headers.items()}
    going = [name for name in headers if len(name) > SHORT_STRING_BYTES]
    kept = sorted((name for name in headers if name not in going), key=lambda name: (sizes[name], name))
    total = sum(sizes[name] for name in kept)
    while total > maximum_bytes:
        largest = kept.pop()
        total -= sizes[largest]
        going.append(largest)
    for name in going:
        del headers[name]
    return len(going)


def _value_bytes(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 16
