"""SQS clients of queues that AMQP clients declared: they receive under leases with a deadline, and delete."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands
from oncemq.core.outputs import Output, Received, Results
from oncemq.core.refusals import LeaseExpired, Refusal
from tests.simulate.amqp_facts import DEAD, QUEUES
from tests.simulate.amqp_ledger import AmqpLedger, Borrowed
from tests.simulate.askers import HOST
from tests.simulate.facts import Broken
from tests.simulate.runtime import SeededRuntime

SHARED = [name for name, traits in QUEUES.items() if name != DEAD and traits.durable]


class OtherDoor:
    """The address of one receive, and then of one delete."""

    def __init__(self, ledger: AmqpLedger, runtime: SeededRuntime, queue: str, visibility_ms: int) -> None:
        self.ledger, self.runtime, self.queue = ledger, runtime, queue
        self.since_ms = runtime.decided_since_ms
        self.visibility_ms = visibility_ms
        self.command: Any = commands.ReceiveMessages(HOST, queue, None, 3, visibility_ms, 0)
        self.borrowed: list[Borrowed] = []
        self.answered = self.server_ended = False

    def delete(self) -> None:
        """What it was given, in one command."""
        self.answered = False
        for each in self.borrowed:
            each.copy.may_be_gone = True
        self.command = commands.DeleteMessages(HOST, self.queue, None, [each.lease for each in self.borrowed])

    def deliver(self, output: Output | Refusal) -> bool:
        """The engine's side."""
        if self.server_ended:
            raise Broken(f"an answer after the end: {output}")
        self.answered = True
        now_ms = self.runtime.now_ms()
        if isinstance(output, Received):
            until_ms = self.since_ms + self.visibility_ms
            self.borrowed = [self.ledger.borrow(each, self.queue, until_ms, now_ms) for each in output.messages]
        elif isinstance(output, Results):
            for each, result in zip(self.borrowed, output.results, strict=True):
                if not isinstance(result, LeaseExpired | None):
                    raise Broken(f"the delete of {each.copy.name} was answered {result}")
                self.ledger.deleted(each, refused=result is not None, now_ms=now_ms)
            self.borrowed = []
        else:
            raise Broken(f"{self.command} was answered {output}")
        return True
