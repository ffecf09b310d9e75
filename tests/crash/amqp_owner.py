"""A client that alone uses its queue, and so knows at each moment what must come next."""

from __future__ import annotations

from typing import Any, ClassVar

from pamqp import commands

from tests.crash.amqp_clients import AmqpClient
from tests.crash.amqp_wire import CHANNEL
from tests.crash.record import Broken
from tests.simulate import amqp_wire as wire

PRIORITY_MAX = 3
PRESENT_MAX = 40


class Owner(AmqpClient):
    """Publishes with confirms, gets, acknowledges, gives back. Place: what must come first."""

    mode = "confirm"
    arguments: ClassVar[dict[str, Any]] = {}

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.queue = f"own-{self.name}"
        self.sent = 0
        self.place: dict[str, tuple[int, int]] = {}
        self.present: dict[str, None] = {}
        """Certainly there."""
        self.unsure: dict[str, None] = {}
        """Published and not confirmed, or acknowledged and that is not certain."""
        self.gone: dict[str, None] = {}
        """Acknowledged, certainly."""
        self.vanished: dict[str, None] = {}
        """Never confirmed, and not there."""
        self.loose: dict[str, None] = {}
        """Sent again before it was confirmed: it has the one place or the other."""
        self.seen: dict[str, None] = {}

    def connected(self) -> None:
        self.call(commands.Queue.Declare(0, self.queue, durable=True, arguments=self.arguments), wire.QUEUE_DECLARE_OK)

    def turn(self) -> None:
        roll = self.dice.random()
        if roll < 0.35 and len(self.present) < PRESENT_MAX:
            self.send([self.new() for _ in range(self.dice.choice((1, 4, 8)))])
        elif roll < 0.5:
            self.send_again()
        else:
            self.get()

    def new(self) -> str:
        """A message that was never sent."""
        name = f"{self.name}-{self.sent}"
        self.sent += 1
        self.place[name] = (-self.dice.randrange(PRIORITY_MAX + 1), self.sent)
        self.unsure[name] = None
        return name

    def send_again(self) -> None:
        """What only deduplication allows."""

    def header(self, name: str) -> bytes:
        """With the priority of its place."""
        return wire.content_header(len(name), priority=-self.place[name][0])

    def send(self, names: list[str]) -> None:
        """Publish and await the confirms: then they are there, or were, if they were sent before."""
        new = [name for name in names if name not in (self.gone | self.present | self.seen)]
        self.publish([(wire.publish(CHANNEL, "", self.queue, self.header(name), name.encode()), []) for name in names])
        for name in new:
            self.unsure.pop(name, None)
            self.present[name] = None

    def get(self) -> None:
        """The next message must be the first of those that are there."""
        heard = self.call(wire.get(CHANNEL, self.queue), wire.GET_OK, wire.GET_EMPTY)
        if heard.method == wire.GET_EMPTY:
            if self.present:
                raise Broken(f"{self.queue} says that it is empty: {list(self.present)} are lost")
            for name in self.unsure:
                (self.gone if name in self.seen else self.vanished)[name] = None
            self.unsure.clear()
            return
        tag, name = self._got(heard)
        if self.dice.random() < 0.25:
            self.server.send(wire.nack(CHANNEL, tag, False, True))
            again = self.call(wire.get(CHANNEL, self.queue), wire.GET_OK, wire.GET_EMPTY)
            if again.method == wire.GET_EMPTY or self._got(again)[1] != name:
                raise Broken(f"{name} was requeued, and {again.body!r} came first")
            tag = wire.delivery_of(again).tag
            self.record.hits["AMQP: requeued to their place"] += 1
        del self.present[name]
        self.unsure[name] = None
        self.server.send(wire.ack(CHANNEL, tag))
        self.sync(self.queue)
        del self.unsure[name]
        self.gone[name] = None

    def drain(self) -> None:
        """Everything that is there comes, in order."""
        self.wire = None
        self.connect()
        while self.present:
            self.get()
        self.get()

    def _got(self, heard: wire.Heard) -> tuple[int, str]:
        delivery, name = wire.delivery_of(heard), heard.body.decode()
        if name in self.gone or name in self.vanished or name not in self.place:
            raise Broken(f"{name} is back in {self.queue}")
        placed = [each for each in self.present if name not in self.loose and each not in self.loose]
        before = [each for each in placed if self.place[each] < self.place[name]]
        if before:
            raise Broken(f"{name} came before {before}")
        if name in self.seen and not delivery.redelivered:
            raise Broken(f"{name} was delivered before, and now as if for the first time")
        higher = [each for each in self.present if self.place[each][1] < self.place[name][1]]
        self.record.hits["AMQP: delivered by priority before older ones"] += bool(higher)
        self.unsure.pop(name, None)
        self.present[name] = self.seen[name] = None
        return delivery.tag, name


class PriorityOwner(Owner):
    """Its queue has priorities."""

    arguments: ClassVar[dict[str, Any]] = {"x-max-priority": PRIORITY_MAX}


class DeduplicationOwner(Owner):
    """Sends again what it has sent: not confirmed, confirmed, or gone long ago. It must be there once, or stay gone."""

    arguments: ClassVar[dict[str, Any]] = {"x-message-deduplication": True}

    def new(self) -> str:
        name = super().new()
        self.place[name] = (0, self.sent)
        return name

    def header(self, name: str) -> bytes:
        return wire.content_header(len(name), headers={"x-deduplication-header": name})

    def send_again(self) -> None:
        known = [*list(self.gone)[-30:], *self.present, *self.unsure]
        if known:
            name = self.dice.choice(known)
            if name in self.unsure and name not in self.seen:
                self.loose[name] = None
            self.send([name])
            self.record.hits["AMQP: duplicates confirmed"] += 1
