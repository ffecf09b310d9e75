"""tx.commit: publishes and settlements in one batch, all of it or none.

So what could refuse a part of it is looked for before the first record: after it there is no way back.
"""

from typing import Any

from oncemq.core.decide.publishing import publish_runs, refused_exchange, refused_run
from oncemq.core.decide.room import fitting
from oncemq.core.decide.routing import route
from oncemq.core.decide.settling import settle
from oncemq.core.host import Host
from oncemq.core.model import Content
from oncemq.core.outputs import Done
from oncemq.core.refusals import QueueFull
from oncemq.core.routed_commands import CheckRuns, Publish, Run, Transact
from oncemq.core.routed_outputs import Outcome, TransactionDone
from oncemq.core.turn import Turn


def check_runs(turn: Turn, command: CheckRuns, address: Any) -> None:
    """Answers Done. A disk that is nearly full is for the commit to wait for."""
    host = turn.state.hosts[command.host]
    refusals = (refused_exchange(host, run) for run in command.runs)
    turn.answer(address, next((each for each in refusals if each is not None), None) or Done())


def transact(turn: Turn, command: Transact, address: Any) -> None:
    """Answers TransactionDone. One command is decided in one batch, so what it emits is durable together."""
    host = turn.state.hosts[command.host]
    runs = [run for each in command.commands if isinstance(each, Publish) for run in each.runs]
    refusals = (refused_run(turn, host, run) for run in runs)
    refused = next((each for each in refusals if each is not None), None) or _overfull(host, runs)
    if refused is not None:
        turn.answer(address, refused)
        return
    outcomes: list[Outcome | list[Outcome]] = []
    for each in command.commands:
        if isinstance(each, Publish):
            outcomes += publish_runs(turn, host, each.runs)
        else:
            settle(turn, each, None)
    turn.answer(address, TransactionDone(outcomes))


def _overfull(host: Host, runs: list[Run]) -> QueueFull | None:
    """A queue that has no room for all that the transaction publishes to it."""
    coming: dict[str, list[Content]] = {}
    for run in runs:
        for queue in route(host, run.exchange, run.keys, run.headers):
            if queue.settings.rejects:
                coming.setdefault(queue.name, []).extend(run.contents)
    for name, contents in coming.items():
        if fitting(host.queues[name], contents) < len(contents):
            return QueueFull(name)
    return None
