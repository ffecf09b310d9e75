"""The end of a seed: no more crashes, all time that anything waits for passes, and every queue is emptied by receives.

All that the clients know to be there must come, once and in order; nothing else may; and nobody is left unanswered.
"""

from __future__ import annotations

from oncemq.core import commands
from tests.simulate.askers import HOST, DeleteAsker, ReceiveAsker
from tests.simulate.facts import Broken
from tests.simulate.runtime import SeededRuntime
from tests.simulate.workload import Workload

LONGEST_WAIT_MS = 400_000
ROUNDS_MAX = 400


def settle(workload: Workload, runtime: SeededRuntime) -> None:
    """Raises Broken."""
    for _ in range(60):
        workload.act()
        runtime.step()
    runtime_idle(runtime)
    pass_all_time(runtime)
    unanswered = [asker.command for asker in workload.asking if not (asker.answered or asker.gone)]
    if unanswered:
        raise Broken(f"never answered: {unanswered}")
    existing = [fact for fact in workload.ledger.queues.values() if fact.exists]
    for queue in [fact.name for fact in sorted(existing, key=lambda fact: fact.dead_letter_queue is None)]:
        _empty(workload, runtime, queue)
    names = {fact.name for fact in existing}
    left = [fact for fact in workload.ledger.facts.values() if fact.known and fact.queue in names]
    lost = [fact.id for fact in left if fact.gone_at is None and not fact.may_be_gone]
    if lost:
        raise Broken(f"acknowledged, and never received: {lost}")


def pass_all_time(runtime: SeededRuntime) -> None:
    """Until nothing waits for a time any more, but for what waits very long."""
    end_ms = runtime.clock_ms + LONGEST_WAIT_MS
    while (due_ms := runtime.next_timer_ms()) is not None and due_ms < end_ms:
        runtime.advance(max(0, due_ms - runtime.clock_ms))
        runtime_idle(runtime)


def _empty(workload: Workload, runtime: SeededRuntime, queue: str) -> None:
    for _ in range(ROUNDS_MAX):
        command = commands.ReceiveMessages(HOST, queue, None, 10, 60_000, 0)
        received = ReceiveAsker(workload.ledger, runtime.decided_since_ms, command, None)
        workload.submit(received)
        runtime_idle(runtime)
        if not received.holds:
            return
        workload.submit(DeleteAsker(workload.ledger, runtime.decided_since_ms, received.holds))
        runtime_idle(runtime)
    raise Broken(f"{queue} never ends")


def runtime_idle(runtime: SeededRuntime) -> None:
    """Until only time would change anything."""
    for _ in range(100_000):
        if not runtime.step():
            due_ms = runtime.next_timer_ms()
            if due_ms is None or due_ms > runtime.clock_ms:
                return
    raise Broken("the engine never comes to rest")
