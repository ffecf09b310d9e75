"""A consumer: who is sent what becomes ready in a queue, as long as there is room. Not durable: it ends with its
channel.
"""

from typing import Any

from oncemq.core.limits import OUTLET_BYTES

UNLIMITED = 1 << 62


class Outlet:
    """What the consumers of one connection share: the bytes that they may be sent before it has written some.

    Whoever owns the connection gives them back as it writes them. One message may go beyond.
    """

    __slots__ = ("channels", "held", "room_bytes")

    def __init__(self) -> None:
        self.room_bytes = OUTLET_BYTES
        self.held = False
        """The peer does not read: what it could be sent is for others, or waits in its queue."""
        self.channels: dict[Channel, None] = {}

    @property
    def full(self) -> bool:
        """Whether nothing more is to be sent for now."""
        return self.held or self.room_bytes <= 0


class Channel:
    """What the consumers of one channel share: how many unsettled messages it may hold."""

    __slots__ = ("address", "consumers", "ended", "limit", "outlet", "unsettled")

    def __init__(self, address: Any) -> None:
        self.address = address
        self.limit = UNLIMITED
        self.unsettled = 0
        self.outlet = Outlet()
        """Its connection's, from its first consumer on."""
        self.consumers: dict[int, Consumer] = {}
        self.ended: dict[int, Consumer] = {}
        """Those that get nothing more and hold unsettled messages yet."""

    @property
    def room(self) -> int:
        """Messages that it may still be sent."""
        return self.limit - self.unsettled


class Consumer:
    """One subscription to one queue."""

    __slots__ = (
        "active",
        "channel",
        "exclusive",
        "follows_limit",
        "lease_ms",
        "limit",
        "no_ack",
        "number",
        "priority",
        "queue",
        "tag",
        "unsettled",
    )

    def __init__(self, number: int, channel: Channel, queue: int, tag: str, limit: int) -> None:
        self.number, self.channel, self.queue, self.tag = number, channel, queue, tag
        self.limit = limit
        self.unsettled = 0
        self.no_ack = False
        self.exclusive = False
        self.priority = 0
        self.active = False
        """Where only one is active at a time: it is this one."""
        self.follows_limit = False
        """Whether its limit changes with the channel's setting for consumers."""
        self.lease_ms = 0
        """How long it may hold a message; 0: as long as its channel lives."""

    def takes_like(self, other: "Consumer") -> bool:
        """Whether the same record may say that both were sent something."""
        return self.no_ack == other.no_ack and self.lease_ms == other.lease_ms

    @property
    def room(self) -> int:
        """Messages that it may be sent now."""
        if self.channel.outlet.full:
            return 0
        if self.no_ack:
            return UNLIMITED
        return min(self.limit - self.unsettled, self.channel.room)
