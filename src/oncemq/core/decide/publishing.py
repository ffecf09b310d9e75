"""Publish: routed, stored once, an entry in every queue, or returned, or refused."""

from typing import Any

from msgspec.structs import replace

from oncemq.core.consumer import UNLIMITED
from oncemq.core.decide.dead_lettering import REASON_MAXLEN, dead_letter
from oncemq.core.decide.lasting import publish as store_run
from oncemq.core.decide.replying import reply
from oncemq.core.decide.routing import place_in, route
from oncemq.core.decide.storing import store
from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.exchanges import DELAYED, RANDOM, TOPIC
from oncemq.core.host import Host
from oncemq.core.limits import DELAY_MS
from oncemq.core.queue import Queue
from oncemq.core.refusals import DiskNearlyFull, Refusal
from oncemq.core.routed_commands import Publish, Run
from oncemq.core.routed_outputs import REJECTED, ROUTED, UNROUTED, PublishedRuns
from oncemq.core.routed_refusals import ExchangeDoesNotExist, ExchangeIsInternal
from oncemq.core.turn import Turn

DELAY_HEADER = "x-delay"


def publish(turn: Turn, command: Publish, address: Any) -> None:
    """Answers PublishedRuns."""
    turn.answer(address, PublishedRuns(publish_runs(turn, turn.state.hosts[command.host], command.runs)))


def publish_runs(turn: Turn, host: Host, runs: list[Run]) -> list[int | Refusal]:
    """An outcome for each run."""
    return [
        _publish_one_by_one(turn, host, run) if _at_random(host, run) else _publish_run(turn, host, run) for run in runs
    ]


def _at_random(host: Host, run: Run) -> bool:
    exchange = host.exchanges.get(run.exchange)
    return exchange is not None and exchange.traits["type"] == RANDOM


def _publish_one_by_one(turn: Turn, host: Host, run: Run) -> int | Refusal:
    """Each message of the run goes its own way. The worst outcome is that of all."""
    outcome: int | Refusal = ROUTED
    for content in run.contents:
        one = _publish_run(turn, host, replace(run, contents=[content]))
        if one != ROUTED:
            outcome = one
    return outcome


def _delay_ms(host: Host, run: Run) -> int:
    """What an exchange for delayed messages is told."""
    exchange = host.exchanges.get(run.exchange)
    delay_ms = run.headers.get(DELAY_HEADER) if run.headers else None
    if exchange is None or exchange.traits["type"] != DELAYED or not isinstance(delay_ms, int):
        return 0
    return min(max(0, delay_ms), DELAY_MS)


def _publish_run(turn: Turn, host: Host, run: Run) -> int | Refusal:
    if run.exchange != DEFAULT_EXCHANGE:
        exchange = host.exchanges.get(run.exchange)
        if exchange is None:
            return ExchangeDoesNotExist(run.exchange)
        if exchange.traits["internal"]:
            return ExchangeIsInternal(run.exchange)
        if run.refusal_if_topic is not None and exchange.traits["type"] == TOPIC:
            return run.refusal_if_topic
    if host.replies and reply(turn, host, run):
        return ROUTED
    if turn.state.nearly_full:
        return DiskNearlyFull(turn.state.free_bytes)
    queues = route(host, run.exchange, run.keys, run.headers)
    if not queues:
        return UNROUTED
    taken = min(len(run.contents), *(_fitting(queue, run) for queue in queues))
    if taken == len(run.contents):
        store(turn, host, run, queues, _delay_ms(host, run))
        return ROUTED
    full = [queue for queue in queues if _fitting(queue, run) == taken]
    refused = replace(run, contents=run.contents[taken:])
    if taken:
        store(turn, host, replace(run, contents=run.contents[:taken]), queues, _delay_ms(host, run))
    for queue in full:
        if queue.settings.overflow == "reject-publish-dlx":
            _dead_letter(turn, host, queue, refused)
    return REJECTED + taken


def _dead_letter(turn: Turn, host: Host, queue: Queue, run: Run) -> None:
    """What a full queue refuses, it dead-letters."""
    place = place_in(turn, queue, run.priority, None)
    store_run(turn, host, [place], run.contents, persistent=run.persistent)
    dead_letter(turn, host, queue, list(range(place[1], place[1] + len(run.contents))), REASON_MAXLEN)


def _fitting(queue: Queue, run: Run) -> int:
    """How many messages of the run it takes, from the first on."""
    return min(_room(queue), _room_in_bytes(queue, run))


def _room_in_bytes(queue: Queue, run: Run) -> int:
    maximum = queue.settings.maximum_bytes
    if maximum is None or queue.settings.overflow == "drop-head":
        return UNLIMITED
    left = maximum - queue.ready_bytes
    for number, content in enumerate(run.contents):
        left -= len(content.body) + len(content.properties)
        if left < 0:
            return number
    return UNLIMITED


def _room(queue: Queue) -> int:
    """Messages that the queue takes before it refuses one: what consumers are sent at once is never too much."""
    maximum = queue.settings.maximum_length
    if maximum is None or queue.settings.overflow == "drop-head":
        return UNLIMITED
    by_channel: dict[int, int] = {}
    for consumer in queue.consumers:
        if consumer.no_ack:
            return UNLIMITED
        room = by_channel.get(id(consumer.channel), 0) + max(0, consumer.room)
        by_channel[id(consumer.channel)] = min(room, max(0, consumer.channel.room))
    return max(0, maximum + sum(by_channel.values()) - queue.ready)
