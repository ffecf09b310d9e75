"""Publish: routed, stored once, an entry in every queue, or returned, or refused."""

from typing import Any

from msgspec.structs import replace

from oncemq.core.decide.alike import merged, shared_out
from oncemq.core.decide.dead_lettering import REASON_MAXLEN, dead_letter
from oncemq.core.decide.lasting import publish as store_run
from oncemq.core.decide.replying import is_reply, reply
from oncemq.core.decide.room import fitting
from oncemq.core.decide.routing import delay_ms, place_in, route
from oncemq.core.decide.storing import store
from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges import RANDOM, TOPIC
from oncemq.core.host import Host
from oncemq.core.queue import Queue
from oncemq.core.refusals import DiskNearlyFull, Refusal
from oncemq.core.routed_commands import Publish, Run
from oncemq.core.routed_outputs import REJECTED, ROUTED, UNROUTED, Outcome, PublishedRuns
from oncemq.core.routed_refusals import ExchangeDoesNotExist, ExchangeIsInternal
from oncemq.core.turn import Turn


def publish(turn: Turn, command: Publish, address: Any) -> None:
    """Answers PublishedRuns."""
    turn.answer(address, PublishedRuns(publish_runs(turn, turn.state.hosts[command.host], command.runs)))


def publish_runs(turn: Turn, host: Host, runs: list[Run]) -> list[Outcome | list[Outcome]]:
    """An outcome for each run, or one for each message of it."""
    if len(runs) == 1:
        return [_outcome(turn, host, runs[0])]
    outcomes: list[Outcome | list[Outcome]] = []
    for run, of in merged(host, runs):
        outcome = _outcome(turn, host, run)
        outcomes += [outcome] if len(of) == 1 else shared_out(outcome, of)
    return outcomes


def _outcome(turn: Turn, host: Host, run: Run) -> Outcome | list[Outcome]:
    return _publish_one_by_one(turn, host, run) if _at_random(host, run) else _publish_run(turn, host, run)


def _at_random(host: Host, run: Run) -> bool:
    exchange = host.exchanges.get(run.exchange)
    return exchange is not None and exchange.traits["type"] == RANDOM


def _publish_one_by_one(turn: Turn, host: Host, run: Run) -> Outcome | list[Outcome]:
    """Each message of the run goes its own way."""
    outcomes = [_publish_run(turn, host, replace(run, contents=[content])) for content in run.contents]
    refused = next((each for each in outcomes if isinstance(each, Refusal)), None)
    if refused is not None:
        return refused
    return outcomes if any(outcomes) else ROUTED


def refused_exchange(host: Host, run: Run) -> Refusal | None:
    """Why nothing can be published there in this way."""
    if run.exchange != DEFAULT_EXCHANGE:
        exchange = host.exchanges.get(run.exchange)
        if exchange is None:
            return ExchangeDoesNotExist(run.exchange)
        if exchange.traits["internal"]:
            return ExchangeIsInternal(run.exchange)
        if run.refusal_if_topic is not None and exchange.traits["type"] == TOPIC:
            return run.refusal_if_topic
    return None


def refused_run(turn: Turn, host: Host, run: Run) -> Refusal | None:
    """Why it cannot be published now, whatever queues there are."""
    refused = refused_exchange(host, run)
    if refused is None and turn.state.nearly_full and not is_reply(host, run):
        return DiskNearlyFull(turn.state.free_bytes)
    return refused


def _publish_run(turn: Turn, host: Host, run: Run) -> Outcome:
    refused = refused_run(turn, host, run)
    if refused is not None:
        return refused
    if host.replies and reply(turn, host, run):
        return ROUTED
    queues = route(host, run.exchange, run.keys, run.headers)
    if not queues:
        return UNROUTED
    taken = [fitting(queue, run.contents) for queue in queues]
    if min(taken) >= len(run.contents):
        store(turn, host, run, queues, delay_ms(host, run.exchange, run.headers))
        return ROUTED
    _publish_in_part(turn, host, run, queues, taken)
    return REJECTED + min(taken)


def _publish_in_part(turn: Turn, host: Host, run: Run, queues: list[Queue], taken: list[int]) -> None:
    """Every queue gets what it takes, whatever the others do (as in RabbitMQ). What one refuses is refused to the
    publisher, who may send it again.
    """
    at, count = 0, len(run.contents)
    for end in sorted({count, *(each for each in taken if each < count)}):
        taking = [queue for queue, its in zip(queues, taken, strict=True) if its >= end]
        if end > at and taking:
            store(
                turn,
                host,
                replace(run, contents=run.contents[at:end]),
                taking,
                delay_ms(host, run.exchange, run.headers),
            )
        at = end
    for queue, its in zip(queues, taken, strict=True):
        if its < count and queue.settings.overflow == "reject-publish-dlx":
            _dead_letter(turn, host, queue, replace(run, contents=run.contents[its:]))


def _dead_letter(turn: Turn, host: Host, queue: Queue, run: Run) -> None:
    """What a full queue refuses, it dead-letters."""
    place = place_in(turn, queue, run.priority, None)
    store_run(turn, host, [place], run.contents, persistent=run.persistent)
    dead_letter(turn, host, queue, list(range(place[1], place[1] + len(run.contents))), REASON_MAXLEN)
