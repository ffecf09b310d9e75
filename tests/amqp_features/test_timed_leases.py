"""x-lease-ms, with pika."""

import time
from typing import Any

import pika
import pytest

from tests.amqp_clients.clients import until

LEASE_MS = 1_500


def _heard(channel: Any, got: list[Any], count: int) -> bool:
    """Whether so many deliveries have come."""
    channel.connection.process_data_events(0.05)
    return len(got) >= count


def test_a_lease_ends_and_is_extended_by_qos(channel: Any, name: str) -> None:
    channel.queue_declare(name)
    got: list[Any] = []
    channel.basic_consume(name, lambda *given: got.append(given), arguments={"x-lease-ms": LEASE_MS})
    channel.basic_publish("", name, b"m")
    until(lambda: _heard(channel, got, 1))
    extended_until = time.monotonic() + 1.5 * LEASE_MS / 1000
    while time.monotonic() < extended_until:
        channel.basic_qos(prefetch_count=1)
        assert not _heard(channel, got, 2)
    until(lambda: _heard(channel, got, 2))
    assert [given[1].redelivered for given in got] == [False, True]
    channel.basic_ack(got[0][1].delivery_tag)
    channel.basic_ack(got[1][1].delivery_tag)


@pytest.mark.parametrize("lease_ms", [-1, "long", 43_200_001])
def test_a_lease_that_cannot_be_is_refused(channel: Any, name: str, lease_ms: Any) -> None:
    channel.queue_declare(name)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="x-lease-ms"):
        channel.basic_consume(name, lambda *_: None, arguments={"x-lease-ms": lease_ms})
