"""Direct reply-to: past all queues, and nothing of it in the journal."""

from oncemq.core import routed_commands as commands
from oncemq.core.routed_outputs import ROUTED, UNROUTED, Replies
from tests.core.routed import Amqp

NAME = "amq.rabbitmq.reply-to.1"


def test_a_reply_goes_to_the_channel_and_not_into_the_journal() -> None:
    amqp = Amqp()
    amqp.driver.channels["channel"] = []
    amqp.done(commands.AwaitReplies("/", NAME, "channel", "tag"))
    batches = len(amqp.driver.batches)
    assert amqp.publish("a", key=NAME) == ROUTED
    (output,) = amqp.driver.channels["channel"]
    assert isinstance(output, Replies)
    assert [content.body for content in output.contents] == [b"a"]
    assert len(amqp.driver.batches) == batches
    assert amqp.declare(NAME).consumers == 1
    amqp.check()


def test_nobody_gets_it_when_the_channel_is_closed() -> None:
    amqp = Amqp()
    amqp.done(commands.AwaitReplies("/", NAME, "channel", "tag"))
    amqp.close("channel")
    assert amqp.publish("a", key=NAME) == UNROUTED
