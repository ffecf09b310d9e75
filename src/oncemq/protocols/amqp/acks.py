"""Acknowledgements in a row: consumers that acknowledge each message send frames that differ in nothing but their tags,
so a read of them is compared a column of octets at a time, not a frame at a time.
"""

from struct import Struct
from typing import Final

ACK_FRAME_BYTES: Final = 21
_TAG_AT = 11
"""Before it: type, channel, size, number of the method."""
_MULTIPLE_AT = 19
_END = b"\xce"
_COLUMNS = (*range(_TAG_AT), _MULTIPLE_AT, ACK_FRAME_BYTES - 1)
"""Those that are the same in every frame."""
FRAMES_MIN: Final = 4
FRAMES_MAX: Final = 1_024

_unpack_tags = Struct(">11xQ2x").iter_unpack


def acks_at(data: bytes, at: int) -> list[int]:
    """The tags of the frames alike that follow one another from the ack at `at`: on its channel, whole, none of them
    multiple. None if they are few.
    """
    frames = min((len(data) - at) // ACK_FRAME_BYTES, FRAMES_MAX)
    start = data[at : at + _TAG_AT]
    if frames < FRAMES_MIN or not data.startswith(start, at + (FRAMES_MIN - 1) * ACK_FRAME_BYTES):
        return []
    expected = start + bytes(ACK_FRAME_BYTES - _TAG_AT - 1) + _END
    for column in _COLUMNS:
        found = data[at + column : at + frames * ACK_FRAME_BYTES : ACK_FRAME_BYTES]
        octet = expected[column : column + 1]
        if found != octet * frames:
            frames = len(found) - len(found.lstrip(octet))
    if frames < FRAMES_MIN:
        return []
    return [tag for (tag,) in _unpack_tags(data[at : at + frames * ACK_FRAME_BYTES])]
