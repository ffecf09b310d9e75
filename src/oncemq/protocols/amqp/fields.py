"""What the generated methods share: how fields that are not numbers are written, and what is raised when they lie."""

import struct
from struct import Struct

from oncemq.protocols.amqp.errors import FrameFault, cannot_decode, malformed_text

MALFORMED = (IndexError, struct.error, UnicodeDecodeError)
"""What reading beyond the end of a payload raises, and text that is not UTF-8."""

_NUMBER = Struct(">I")


def malformed(payload: bytes, error: Exception | None = None) -> FrameFault:
    """The fault of a method whose fields do not fill its payload exactly, or hold text that is not UTF-8."""
    refusal = malformed_text() if isinstance(error, UnicodeDecodeError) else cannot_decode(payload[4:])
    return FrameFault(refusal, int.from_bytes(payload[:4], "big"))


def encode_long_string(raw: bytes) -> bytes:
    """A long string with its length before it."""
    return _NUMBER.pack(len(raw)) + raw
