"""Shorter words for what AMQP asks of the core: exchanges, declared queues, publishes, consumers."""

from __future__ import annotations

from typing import Any, NamedTuple

from oncemq.core import routed_commands as commands
from oncemq.core.commands import Command, Lease
from oncemq.core.exchanges.bindings import EXCHANGE, QUEUE, Binding
from oncemq.core.model import CONTENT_AMQP, Afterlife, Content
from oncemq.core.outputs import Done
from oncemq.core.routed_outputs import (
    ConsumerCancelled,
    Consuming,
    Declared,
    Deliveries,
    Emptied,
    Got,
    PublishedRuns,
    RoutedMessage,
    TransactionDone,
)
from tests.core.driver import Driver


class Delivery(NamedTuple):
    """One message as a consumer (or a get) was given it."""

    body: str
    redelivered: bool
    lease: Lease
    consumer: int
    afterlife: Afterlife | None


def binding(source: str, destination: str, key: str = "", kind: str = QUEUE, **arguments: Any) -> Binding:
    """A binding; `_` in the name of an argument stands for a hyphen."""
    return Binding(source, kind, destination, key, {name.replace("_", "-"): it for name, it in arguments.items()})


def traits(kind: str, arguments: dict[str, Any] | None = None, **flags: bool) -> dict[str, Any]:
    """What an exchange is declared with."""
    given = {"durable": True, "auto_delete": False, "internal": False, **flags}
    return {"type": kind, **given, "arguments": arguments or {}}


def short(text: str) -> bytes:
    """A text behind a byte with its length."""
    return bytes((len(text),)) + text.encode()


def content(body: str, exchange: str = "", key: str = "") -> Content:
    """As the AMQP door stores it, without a content header."""
    return Content(CONTENT_AMQP, short(exchange) + short(key), body.encode())


def run(bodies: list[str], exchange: str = "", key: str = "q", *more: str, **fields: Any) -> commands.Run:
    """A run of messages; `more` are the keys of CC and BCC."""
    headers = fields.pop("headers", {})
    contents = [content(body, exchange, key) for body in bodies]
    return commands.Run(exchange, [key, *more], headers, contents, **fields)


class Amqp:
    """What clients of the AMQP door ask of a driver's machine."""

    def __init__(self, driver: Driver | None = None) -> None:
        self.driver = driver or Driver()

    def ask(self, command: Command) -> Any:
        """Its answer."""
        return self.driver.ask(command)

    def done(self, command: Command) -> None:
        """It must be done."""
        answer = self.ask(command)
        assert isinstance(answer, Done), answer

    def exchange(self, name: str, kind: str = "direct", arguments: dict[str, Any] | None = None, **flags: bool) -> None:
        """Declare an exchange, which must be made."""
        self.done(commands.DeclareExchange("/", name, traits(kind, arguments, **flags)))

    def declare(self, name: str = "q", owner: Any = None, **settings: Any) -> Declared:
        """Declare a queue, which must be made or found equal."""
        answer = self.redeclare(name, owner, **settings)
        assert isinstance(answer, Declared), answer
        return answer

    def redeclare(self, name: str = "q", owner: Any = None, **settings: Any) -> Any:
        """Declare a queue; the answer."""
        return self.ask(commands.DeclareQueue("/", name, {"retention_ms": 0, **settings}, owner))

    def bind(self, source: str, destination: str, key: str = "", kind: str = QUEUE, **arguments: Any) -> Binding:
        """Bind a queue, or with kind EXCHANGE an exchange."""
        made = binding(source, destination, key, kind, **arguments)
        self.done(commands.Bind("/", made, None))
        return made

    def link(self, source: str, destination: str, key: str = "") -> Binding:
        """Bind an exchange to another."""
        return self.bind(source, destination, key, EXCHANGE)

    def unbind(self, gone: Binding) -> None:
        """Take a binding away."""
        self.done(commands.Unbind("/", gone, None))

    def queue_for(self, name: str, source: str, key: str = "", **arguments: Any) -> Binding:
        """Declare a queue and bind it."""
        self.declare(name)
        return self.bind(source, name, key, **arguments)

    def publish(self, *bodies: str, exchange: str = "", key: str = "q", **fields: Any) -> Any:
        """One run; its outcome."""
        (outcome,) = self.publish_runs(run(list(bodies), exchange, key, **fields))
        return outcome

    def publish_runs(self, *runs: commands.Run) -> list[Any]:
        """The outcome of each run."""
        self.driver.transient |= not all(each.persistent for each in runs)
        answer = self.ask(commands.Publish("/", list(runs)))
        assert isinstance(answer, PublishedRuns), answer
        return answer.outcomes

    def routed(self, exchange: str, key: str = "", *more: str, headers: dict[str, Any] | None = None) -> list[str]:
        """Publish one message, and take it out again: the names of the queues that had it."""
        self.publish_runs(run(["x"], exchange, key, *more, headers=headers or {}))
        names = [name for name, queue in self.driver.host().queues.items() if queue.ready]
        for name in names:
            assert self.purge(name) == 1, "a queue gets it once"
        return sorted(names)

    def purge(self, name: str = "q") -> int:
        """How many went."""
        answer = self.ask(commands.EmptyQueue("/", name, None))
        assert isinstance(answer, Emptied), answer
        return answer.messages

    # Consumers --------------------------------------------------------------------------------------------------

    def consume(self, queue: str = "q", channel: Any = "channel", limit: int = 0, **fields: Any) -> int:
        """A consumer; its number."""
        answer = self.try_to_consume(queue, channel, limit, **fields)
        assert isinstance(answer, Consuming), answer
        return answer.consumer

    def try_to_consume(self, queue: str = "q", channel: Any = "channel", limit: int = 0, **fields: Any) -> Any:
        """The answer."""
        self.driver.channels.setdefault(channel, [])
        given = {"no_ack": False, "exclusive": False, "priority": 0, "owner": None, **fields}
        return self.ask(commands.Consume("/", queue, channel, "tag", limit, **given))

    def cancel(self, consumer: int) -> None:
        """It is sent nothing more."""
        self.done(commands.Cancel("/", consumer))

    def limit(self, channel: Any, limit: int) -> None:
        """Prefetch of the whole channel."""
        self.driver.channels.setdefault(channel, [])
        self.done(commands.LimitChannel("/", channel, limit))

    def delivered(self, channel: Any = "channel") -> list[Delivery]:
        """What came since it was last asked, which must all be deliveries."""
        found: list[Delivery] = []
        for output in self.driver.channels[channel]:
            assert isinstance(output, Deliveries), output
            found += self._seen_all(output)
        self.driver.channels[channel].clear()
        return found

    def bodies(self, channel: Any = "channel") -> list[str]:
        """The same, only the bodies."""
        return [each.body for each in self.delivered(channel)]

    def by_consumer(self, channel: Any = "channel") -> list[tuple[int, str]]:
        """The same: who got what."""
        return [(each.consumer, each.body) for each in self.delivered(channel)]

    def cancelled(self, channel: Any = "channel") -> list[int]:
        """Consumers whose queue is gone, which must be all that was said."""
        found: list[int] = []
        for output in self.driver.channels[channel]:
            assert isinstance(output, ConsumerCancelled), output
            found.append(output.consumer)
        self.driver.channels[channel].clear()
        return found

    def _seen_all(self, output: Deliveries) -> list[Delivery]:
        leases = [
            Lease(each.queue, each.first_entry + offset, each.first_token + offset)
            for each in output.leases
            for offset in range(each.count)
        ]
        bodies = [each.body for each in output.contents] or [self.driver.bodies[each] for each in output.positions]
        columns = zip(bodies, output.redelivered, leases, strict=True)
        return [
            Delivery(body.decode(), again > 0, lease, output.consumer, output.afterlives.get(place))
            for place, (body, again, lease) in enumerate(columns)
        ]

    def seen(self, message: RoutedMessage, consumer: int) -> Delivery:
        """A delivery, with its body."""
        received = message.received
        return Delivery(self.driver.body(received), message.redelivered, received.lease, consumer, message.afterlife)

    def get(self, queue: str = "q", *, no_ack: bool = False) -> Delivery | None:
        """basic.get; None: the queue was empty."""
        answer = self.ask(commands.Get("/", queue, no_ack, None))
        assert isinstance(answer, Got), answer
        return None if answer.message is None else self.seen(answer.message, 0)

    def drain(self, queue: str = "q") -> list[str]:
        """Get all there is, for good."""
        found = []
        while (got := self.get(queue, no_ack=True)) is not None:
            found.append(got.body)
        return found

    def settle(self, outcome: int, *deliveries: Delivery) -> None:
        """ack, requeue or reject all of these at once."""
        self.ask(settlement(outcome, *deliveries))

    def ack(self, *deliveries: Delivery) -> None:
        """basic.ack."""
        self.settle(commands.ACK, *deliveries)

    def requeue(self, *deliveries: Delivery) -> None:
        """basic.nack with requeue."""
        self.settle(commands.REQUEUE, *deliveries)

    def reject(self, *deliveries: Delivery) -> None:
        """basic.nack without requeue."""
        self.settle(commands.REJECT, *deliveries)

    def close(self, channel: Any, *deliveries: Delivery, failed: bool = True) -> None:
        """The channel closes while it holds these."""
        self.done(commands.CloseChannel("/", channel, lease_runs(*deliveries), failed))

    def transact(self, *asked: commands.Publish | commands.Settle) -> list[Any]:
        """tx.commit; the outcomes of its publishes."""
        answer = self.ask(commands.Transact("/", list(asked)))
        assert isinstance(answer, TransactionDone), answer
        return answer.outcomes

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.driver.channels.clear()
        self.driver.restart()

    def check(self) -> None:
        """As the driver's."""
        self.driver.check()


def settlement(outcome: int, *deliveries: Delivery) -> commands.Settle:
    """The command that says so of these."""
    return commands.Settle("/", lease_runs(*deliveries), outcome)


def lease_runs(*deliveries: Delivery) -> list[commands.LeaseRun]:
    """Their leases, those that follow one another as one."""
    runs: list[commands.LeaseRun] = []
    for each in deliveries:
        queue, entry, token = each.lease.queue, each.lease.entry, each.lease.token
        last = runs[-1] if runs else None
        if last is not None and (queue, entry - last.count, token - last.count, each.consumer) == (
            last.queue,
            last.first_entry,
            last.first_token,
            last.consumer,
        ):
            last.count += 1
        else:
            runs.append(commands.LeaseRun(queue, entry, 1, token, each.consumer))
    return runs
