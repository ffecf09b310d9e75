"""tx: what is published and settled takes effect together, at the commit."""

from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import bodies, counts, get


def test_nothing_is_seen_before_the_commit(channel: BlockingChannel, queue: str) -> None:
    channel.basic_publish("", queue, b"0")
    tag = get(channel, queue)[0].delivery_tag
    channel.tx_select()
    channel.basic_publish("", queue, b"1")
    channel.basic_publish("", queue, b"2")
    channel.basic_ack(tag)
    assert counts(channel, queue)[0] == 0
    channel.tx_commit()
    assert bodies(channel, queue) == [b"1", b"2"]


def test_what_is_rolled_back_never_was(channel: BlockingChannel, queue: str) -> None:
    channel.tx_select()
    channel.basic_publish("", queue, b"1")
    channel.tx_rollback()
    channel.tx_commit()
    channel.basic_publish("", queue, b"2")
    channel.tx_commit()
    assert bodies(channel, queue) == [b"2"]


def test_an_acknowledgement_that_is_rolled_back_leaves_the_message_held(channel: BlockingChannel, queue: str) -> None:
    channel.basic_publish("", queue, b"0")
    channel.tx_select()
    tag = get(channel, queue)[0].delivery_tag
    channel.basic_ack(tag)
    channel.tx_rollback()
    channel.basic_ack(tag)
    channel.tx_commit()
    channel.close()


def test_a_transaction_that_is_not_committed_goes_with_its_channel(channel: BlockingChannel, queue: str) -> None:
    other = channel.connection.channel()
    channel.basic_publish("", queue, b"0")
    other.tx_select()
    other.basic_ack(get(other, queue)[0].delivery_tag)
    other.basic_publish("", queue, b"1")
    other.close()
    assert bodies(channel, queue) == [b"0"]
