"""Consuming with pika: order, acknowledgements, prefetch, priorities, cancellation."""

import socket
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.amqp_clients.clients import bodies, connect, counts, get, until
from tools.server_process import ServerProcess


class Consumer:
    """Notes what one channel is sent."""

    def __init__(self, channel: BlockingChannel, queue: str, **more: Any) -> None:
        self.channel = channel
        self.got: list[tuple[int, bool, bytes]] = []
        self.tag = channel.basic_consume(queue, self._note, **more)

    def _note(self, channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        self.got.append((method.delivery_tag, method.redelivered, body))

    @property
    def bodies(self) -> list[bytes]:
        """What it got."""
        return [body for _, _, body in self.got]

    def wait(self, count: int) -> list[bytes]:
        """Once it has so many: what it got."""

        def enough() -> bool:
            self.settle()
            return len(self.got) >= count

        until(enough)
        self.settle()
        return self.bodies

    def settle(self) -> None:
        """What the server has sent so far is here: an answer to a question comes behind it."""
        self.channel.exchange_declare("amq.direct", passive=True)
        self.channel.connection.process_data_events(0.02)


def _wait_for_both(first: Consumer, second: Consumer, count: int) -> None:
    def enough() -> bool:
        first.settle()
        return len(first.got) + len(second.got) >= count

    until(enough)
    first.settle()


def fill(channel: BlockingChannel, queue: str, count: int) -> None:
    """Messages 0, 1, 2 …"""
    for number in range(count):
        channel.basic_publish("", queue, b"%d" % number)


def test_messages_come_in_order(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 500)
    assert Consumer(channel, queue, auto_ack=True).wait(500) == [b"%d" % number for number in range(500)]


def test_prefetch_of_each_consumer(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 10)
    channel.basic_qos(prefetch_count=3)
    consumer = Consumer(channel, queue)
    assert consumer.wait(3) == [b"0", b"1", b"2"]
    channel.basic_ack(consumer.got[1][0])
    assert consumer.wait(4) == [b"0", b"1", b"2", b"3"]
    channel.basic_ack(consumer.got[3][0], multiple=True)
    assert len(consumer.wait(7)) == 7


def test_prefetch_of_the_channel_limits_all_of_its_consumers(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 10)
    channel.basic_qos(prefetch_count=4, global_qos=True)
    first, second = Consumer(channel, queue), Consumer(channel, queue)
    _wait_for_both(first, second, 4)
    assert sorted(first.bodies + second.bodies) == [b"0", b"1", b"2", b"3"]
    channel.basic_qos(prefetch_count=6, global_qos=True)
    _wait_for_both(first, second, 6)
    assert len(first.got) + len(second.got) == 6


def test_work_is_shared(server: ServerProcess, channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, auto_delete=True)
    with connect(server) as other:
        first, second = Consumer(channel, name, auto_ack=True), Consumer(other.channel(), name, auto_ack=True)
        fill(channel, name, 10)
        assert len(first.wait(5)) == len(second.wait(5)) == 5


def test_a_rejected_message_goes_back_to_its_place(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 4)
    tags = [get(channel, queue)[0].delivery_tag for _ in range(3)]
    channel.basic_reject(tags[1], requeue=True)
    method, _, body = get(channel, queue)
    assert (body, method.redelivered) == (b"1", True)
    channel.basic_nack(tags[2], requeue=True)
    channel.basic_nack(tags[0], requeue=True)
    channel.basic_nack(method.delivery_tag, requeue=True)
    assert bodies(channel, queue) == [b"0", b"1", b"2", b"3"]


def test_nack_of_many(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 4)
    tags = [get(channel, queue)[0].delivery_tag for _ in range(4)]
    channel.basic_nack(tags[1], multiple=True, requeue=False)
    channel.basic_nack(0, multiple=True, requeue=True)
    assert bodies(channel, queue) == [b"2", b"3"]


def test_acknowledging_tag_0_takes_everything(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 3)
    for _ in range(3):
        get(channel, queue)
    channel.basic_ack(0, multiple=True)
    channel.basic_recover(requeue=True)
    assert bodies(channel, queue) == []


def test_recover_sends_again(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 2)
    consumer = Consumer(channel, queue)
    consumer.wait(2)
    channel.basic_recover(requeue=True)
    assert consumer.wait(4) == [b"0", b"1", b"0", b"1"]
    assert [again for _, again, _ in consumer.got] == [False, False, True, True]


def test_what_a_closed_channel_held_goes_back(connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
    name = channel.queue_declare("", exclusive=True).method.queue
    fill(channel, name, 3)
    other = connection.channel()
    Consumer(other, name).wait(3)
    other.close()
    assert [get(channel, name)[0].redelivered for _ in range(3)] == [True] * 3


def test_what_a_lost_connection_held_goes_back(server: ServerProcess, channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, auto_delete=False)
    fill(channel, name, 1)
    lost = connect(server)
    Consumer(lost.channel(), name).wait(1)
    lost._impl._transport._sock.shutdown(socket.SHUT_RDWR)
    method, _, body = get(channel, name)
    assert (method.redelivered, body) == (True, b"0")
    channel.queue_delete(name)


def test_a_consumer_of_higher_priority_is_served_first(channel: BlockingChannel, queue: str) -> None:
    channel.basic_qos(prefetch_count=2)
    low = Consumer(channel, queue, arguments={"x-priority": -1})
    high = Consumer(channel, queue, arguments={"x-priority": 10})
    fill(channel, queue, 3)
    assert high.wait(2) == [b"0", b"1"]
    assert low.wait(1) == [b"2"]


def test_messages_of_higher_priority_come_first(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, exclusive=True, arguments={"x-max-priority": 5})
    for number, priority in enumerate((0, 5, None, 3, 9, 5)):
        channel.basic_publish("", name, b"%d" % number, pika.BasicProperties(priority=priority))
    assert bodies(channel, name) == [b"1", b"4", b"5", b"3", b"0", b"2"]


def test_a_single_active_consumer(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, exclusive=True, arguments={"x-single-active-consumer": True})
    first, second = Consumer(channel, name, auto_ack=True), Consumer(channel, name, auto_ack=True)
    fill(channel, name, 5)
    assert len(first.wait(5)) == 5
    assert second.got == []
    channel.basic_cancel(first.tag)
    fill(channel, name, 2)
    assert second.wait(2) == [b"0", b"1"]


def test_a_cancelled_consumer_gets_nothing_more_and_may_still_settle(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 1)
    consumer = Consumer(channel, queue)
    consumer.wait(1)
    assert counts(channel, queue) == (0, 1)
    channel.basic_cancel(consumer.tag)
    fill(channel, queue, 1)
    assert until(lambda: counts(channel, queue) == (1, 0))
    channel.basic_ack(consumer.got[0][0])
    assert bodies(channel, queue) == [b"0"]


def test_a_consumer_is_told_that_its_queue_is_gone(
    connection: pika.BlockingConnection, channel: BlockingChannel, queue: str
) -> None:
    other = connection.channel()
    cancelled: list[str] = []
    other.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    consumer = Consumer(other, queue)
    channel.queue_delete(queue)
    until(lambda: connection.process_data_events(0.02) or cancelled)
    assert cancelled == [consumer.tag]


def test_get_says_how_many_are_left(channel: BlockingChannel, queue: str) -> None:
    fill(channel, queue, 3)
    assert [get(channel, queue)[0].message_count for _ in range(3)] == [2, 1, 0]
    assert channel.basic_get(queue) == (None, None, None)
