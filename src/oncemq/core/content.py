"""How a content is stored: CRC32C of the rest (4), length of the properties (4), kind (1), properties, body.

The checksum is the journal's; who is given stored bytes is given such that were checked, or that never left memory.
"""

from struct import Struct
from typing import NamedTuple

from oncemq.core.model import Content

CHECKSUM_BYTES = 4
HEAD = Struct("<IB")
"""Length of the properties, and kind."""
OVERHEAD_BYTES = CHECKSUM_BYTES + HEAD.size


class StoredRun(NamedTuple):
    """`messages` contents that follow one another in the columns of an output lie in `data`, whose first byte has this
    position.
    """

    data: bytes
    position: int
    messages: int


def content_at(data: bytes, at: int, length_bytes: int) -> Content:
    """The content that is stored there."""
    properties_bytes, kind = HEAD.unpack_from(data, at + CHECKSUM_BYTES)
    properties_at = at + OVERHEAD_BYTES
    body_at = properties_at + properties_bytes
    return Content(kind, data[properties_at:body_at], data[body_at : at + length_bytes])
