"""Direct reply-to: a channel consumes from the name amq.rabbitmq.reply-to, and what it publishes with that name as its
reply_to carries a name of its own instead, under which replies come straight to it.
"""

from typing import TYPE_CHECKING

from oncemq.core.outputs import Output
from oncemq.core.routed_commands import AwaitReplies
from oncemq.core.routed_outputs import Replies
from oncemq.protocols.amqp import properties, refusals
from oncemq.protocols.amqp.asked import Asked
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.specification import basic_server
from oncemq.protocols.amqp.specification.basic_client import BasicConsume
from oncemq.protocols.amqp.writing import DeliveryPrefix, content_frames

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel

REPLY_TO = "amq.rabbitmq.reply-to"
PREFIX = REPLY_TO + "."


def consume_replies(channel: "AmqpChannel", method: BasicConsume, tag: str, asked: list[Asked]) -> None:
    """basic.consume of the reply name."""
    if channel.reply_name:
        raise FrameFault(refusals.REPLY_CONSUMER_SET)
    if not method.no_ack:
        raise FrameFault(refusals.REPLY_CONSUMER_ACKNOWLEDGES)
    channel.reply_name = PREFIX + channel.connection.door.new_reply_name()
    channel.reply_tag = tag
    channel.consumers[tag] = 0
    command = AwaitReplies(channel.connection.host, channel.reply_name, channel, tag)

    def consuming(output: Output) -> Method | None:
        return None if method.no_wait else basic_server.BasicConsumeOk(tag)

    channel.ask(command, asked, consuming, method.NUMBER)


def end_replies(channel: "AmqpChannel", asked: list[Asked]) -> None:
    """basic.cancel of it."""
    asked.append((AwaitReplies(channel.connection.host, channel.reply_name, channel, None), None))
    channel.reply_name = channel.reply_tag = ""


def with_reply_name(channel: "AmqpChannel", header: bytes) -> bytes:
    """The content header, with the channel's own name if it says to reply to it. FrameFault 406: it has none."""
    if not header[12] & properties.REPLY_TO_FLAG:
        return header
    decoded = properties.decode(header)
    if decoded.reply_to != REPLY_TO:
        return header
    if not channel.reply_name:
        raise FrameFault(refusals.NO_REPLY_CONSUMER)
    decoded.reply_to = channel.reply_name
    return properties.encode(decoded, properties.body_bytes(header))


def deliver_replies(channel: "AmqpChannel", output: Replies) -> None:
    """basic.deliver for each of them."""
    connection = channel.connection
    prefix = DeliveryPrefix(channel.number, output.tag)
    for content in output.contents:
        stored = content.properties
        exchange_end = 1 + stored[0]
        route_end = exchange_end + 1 + stored[exchange_end]
        connection.outgoing.append(prefix.frame(channel.unsettled.skip(), False, stored[:route_end]))
        frames = content_frames(channel.number, stored[route_end:], content.body, connection.frame_bytes_max)
        connection.outgoing += frames
