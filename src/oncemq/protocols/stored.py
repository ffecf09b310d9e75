"""How the SQS door stores what stands beside a body; read by every door that delivers such a message."""

from typing import Any

import msgspec

from oncemq.core.model import CONTENT_SQS, Content


class SqsProperties(msgspec.Struct, array_like=True):
    """What is kept beside the body. `sender` is None for the queue's own account."""

    attributes: list[tuple[str, str, Any]] = []
    """(name, type, value): str for String and Number, bytes for Binary, which MessagePack itself tells apart."""
    trace_header: str | None = None
    group: str | None = None
    deduplication_id: str | None = None
    sender: str | None = None


NO_PROPERTIES = SqsProperties()

encode_properties = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SqsProperties).decode


def sqs_properties(content: Content) -> SqsProperties:
    """What was kept beside the body of an SQS message. Not to be changed: the empty one is shared."""
    assert content.kind == CONTENT_SQS
    return _decode(content.properties) if content.properties else NO_PROPERTIES
