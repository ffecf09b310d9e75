"""What AMQP clients do in one life of the server: a seeded choice, over a few connections and channels."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from pamqp import commands

from oncemq.engine.engine import Engine
from oncemq.net.listener import Connections
from tests.simulate import amqp_wire as wire
from tests.simulate.amqp_client import CONFIRM, PLAIN, TX, AmqpClient, ClientChannel
from tests.simulate.amqp_facts import BINDINGS, DEDUPLICATION_MS, EXCHANGES, HELD_BACK, QUEUES, ROUTES, Message
from tests.simulate.amqp_guest import door_of
from tests.simulate.amqp_ledger import ACK, REJECT, REQUEUE, AmqpLedger
from tests.simulate.amqp_other_door import SHARED, OtherDoor
from tests.simulate.runtime import SeededRuntime

CLIENTS_MAX = 3
CHANNELS_MAX = 2
DELAYS_MS = (300, 1_500, 4_000)
BACKLOG_MAX = 40
OTHERS_MAX = 4
VISIBILITIES_MS = (300, 2_000, 60_000)


@cache
def declarations(channel: int) -> list[tuple[bytes, int]]:
    """What declares everything, and what it is answered with."""
    asked: list[tuple[object, int]] = [
        (commands.Exchange.Declare(0, name, kind, durable=True, arguments=arguments), wire.EXCHANGE_DECLARE_OK)
        for name, (kind, arguments) in EXCHANGES.items()
    ]
    asked += [
        (commands.Queue.Declare(0, name, durable=traits.durable, arguments=traits.arguments), wire.QUEUE_DECLARE_OK)
        for name, traits in QUEUES.items()
    ]
    asked += [
        (commands.Queue.Bind(0, queue, exchange, routing_key), wire.QUEUE_BIND_OK)
        for exchange, queue, routing_key in BINDINGS
    ]
    return [(wire.method(channel, each), answer) for each, answer in asked]


class AmqpWorkload:
    """The AMQP clients of one life of the server; the ledger is that of all lives."""

    def __init__(self, ledger: AmqpLedger, engine: Engine, runtime: SeededRuntime, dice: random.Random) -> None:
        self.ledger, self.engine, self.runtime, self.dice = ledger, engine, runtime, dice
        self.door = door_of(engine)
        self.connections = Connections(runtime.now_ms)
        self.clients: list[AmqpClient] = []
        self.unanswered_declarations = -1
        self.others: list[OtherDoor] = []
        """SQS clients of the same queues."""
        self.actions: list[tuple[Callable[[AmqpClient, ClientChannel], None], int]] = [
            (self.publish, 26),
            (self.publish_again, 6),
            (self.settle, 32),
            (self.get, 8),
            (self.consume, 12),
            (self.end_transaction, 5),
            (self.transact, 8),
            (self.cancel, 2),
            (self.close_channel, 3),
            (self.offend, 1),
            (self.close, 1),
            (self.lose, 2),
            (self.pause, 2),
        ]
        self._weights = [weight for _, weight in self.actions]

    def act(self) -> None:
        """Some client does something, if it can."""
        if self.unanswered_declarations:
            if self.unanswered_declarations < 0:
                self.declare()
            return
        self._see_to_ends()
        if len(self.clients) < CLIENTS_MAX and (not self.clients or self.dice.random() < 0.1):
            self.clients.append(self.connect())
        client = self.dice.choice(self.clients)
        if client.unread is not None and self.dice.random() < 0.3:
            client.resume()
        if not client.free:
            return
        client.apologise()
        channels = [each for each in client.channels.values() if not each.closing]
        if not channels or (len(client.channels) < CHANNELS_MAX and self.dice.random() < 0.2):
            free = [number for number in range(1, CHANNELS_MAX + 1) if number not in client.channels]
            if free:
                client.open_channel(free[0], self.dice.choice((CONFIRM, CONFIRM, CONFIRM, TX, TX, PLAIN)))
            return
        [(action, _)] = self.dice.choices(self.actions, self._weights)
        action(client, self.dice.choice(channels))

    def connect(self) -> AmqpClient:
        """A new connection."""
        return AmqpClient(self.ledger, self.engine, self.runtime, self.door, self.connections)

    def end(self) -> None:
        """The server has ended: whatever is written now is written wrongly."""
        for client in self.clients:
            client.server_ended = True
        for other in self.others:
            other.server_ended = True

    def _see_to_ends(self) -> None:
        """Sockets of connections that were closed in good order are closed too."""
        for client in self.clients:
            if client.closed and not client.lost:
                client.lose()
        self.clients = [client for client in self.clients if not client.lost]

    def act_through_sqs(self) -> None:
        """Receive from one of the queues, or delete what was received."""
        if self.unanswered_declarations:
            return
        self.others = [each for each in self.others if not each.answered or each.borrowed]
        able = [each for each in self.others if each.answered]
        if able and self.dice.random() < 0.5:
            other = self.dice.choice(able)
            other.delete()
        elif len(self.others) < OTHERS_MAX:
            other = OtherDoor(self.ledger, self.runtime, self.dice.choice(SHARED), self.dice.choice(VISIBILITIES_MS))
            self.others.append(other)
        else:
            return
        self.engine.submit(other.command, other)

    # Queues -----------------------------------------------------------------------------------------------------

    def declare(self) -> None:
        """Everything, in every life: what is there must be as it was declared."""
        client = self.connect()
        self.clients.append(client)
        channel = client.open_channel(1, CONFIRM)
        asked = declarations(channel.number)
        self.unanswered_declarations = len(asked)
        for method, answer in asked:
            client.ask(channel, method, answer, then=self._declared)

    def _declared(self, heard: wire.Heard) -> None:
        self.unanswered_declarations -= 1
        self.ledger.declared = self.ledger.declared or not self.unanswered_declarations

    # Publishing -------------------------------------------------------------------------------------------------

    def publish(self, client: AmqpClient, channel: ClientChannel) -> None:
        """Some new messages."""
        self._publish(client, channel, self.dice.choice((1, 1, 2, 5)))

    def _publish(self, client: AmqpClient, channel: ClientChannel, count: int) -> None:
        messages = []
        for _ in range(count):
            route = self.dice.choice(list(ROUTES))
            if route == "nowhere" and channel.mode != CONFIRM:
                continue
            message = Message(f"a{len(self.ledger.messages)}", route)
            if any(QUEUES[queue].priority_max for queue in ROUTES[route].queues):
                message.priority = self.dice.choice((0, 1, 2, 5))
            if route == "later":
                message.delay_ms = self.dice.choice(DELAYS_MS)
            if route == "retry" and self.dice.random() < 0.3:
                message.expiration_ms = self.dice.choice((400, 3_000))
            message.persistent = self.dice.random() < 0.75
            messages.append(self.ledger.new(message))
        if messages:
            client.publish(channel, messages, mandatory=self.dice.random() < 0.3)

    def publish_again(self, client: AmqpClient, channel: ClientChannel) -> None:
        """A message that is deduplicated once more, within the window: answered or not, gone or not."""
        oldest_ms = self.runtime.now_ms() - DEDUPLICATION_MS
        recent = list(self.ledger.messages.values())[-BACKLOG_MAX:]
        able = [each for each in recent if each.deduplicated and each.state != HELD_BACK and each.asked_ms > oldest_ms]
        if able and channel.mode == CONFIRM:
            message = self.dice.choice(able)
            message.attempts += 1
            client.publish(channel, [message], mandatory=False)

    # Consuming --------------------------------------------------------------------------------------------------

    def consume(self, client: AmqpClient, channel: ClientChannel) -> None:
        if len(channel.active) < 3:
            client.consume(channel, self.dice.choice(list(QUEUES)), self.dice.choice((1, 3, 10)))

    def cancel(self, client: AmqpClient, channel: ClientChannel) -> None:
        if channel.active:
            client.cancel(channel, self.dice.choice(sorted(channel.active)))

    def get(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.get(channel, self.dice.choice(list(QUEUES)))

    def settle(self, client: AmqpClient, channel: ClientChannel) -> None:
        """Some of what the channel holds."""
        holds = list(channel.holds.values())
        if not holds:
            return
        outcome = self.dice.choice((ACK, ACK, ACK, REQUEUE, REQUEUE, REJECT))
        multiple = self.dice.random() < 0.4
        if multiple:
            chosen = holds[: self.dice.randrange(1, len(holds) + 1)]
        else:
            chosen = self.dice.sample(holds, min(len(holds), self.dice.choice((1, 1, 3))))
            if self.dice.random() < 0.5 and any(hold.copy.failures_most for hold in holds):
                chosen, outcome = [max(holds, key=lambda hold: hold.copy.failures_most)], REQUEUE
        client.settle(channel, chosen, outcome, multiple=multiple)

    def end_transaction(self, client: AmqpClient, channel: ClientChannel) -> None:
        if channel.mode == TX:
            (client.commit if self.dice.random() < 0.8 else client.rollback)(channel)

    def transact(self, client: AmqpClient, channel: ClientChannel) -> None:
        """What many programs do: from one queue to the other, and commit."""
        holds = list(channel.holds.values())[:2]
        if channel.mode == TX and holds:
            client.settle(channel, holds, self.dice.choice((ACK, ACK, REJECT)), multiple=self.dice.random() < 0.5)
            self._publish(client, channel, self.dice.choice((1, 3)))
            if self.dice.random() < 0.8:
                client.commit(channel)

    # Ends -------------------------------------------------------------------------------------------------------

    def close_channel(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.close_channel(channel)

    def offend(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.offend(channel)

    def close(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.close()

    def lose(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.lose()

    def pause(self, client: AmqpClient, channel: ClientChannel) -> None:
        client.pause()
