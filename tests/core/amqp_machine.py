"""Asks the core and a simple reference the same of one AMQP queue with consumers, at random: priorities, prefetch,
requeues to their place, expiry, a maximum length, a delivery limit, a policy that limits them, channels that close,
restarts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oncemq.core import routed_commands as commands
from oncemq.core.policies import Policy
from tests.core.routed import Amqp, Delivery

UNIT_MS = 64
CHANNELS = ("one", "two", "three")
picks = st.integers(0, 1_000)
channels = st.sampled_from(CHANNELS)
limits = st.sampled_from([0, 1, 2, 3])


@dataclass(eq=False)
class Message:
    """A message of the queue."""

    body: str
    priority: int
    expires_ms: int
    """0: never."""
    persistent: bool = True
    seen: bool = False
    failures: int = 0


@dataclass(eq=False)
class Held:
    """What was delivered and is not settled yet. `consumer` None: it was got."""

    message: Message
    channel: str
    consumer: Consumer | None
    delivery: Delivery | None = None


@dataclass(eq=False)
class Consumer:
    """A consumer of the reference."""

    number: int
    channel: str
    limit: int
    no_ack: bool
    priority: int


@dataclass
class ReferenceAmqpQueue:
    """The queue as lists: `messages` in the order in which they were published, ready or held."""

    declared: tuple[int | None, int | None]
    """Maximum length and delivery limit."""
    policy: tuple[int | None, int | None] = (None, None)
    messages: list[Message] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    """Who is next first."""
    limits: dict[str, int] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    sent: dict[str, list[tuple[int, str, bool]]] = field(default_factory=dict)
    """Channel → consumer, body and redelivered flag, since it was last compared."""

    @property
    def maximum_length(self) -> int | None:
        """The lower one of what it was declared with and the policy's."""
        return min((each[0] for each in (self.declared, self.policy) if each[0] is not None), default=None)

    @property
    def delivery_limit(self) -> int | None:
        """The lower one, too."""
        return min((each[1] for each in (self.declared, self.policy) if each[1] is not None), default=None)

    def ready(self) -> list[Message]:
        """In the order in which they are handed out."""
        held = [each.message for each in self.held]
        return sorted((each for each in self.messages if each not in held), key=lambda each: -each.priority)

    def unsettled(self, *, channel: str | None = None, consumer: Consumer | None = None) -> int:
        """How many a channel's consumers hold, or one consumer."""
        held = [each for each in self.held if each.consumer is not None]
        if consumer is not None:
            return sum(each.consumer is consumer for each in held)
        return sum(each.channel == channel for each in held)

    def has_room(self, consumer: Consumer) -> bool:
        """Whether it may be sent one more."""
        if consumer.no_ack:
            return True
        limit = self.limits.get(consumer.channel, 0)
        if limit and self.unsettled(channel=consumer.channel) >= limit:
            return False
        return not consumer.limit or self.unsettled(consumer=consumer) < consumer.limit

    def serve(self) -> None:
        """One message after another to who is next; what is too much is dead then."""
        while ready := self.ready():
            free = [each for each in self.consumers if self.has_room(each)]
            if not free:
                break
            consumer = max(free, key=lambda each: each.priority)  # the first of them
            self.sent.setdefault(consumer.channel, []).append((consumer.number, ready[0].body, ready[0].seen))
            self.take(ready[0], consumer.channel, consumer, consumer.no_ack)
            self.consumers.remove(consumer)
            self.consumers.append(consumer)
        while self.maximum_length is not None and len(ready := self.ready()) > self.maximum_length:
            self.die(ready[0])

    def take(self, message: Message, channel: str, consumer: Consumer | None, no_ack: bool) -> None:
        """It is delivered."""
        message.seen = True
        if no_ack:
            self.messages.remove(message)
        else:
            self.held.append(Held(message, channel, consumer))

    def die(self, message: Message) -> None:
        """It goes to the dead-letter queue."""
        self.messages.remove(message)
        self.dead.append(message.body)

    def give_back(self, held: list[Held], now_ms: int, *, failed: bool) -> None:
        """Each is ready at its place, unless it failed too often or its time is over."""
        for each in held:
            self.held.remove(each)
            each.message.failures += failed
            if self.delivery_limit is not None and each.message.failures > self.delivery_limit:
                self.die(each.message)
        self.expire(now_ms)

    def expire(self, now_ms: int) -> None:
        """What is ready and over its time is dead."""
        for message in self.ready():
            if 0 < message.expires_ms <= now_ms:
                self.die(message)


class AmqpMachine(RuleBasedStateMachine):
    """One queue `q`, whose dead letters come to `dead`."""

    def __init__(self) -> None:
        super().__init__()
        self.amqp = Amqp()
        self.model = ReferenceAmqpQueue((None, None))
        self.published = 0
        self.settled: list[Delivery] = []

    @initialize(maximum=st.sampled_from([None, None, 3]), limit=st.sampled_from([None, None, 0, 2]))
    def create(self, maximum: int | None, limit: int | None) -> None:
        self.model = ReferenceAmqpQueue((maximum, limit))
        self.amqp.declare("dead")
        self.amqp.declare(
            "q",
            maximum_priority=3,
            maximum_length=maximum,
            delivery_limit=limit,
            dead_letter_exchange="",
            dead_letter_routing_key="dead",
        )

    def compare(self) -> None:
        """What each channel was sent is what the reference says; the handles of what is held are kept."""
        for channel in list(self.amqp.driver.channels):
            deliveries = self.amqp.delivered(channel)
            expected = self.model.sent.pop(channel, [])
            assert [(each.consumer, each.body, each.redelivered) for each in deliveries] == expected
            by_body = {each.body: each for each in deliveries}
            for held in self.model.held:
                if held.channel == channel and held.message.body in by_body and held.consumer is not None:
                    held.delivery = by_body[held.message.body]
        assert not self.model.sent

    @rule(
        count=st.integers(1, 4),
        priority=st.integers(0, 4),
        units=st.sampled_from([None, None, 1, 5]),
        persistent=st.booleans(),
    )
    def publish(self, count: int, priority: int, units: int | None, persistent: bool) -> None:
        bodies = [str(self.published + each) for each in range(count)]
        self.published += count
        expires_ms = self.amqp.driver.now_ms + units * UNIT_MS if units else 0
        ttl_ms = units and units * UNIT_MS
        self.amqp.publish(*bodies, priority=priority, expiration_ms=ttl_ms, persistent=persistent)
        self.model.messages += [Message(body, min(priority, 3), expires_ms, persistent) for body in bodies]
        self.model.serve()
        self.compare()

    @rule(channel=channels, limit=limits, no_ack=st.sampled_from([False] * 5 + [True]), priority=st.integers(0, 1))
    def consume(self, channel: str, limit: int, no_ack: bool, priority: int) -> None:
        if len(self.model.consumers) < 4:
            number = self.amqp.consume("q", channel, limit, no_ack=no_ack, priority=priority)
            self.model.consumers.append(Consumer(number, channel, limit, no_ack, priority))
            self.model.serve()
            self.compare()

    @rule(maximum=st.sampled_from([None, 1, 5]), limit=st.sampled_from([None, 0, 3]))
    def set_policy(self, maximum: int | None, limit: int | None) -> None:
        """It holds at once."""
        self.model.policy = (maximum, limit)
        definition = {"max-length": maximum, "delivery-limit": limit}
        given = {key: value for key, value in definition.items() if value is not None}
        if given:
            self.amqp.done(commands.SetPolicy("/", Policy("p", "^q$", given)))
        else:
            self.amqp.ask(commands.ClearPolicy("/", "p", False))
        self.model.serve()
        self.compare()

    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        if self.model.consumers:
            gone = self.model.consumers.pop(pick % len(self.model.consumers))
            self.amqp.cancel(gone.number)
            self.compare()

    @rule(channel=channels, limit=limits)
    def limit_channel(self, channel: str, limit: int) -> None:
        self.model.limits[channel] = limit
        self.amqp.limit(channel, limit)
        self.model.serve()
        self.compare()

    @rule(channel=channels, no_ack=st.booleans())
    def get(self, channel: str, no_ack: bool) -> None:
        found = self.amqp.get(no_ack=no_ack)
        ready = self.model.ready()
        assert (found is None) == (not ready)
        if found is not None:
            assert (found.body, found.redelivered) == (ready[0].body, ready[0].seen)
            self.model.take(ready[0], channel, None, no_ack)
            if not no_ack:
                self.model.held[-1].delivery = found

    @rule(pick=picks, count=st.integers(1, 3), outcome=st.sampled_from([commands.ACK, *[commands.REQUEUE] * 2, 2]))
    def settle(self, pick: int, count: int, outcome: int) -> None:
        """Some of what one channel holds."""
        if not self.model.held:
            return
        channel = self.model.held[pick % len(self.model.held)].channel
        held = [each for each in self.model.held if each.channel == channel][-count:]
        deliveries = [each.delivery for each in held if each.delivery is not None]
        assert len(deliveries) == len(held)
        self.amqp.settle(outcome, *deliveries)
        self.settled += deliveries
        if outcome == commands.REQUEUE:
            self.model.give_back(held, self.amqp.driver.now_ms, failed=True)
        else:
            for each in held:
                self.model.held.remove(each)
                if outcome == commands.REJECT:
                    self.model.die(each.message)
                else:
                    self.model.messages.remove(each.message)
        self.model.serve()
        self.compare()

    @rule(pick=picks, outcome=st.integers(0, 2))
    def late_words(self, pick: int, outcome: int) -> None:
        """On what was settled before: without effect."""
        if self.settled:
            self.amqp.settle(outcome, self.settled[-1 - pick % min(5, len(self.settled))]._replace(consumer=0))
            self.compare()

    @rule(channel=channels, failed=st.booleans())
    def close_channel(self, channel: str, failed: bool) -> None:
        held = [each for each in self.model.held if each.channel == channel]
        deliveries = [each.delivery for each in held if each.delivery is not None]
        assert len(deliveries) == len(held)
        self.amqp.close(channel, *reversed(deliveries), failed=failed)
        self.settled += deliveries
        self.model.consumers = [each for each in self.model.consumers if each.channel != channel]
        self.model.limits.pop(channel, None)
        self.model.give_back(held, self.amqp.driver.now_ms, failed=failed)
        self.model.serve()
        self.compare()

    @rule(often=st.integers(0, 3))
    def purge(self, often: int) -> None:
        if often == 0:
            ready = self.model.ready()
            assert self.amqp.purge() == len(ready)
            for message in ready:
                self.model.messages.remove(message)

    @rule(units=st.sampled_from([1, 4, 6]))
    def time_passes(self, units: int) -> None:
        self.amqp.driver.advance(units * UNIT_MS)
        self.model.expire(self.amqp.driver.now_ms)
        self.compare()

    @rule()
    def checkpoint_goes_on(self) -> None:
        driver = self.amqp.driver
        if not driver.checkpoint_under_way:
            driver.begin_checkpoint()
        elif not driver.machine.state.pieces.complete:
            driver.gather(1)
        else:
            driver.publish_checkpoint()

    @rule(often=st.integers(0, 2))
    def restart(self, often: int) -> None:
        """No channel lives on; what they held is ready again, and that is no failure. Transient messages are gone, but
        for those that died into the durable queue.
        """
        if often == 0:
            self.amqp.restart()
            self.model.messages = [each for each in self.model.messages if each.persistent]
            self.model.held = [each for each in self.model.held if each.message.persistent]
            self.settled += [each.delivery for each in self.model.held if each.delivery is not None]
            self.model.consumers, self.model.limits = [], {}
            self.model.give_back(list(self.model.held), self.amqp.driver.now_ms, failed=False)
            self.model.serve()

    @invariant()
    def counts_agree(self) -> None:
        if "q" in self.amqp.driver.host().queues:
            assert self.amqp.driver.counts() == (len(self.model.ready()), len(self.model.held), 0)
            assert self.amqp.driver.counts("dead") == (len(self.model.dead), 0, 0)

    def teardown(self) -> None:
        self.amqp.check()
        if "q" in self.amqp.driver.host().queues:
            assert sorted(self.amqp.drain("dead")) == sorted(self.model.dead)
            assert self.amqp.drain("q") == [each.body for each in self.model.ready()]
