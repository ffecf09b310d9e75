"""How much a queue takes that refuses what is too much (reject-publish)."""

from oncemq.core.consumer import UNLIMITED
from oncemq.core.model import Content
from oncemq.core.queue import Queue


def fitting(queue: Queue, contents: list[Content]) -> int:
    """How many of these messages it takes, from the first on."""
    return min(_room(queue), _room_in_bytes(queue, contents))


def _room_in_bytes(queue: Queue, contents: list[Content]) -> int:
    maximum = queue.settings.maximum_bytes
    if maximum is None or queue.settings.overflow == "drop-head":
        return UNLIMITED
    left = maximum - queue.ready_bytes
    for number, content in enumerate(contents):
        left -= len(content.body) + len(content.properties)
        if left < 0:
            return number
    return UNLIMITED


def _room(queue: Queue) -> int:
    """Messages that the queue takes before it refuses one: what consumers are sent at once is never too much."""
    maximum = queue.settings.maximum_length
    if maximum is None or queue.settings.overflow == "drop-head":
        return UNLIMITED
    by_channel: dict[int, int] = {}
    for consumer in queue.consumers:
        if consumer.no_ack:
            return UNLIMITED
        room = by_channel.get(id(consumer.channel), 0) + max(0, consumer.room)
        by_channel[id(consumer.channel)] = min(room, max(0, consumer.channel.room))
    return max(0, maximum + sum(by_channel.values()) - queue.ready)
