"""Limits of the AMQP wire, each with its unit."""

from typing import Final

FRAME_BYTES_MIN: Final = 4_096
"""The smallest frame_max that may be negotiated (AMQP 0-9-1, 1.4.2.6)."""

FRAME_BYTES_MAX: Final = 131_072
"""frame_max as offered: a frame with its eight octets of head and end."""

FRAME_BYTES_BEFORE_TUNE: Final = 8_192
"""What a peer may send in one frame before frame_max is agreed on: room for client properties and a long token."""

FRAME_OVERHEAD_BYTES: Final = 8
"""Type, channel, size and end of a frame."""

CHANNELS_MAX: Final = 2_047

BODY_BYTES: Final = 134_217_728
"""A larger message is refused with 406; the connection stays."""

ANNOUNCED_BODY_BYTES: Final = 536_870_912
"""A content header that announces more is a frame error: nobody waits for that much to be thrown away."""

UNFINISHED_BYTES: Final = 2 * BODY_BYTES
"""What a connection may hold in contents whose last frame has not come, over all its channels."""

UNFINISHED_CONTENT_BYTES: Final = 512
"""What an unfinished content is reckoned to take besides its bytes."""

TABLE_DEPTH: Final = 100
"""Tables and arrays inside of one another."""

TABLE_BYTES: Final = 1_048_576
"""A field table as a peer may send it. It must fit a frame, so this bounds other callers."""

SHORT_STRING_BYTES: Final = 255

DELIVERY_ROUTES: Final = 1_024
"""Exchange and routing key pairs whose part of a delivery is kept, per consumer."""

LONGEST_MS = 1 << 53
"""Longer times are this long: 285,000 years."""
