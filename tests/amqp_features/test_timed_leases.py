"""x-lease-ms, with pika."""

import time
from typing import Any

import pika
import pytest


def test_a_lease_ends_and_is_extended_by_qos(channel: Any, name: str) -> None:
    channel.queue_declare(name)
    got: list[Any] = []
    channel.basic_consume(name, lambda *given: got.append(given), arguments={"x-lease-ms": 600})
    channel.basic_publish("", name, b"m")
    channel.connection.process_data_events(0.2)
    for _ in range(3):
        time.sleep(0.3)
        channel.basic_qos(prefetch_count=1)
    assert [given[1].redelivered for given in got] == [False]
    channel.connection.process_data_events(0)
    time.sleep(0.9)
    channel.connection.process_data_events(0.5)
    assert [given[1].redelivered for given in got] == [False, True]
    channel.basic_ack(got[0][1].delivery_tag)
    channel.basic_ack(got[1][1].delivery_tag)


@pytest.mark.parametrize("lease_ms", [-1, "long", 43_200_001])
def test_a_lease_that_cannot_be_is_refused(channel: Any, name: str, lease_ms: Any) -> None:
    channel.queue_declare(name)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="x-lease-ms"):
        channel.basic_consume(name, lambda *_: None, arguments={"x-lease-ms": lease_ms})
