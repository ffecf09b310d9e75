"""Runs that differ only in what decides nothing are decided as one: messages with ids, times or headers of their own.

A producer rarely publishes two messages with equal properties, and a record for each costs many times what one for all
of a read does.
"""

from msgspec.structs import replace

from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges import BY_KEY
from oncemq.core.host import Host
from oncemq.core.model import Content
from oncemq.core.refusals import Refusal
from oncemq.core.routed_commands import Run
from oncemq.core.routed_outputs import REJECTED, ROUTED, Outcome


def merged(host: Host, runs: list[Run]) -> list[tuple[Run, list[Run]]]:
    """In their order: each run as it is decided, and those that it stands for."""
    groups: list[tuple[Run, list[Run]]] = []
    for run in runs:
        if groups and _alike(host, groups[-1][1][0], run):
            groups[-1][1].append(run)
        else:
            groups.append((run, [run]))
    return [(run if len(of) == 1 else _one(of), of) for run, of in groups]


def _alike(host: Host, first: Run, run: Run) -> bool:
    return (
        run.exchange == first.exchange
        and run.keys == first.keys
        and run.priority == first.priority
        and run.expiration_ms == first.expiration_ms
        and run.group == first.group
        and run.persistent == first.persistent
        and run.mandatory == first.mandatory
        and run.deduplication is None
        and first.deduplication is None
        and run.refusal_if_topic == first.refusal_if_topic
        and (run.headers == first.headers or _routes_by_key_alone(host, run.exchange))
    )


def _routes_by_key_alone(host: Host, name: str) -> bool:
    if name == DEFAULT_EXCHANGE:
        return True
    exchange = host.exchanges.get(name)
    return exchange is None or (
        exchange.traits["type"] in BY_KEY and not exchange.onward and exchange.alternate is None
    )


def _one(runs: list[Run]) -> Run:
    contents: list[Content] = []
    for run in runs:
        contents += run.contents
    return replace(runs[0], contents=contents)


def shared_out(outcome: Outcome | list[Outcome], runs: list[Run]) -> list[Outcome | list[Outcome]]:
    """The outcome of the one, for each of those that it stood for. A queue takes the first ones, or all."""
    if isinstance(outcome, list):
        left = list(outcome)
        return [[left.pop(0) for _ in run.contents] for run in runs]
    if isinstance(outcome, Refusal) or outcome < REJECTED:
        return [outcome] * len(runs)
    taken = outcome - REJECTED
    shares: list[Outcome | list[Outcome]] = []
    for run in runs:
        count = len(run.contents)
        shares.append(ROUTED if taken >= count else REJECTED + max(0, taken))
        taken -= count
    return shares
