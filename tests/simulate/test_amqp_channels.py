"""What a channel that ends was still to be told holds nothing: it goes back to its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oncemq.core.model import READY
from oncemq.net.listener import Connections
from tests.simulate.amqp_client import CONFIRM, TX, AmqpClient, ClientChannel
from tests.simulate.amqp_facts import Message
from tests.simulate.amqp_guest import door_of
from tests.simulate.amqp_ledger import ACK, AmqpLedger
from tests.simulate.amqp_workload import AmqpWorkload
from tests.simulate.found import entries_of
from tests.simulate.server import Server
from tests.simulate.settling import runtime_idle

Act = Callable[[AmqpClient, ClientChannel], None]
WAITING: dict[str, Act] = {
    "got": lambda client, channel: client.get(channel, "brief"),
    "consumed": lambda client, channel: client.consume(channel, "brief", 1),
}
ENDS: dict[str, Act] = {
    "closed": AmqpClient.close_channel,
    "refused": AmqpClient.offend,
    "closed with its connection": lambda client, channel: client.close(),
    "lost": lambda client, channel: client.lose(),
}


class Scene:
    """A queue for at most four messages, with one in it."""

    def __init__(self) -> None:
        self.server = Server()
        self.ledger = AmqpLedger()
        self.workload = AmqpWorkload(self.ledger, self.server.engine, self.server.runtime, self.server.runtime.dice)
        self.workload.declare()
        self.publisher, self.channel = self.connect()
        self.publish(1)
        runtime_idle(self.server.runtime)

    def connect(self, mode: str = CONFIRM) -> tuple[AmqpClient, ClientChannel]:
        """A connection with a channel."""
        runtime = self.server.runtime
        door, connections = door_of(self.server.engine), Connections(runtime.now_ms)
        client = AmqpClient(self.ledger, self.server.engine, runtime, door, connections)
        return client, client.open_channel(1, mode)

    def publish(self, count: int) -> None:
        """More messages to the queue."""
        names = [f"a{len(self.ledger.messages) + each}" for each in range(count)]
        messages = [self.ledger.new(Message(name, "brief")) for name in names]
        self.publisher.publish(self.channel, messages, mandatory=False)

    def states(self, queue: str) -> list[int]:
        """Of what is in the queue."""
        recovered = self.server.recovered
        return [each.state for each in entries_of(recovered.machine.state, recovered.journal) if each.queue == queue]


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize("end", ENDS)
def test_what_was_on_its_way_to_a_channel_that_ended_is_ready_again(waiting: str, end: str) -> None:
    scene = Scene()
    client, channel = scene.connect()
    WAITING[waiting](client, channel)
    ENDS[end](client, channel)
    runtime_idle(scene.server.runtime)
    assert not channel.holds
    assert scene.states("brief") == [READY]


def test_what_comes_back_undelivered_counts_against_the_length_of_its_queue() -> None:
    scene = Scene()
    client, channel = scene.connect()
    client.get(channel, "brief")
    scene.publish(4)
    client.close_channel(channel)
    runtime_idle(scene.server.runtime)
    assert scene.states("brief") == [READY] * 4
    assert scene.states("dead") == [READY]


def test_a_channel_that_is_refused_while_it_commits_costs_itself_only() -> None:
    scene = Scene()
    client, channel = scene.connect(TX)
    client.get(channel, "brief")
    runtime_idle(scene.server.runtime)
    client.settle(channel, list(channel.holds.values()), ACK, multiple=False)
    client.commit(channel)
    client.offend(channel)
    runtime_idle(scene.server.runtime)
    assert channel.refused
    assert scene.states("brief") == []
