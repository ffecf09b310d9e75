"""What consumers of one connection are sent before it has written some is bounded in bytes."""

from __future__ import annotations

from oncemq.core import routed_commands as commands
from oncemq.core.limits import OUTLET_BYTES
from oncemq.core.routed_outputs import Deliveries
from tests.core.routed import Amqp

BODY = "x" * 4_000


def sent_bytes(amqp: Amqp, channel: str) -> int:
    """Of the deliveries since it was last asked, as they are stored."""
    outputs = amqp.driver.channels[channel]
    size = sum(sum(output.lengths) for output in outputs if isinstance(output, Deliveries))
    outputs.clear()
    return size


def full_queue(name: str = "q") -> Amqp:
    amqp = Amqp()
    amqp.declare(name)
    for _ in range(8):
        amqp.publish(*[BODY] * 200, key=name)
    return amqp


def test_a_consumer_without_a_prefetch_is_given_what_there_is_room_for() -> None:
    amqp = full_queue()
    amqp.consume(owner="one")
    first = sent_bytes(amqp, "channel")
    assert OUTLET_BYTES - 5_000 < first <= OUTLET_BYTES + 5_000
    amqp.publish(BODY)
    assert not sent_bytes(amqp, "channel")
    amqp.ask(commands.GrantRoom("/", "one", 100_000))
    again = sent_bytes(amqp, "channel")
    assert first + again <= OUTLET_BYTES + 100_000 + 5_000
    assert again > 90_000
    amqp.check()


def test_consumers_of_one_connection_share_its_room_and_another_has_its_own() -> None:
    amqp = full_queue()
    amqp.consume(channel="a", owner="one")
    amqp.consume(channel="b", owner="one", no_ack=True)
    amqp.consume(channel="c", owner="one", limit=100)
    sent = sum(sent_bytes(amqp, each) for each in "abc")
    assert OUTLET_BYTES - 5_000 < sent <= OUTLET_BYTES + 5_000
    amqp.consume(channel="d", owner="two", limit=10)
    assert sent_bytes(amqp, "d") > 10 * len(BODY)
    amqp.ask(commands.GrantRoom("/", "one", sent))
    more = sum(sent_bytes(amqp, each) for each in "abc")
    assert OUTLET_BYTES - 5_000 < more <= OUTLET_BYTES + 5_000
    amqp.check()


def test_a_message_larger_than_the_room_goes_alone() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.publish(*["x" * (OUTLET_BYTES + 1)] * 3)
    amqp.consume(owner="one")
    for left in (2, 1, 0):
        assert amqp.driver.counts() == (left, 3 - left, 0)
        amqp.ask(commands.GrantRoom("/", "one", sent_bytes(amqp, "channel")))
    amqp.check()


def test_what_a_peer_that_does_not_read_could_be_sent_is_for_others() -> None:
    amqp = Amqp()
    amqp.declare()
    amqp.consume(channel="a", owner="one")
    amqp.ask(commands.GrantRoom("/", "one", 0, True))
    amqp.publish("1")
    assert amqp.bodies("a") == []
    amqp.consume(channel="b", owner="two")
    assert amqp.bodies("b") == ["1"]
    amqp.publish("2", "3", "4")
    assert amqp.bodies("b") == ["2", "3", "4"]
    amqp.ask(commands.GrantRoom("/", "one", 0))
    amqp.publish("5", "6")
    assert len(amqp.bodies("a")) == len(amqp.bodies("b")) == 1


def test_a_closed_connection_leaves_nothing_behind() -> None:
    amqp = full_queue()
    amqp.consume(owner="one")
    held = amqp.delivered()
    amqp.close("channel", *held, failed=False)
    amqp.ask(commands.CloseConnection("/", "one"))
    assert amqp.driver.host().outlets == {}
    assert amqp.driver.counts() == (1_600, 0, 0)
    amqp.ask(commands.GrantRoom("/", "one", 1))
    amqp.check()


def test_consumers_on_channels_of_their_own_are_dealt_to_in_turn() -> None:
    amqp = Amqp()
    amqp.declare()
    numbers = [amqp.consume(channel=f"c{each}", limit=3) for each in range(3)]
    amqp.publish(*"12345678")
    assert [amqp.by_consumer(f"c{each}") for each in range(3)] == [
        [(numbers[0], "1"), (numbers[0], "4"), (numbers[0], "7")],
        [(numbers[1], "2"), (numbers[1], "5"), (numbers[1], "8")],
        [(numbers[2], "3"), (numbers[2], "6")],
    ]
    amqp.publish("9", "10")
    assert amqp.bodies("c2") == ["9"]
    amqp.check()
