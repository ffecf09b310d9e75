"""tx.commit: publishes and settlements in one batch, all of it or none."""

from typing import Any

from oncemq.core.decide.delivering import settle
from oncemq.core.decide.publishing import publish_runs
from oncemq.core.refusals import Refusal
from oncemq.core.routed_commands import Publish, Transact
from oncemq.core.routed_outputs import TransactionDone
from oncemq.core.turn import Turn


def transact(turn: Turn, command: Transact, address: Any) -> None:
    """Answers TransactionDone. One command is decided in one batch, so what it emits is durable together."""
    outcomes: list[int | Refusal] = []
    for each in command.commands:
        if isinstance(each, Publish):
            outcomes += publish_runs(turn, turn.state.hosts[each.host], each.runs)
        else:
            settle(turn, each, None)
    turn.answer(address, TransactionDone(outcomes))
