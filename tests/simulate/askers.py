"""Clients: each asks one thing and takes the answer into the ledger. An asker that has gone takes nothing."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands
from oncemq.core.commands import Command
from oncemq.core.outputs import Done, MoveTaskInfo, MoveTasks, Output, QueueInfo, Received, Results, Sent, SentMessage
from oncemq.core.refusals import (
    DiskNearlyFull,
    LeaseExpired,
    LeaseNotHeld,
    LeaseOfAnotherQueue,
    MoveTaskNotRunning,
    MoveTaskRunning,
    PurgeInProgress,
    QueueDoesNotExist,
    Refusal,
)
from tests.simulate.facts import AttemptFact, Broken, Fact, Hold, QueueFact
from tests.simulate.ledger import Ledger

HOST = "/"
NOT_CERTAINLY = (PurgeInProgress, MoveTaskRunning, MoveTaskNotRunning)


class Asker:
    """An address. `decided_since_ms` is the earliest time at which what it asks can be decided."""

    command: Command

    def __init__(self, ledger: Ledger, decided_since_ms: int) -> None:
        self.ledger = ledger
        self.since_ms = decided_since_ms
        self.asked_at = ledger.tick()
        self.answered = False
        self.gone = False
        self.server_ended = False
        self.now_ms = decided_since_ms

    def deliver(self, output: Output | Refusal) -> bool:
        """The engine's side. `now_ms` is set by the workload, which knows the clock."""
        if self.server_ended:
            raise Broken(f"an answer after the end: {output}")
        if self.answered:
            raise Broken(f"answered twice: {self.command}")
        if self.gone:
            return False
        self.answered = True
        self.ledger.answers += 1
        self.take(output)
        return True

    def take(self, output: Any) -> None:
        """The answer is here."""

    def missing(self, fact: QueueFact) -> None:
        """QueueDoesNotExist was answered."""
        if fact.exists:
            raise Broken(f"queue {fact.name} does not exist any more")


class SendAsker(Asker):
    """SendMessages, of messages that are new or sent once more."""

    def __init__(self, ledger: Ledger, since_ms: int, facts: list[Fact], command: commands.SendMessages) -> None:
        super().__init__(ledger, since_ms)
        self.facts, self.command = facts, command

    def take(self, output: Sent | Refusal) -> None:
        if isinstance(output, Sent):
            for fact, result in zip(self.facts, output.results, strict=True):
                if not isinstance(result, SentMessage):
                    raise Broken(f"{fact.id} was refused: {result}")
                self.ledger.sent(fact, result)
            return
        if isinstance(output, QueueDoesNotExist):
            self.missing(self.ledger.queues[self.facts[0].queue])
        elif not isinstance(output, DiskNearlyFull):
            raise Broken(f"a send was answered {output}")
        self.ledger.refused(self.facts)


class ReceiveAsker(Asker):
    """ReceiveMessages, perhaps with an attempt id. What it got is in `holds`."""

    command: commands.ReceiveMessages

    def __init__(
        self, ledger: Ledger, since_ms: int, command: commands.ReceiveMessages, attempt: AttemptFact | None
    ) -> None:
        super().__init__(ledger, since_ms)
        self.command, self.attempt = command, attempt
        self.was_valid = attempt is not None and attempt.valid and all(hold.sure for hold in attempt.holds)
        self.holds: list[tuple[Fact, Hold]] = []
        if attempt is not None:
            attempt.busy = attempt.valid = True  # until something asked meanwhile may make it void
            for hold in attempt.holds:
                hold.sure, hold.busy = False, True

    def take(self, output: Received | Refusal) -> None:
        queue, visibility_ms = self.command.queue, self.command.visibility_timeout_ms
        assert visibility_ms is not None
        if not isinstance(output, Received):
            self._refused(queue, output)
            return
        again = False
        if self.attempt is not None:
            again = self.ledger.attempted(self.attempt, output.messages, self.was_valid, self.now_ms)
            for hold in self.attempt.holds:
                hold.busy = False
        until_ms = self.since_ms + visibility_ms
        holds = self.ledger.received(queue, output.messages, self.asked_at, until_ms, self.now_ms, again)
        if visibility_ms:
            self.holds = holds
        else:
            for _, hold in holds:
                hold.sure = False
        if self.attempt is not None:
            self._remember(self.attempt, output, holds, again)

    def _refused(self, queue: str, output: Refusal) -> None:
        if not isinstance(output, QueueDoesNotExist):
            raise Broken(f"a receive was answered {output}")
        self.missing(self.ledger.queues[queue])

    def _remember(self, attempt: AttemptFact, output: Received, holds: list[tuple[Fact, Hold]], again: bool) -> None:
        attempt.busy = False
        if not again:
            attempt.asked_ms = self.since_ms
        attempt.messages, attempt.holds = output.messages, [hold for _, hold in holds]
        attempt.valid = attempt.valid and bool(holds) and all(fact.hold is hold for fact, hold in holds)


def deleted_with_queue(fact: Fact, result: Refusal) -> bool:
    """Whether a lease is refused because its queue was deleted, and one of the same name made."""
    return isinstance(result, LeaseOfAnotherQueue) and (fact.may_be_gone or fact.gone_at is not None)


class DeleteAsker(Asker):
    """DeleteMessages."""

    command: commands.DeleteMessages

    def __init__(self, ledger: Ledger, since_ms: int, holds: list[tuple[Fact, Hold]]) -> None:
        super().__init__(ledger, since_ms)
        self.holds = [(fact, hold, hold.sure) for fact, hold in holds]
        self.command = commands.DeleteMessages(HOST, holds[0][1].queue, None, [hold.lease for _, hold in holds])
        for fact, hold in holds:
            hold.busy = True
            ledger.ask_delete(fact, hold)

    def take(self, output: Results | Refusal) -> None:
        if not isinstance(output, Results):
            self.missing(self.ledger.queues[self.command.queue])
            return
        for (fact, hold, was_sure), result in zip(self.holds, output.results, strict=True):
            hold.busy = False
            if result is not None and not isinstance(result, LeaseExpired) and not deleted_with_queue(fact, result):
                raise Broken(f"the delete of {fact.id} was answered {result}")
            self.ledger.deleted(fact, hold, was_sure, result is not None, self.now_ms)


class ChangeAsker(Asker):
    """ChangeVisibility."""

    command: commands.ChangeVisibility

    def __init__(self, ledger: Ledger, since_ms: int, holds: list[tuple[Fact, Hold]], timeouts_ms: list[int]) -> None:
        super().__init__(ledger, since_ms)
        self.holds = [(fact, hold, hold.sure) for fact, hold in holds]
        leases = [hold.lease for _, hold in holds]
        self.command = commands.ChangeVisibility(HOST, holds[0][1].queue, None, leases, timeouts_ms)
        for fact, hold in holds:
            hold.busy = True
            ledger.ask_change(fact, hold)

    def take(self, output: Results | Refusal) -> None:
        if not isinstance(output, Results):
            self.missing(self.ledger.queues[self.command.queue])
            return
        results = zip(self.holds, self.command.timeouts_ms, output.results, strict=True)
        for (fact, hold, was_sure), timeout_ms, result in results:
            hold.busy = False
            expected = isinstance(result, LeaseExpired | LeaseNotHeld | None) or deleted_with_queue(fact, result)
            if not expected:
                raise Broken(f"the change of {fact.id} was answered {result}")
            until_ms = self.since_ms + timeout_ms if timeout_ms else None
            self.ledger.changed(fact, hold, was_sure, result is not None, until_ms, self.now_ms)


class EmptyAsker(Asker):
    """PurgeQueue or DeleteQueue."""

    def __init__(
        self, ledger: Ledger, since_ms: int, fact: QueueFact, command: commands.PurgeQueue | commands.DeleteQueue
    ) -> None:
        super().__init__(ledger, since_ms)
        self.fact, self.command = fact, command
        self.certain = ledger.ask_empty(fact.name)
        self.was = list(fact.possible)
        fact.busy = True
        if isinstance(command, commands.DeleteQueue):
            fact.possible = [*fact.possible, None]

    def take(self, output: Done | Refusal) -> None:
        self.fact.busy = False
        if isinstance(output, QueueDoesNotExist) and None in self.was:
            self.fact.possible = [None]
        elif isinstance(output, Done):
            self.ledger.emptied(self.certain)
            if isinstance(self.command, commands.DeleteQueue):
                self.fact.possible = [None]
        elif not isinstance(output, NOT_CERTAINLY):
            raise Broken(f"{self.command} was answered {output}")


class AdminAsker(Asker):
    """CreateQueue, ChangeQueue or TagQueue: `after` is how the queue is once it is done."""

    def __init__(
        self, ledger: Ledger, since_ms: int, fact: QueueFact, command: Command, after: tuple[Any, Any] | None
    ) -> None:
        super().__init__(ledger, since_ms)
        self.fact, self.command, self.after = fact, command, after
        self.was = list(fact.possible)
        fact.busy = True
        fact.possible = [*fact.possible, after]

    def take(self, output: Done | QueueInfo | Refusal) -> None:
        self.fact.busy = False
        if isinstance(output, QueueDoesNotExist | DiskNearlyFull) and None in self.was:
            self.fact.possible = self.was
        elif isinstance(output, Done | QueueInfo):
            self.fact.possible = [self.after]
        else:
            raise Broken(f"{self.command} was answered {output}")


class TaskAsker(Asker):
    """StartMoveTask, CancelMoveTask or ListMoveTasks."""

    def __init__(self, ledger: Ledger, since_ms: int, command: Command) -> None:
        super().__init__(ledger, since_ms)
        self.command = command
        if isinstance(command, commands.StartMoveTask):
            ledger.moves_asked.add(command.queue)

    def take(self, output: MoveTaskInfo | MoveTasks | Refusal) -> None:
        if isinstance(output, MoveTaskInfo):
            self._seen(output)
        elif isinstance(output, MoveTasks):
            for task in output.tasks:
                self._seen(task)
        elif not isinstance(output, NOT_CERTAINLY):
            raise Broken(f"{self.command} was answered {output}")

    def _seen(self, task: MoveTaskInfo) -> None:
        _, status, moved = self.ledger.tasks.get(task.task, (task.source, task.status, task.moved))
        if task.moved < moved or (status != "RUNNING" and status != task.status):
            raise Broken(f"move task {task.task} was {status} with {moved} moved and is {task}")
        self.ledger.tasks[task.task] = (task.source, task.status, task.moved)
        older = [number for number, known in self.ledger.tasks.items() if known[0] == task.source]
        for number in sorted(older)[:-8]:
            del self.ledger.tasks[number]
