"""tx: what is published and settled takes effect together, at the commit."""

from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import bodies, counts, get, refusal, until


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


def test_a_publish_to_a_missing_exchange_ends_the_channel_before_the_commit(
    channel: BlockingChannel, queue: str
) -> None:
    other = channel.connection.channel()
    channel.basic_publish("", queue, b"0")
    other.tx_select()
    other.basic_ack(get(other, queue)[0].delivery_tag)
    other.basic_publish("", queue, b"first")
    other.basic_publish("none", "key", b"second")
    until(lambda: channel.connection.process_data_events(0.02) or other.is_closed)
    assert bodies(channel, queue) == [b"0"]


def test_a_commit_that_a_full_queue_refuses_gives_back_what_it_acknowledged(
    channel: BlockingChannel, queue: str, name: str
) -> None:
    full = f"{name}-full"
    channel.queue_declare(full, exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    other = channel.connection.channel()
    channel.basic_publish("", queue, b"0")
    other.tx_select()
    other.basic_ack(get(other, queue)[0].delivery_tag)
    for body in (b"1", b"2"):
        other.basic_publish("", full, body)
    assert refusal(other.tx_commit) == (406, "PRECONDITION_FAILED - partial tx completion")
    assert bodies(channel, full) == []
    assert until(lambda: bodies(channel, queue)) == [b"0"]
