"""The end of a seed for AMQP: a consumer without a limit empties every queue, in order, and nothing is missing."""

from __future__ import annotations

from tests.simulate.amqp_client import CONFIRM
from tests.simulate.amqp_facts import DEAD, QUEUES
from tests.simulate.amqp_ledger import ACK
from tests.simulate.amqp_workload import AmqpWorkload
from tests.simulate.facts import Broken
from tests.simulate.runtime import SeededRuntime
from tests.simulate.settling import pass_all_time, runtime_idle


def settle_amqp(workload: AmqpWorkload, runtime: SeededRuntime) -> None:
    """Raises Broken."""
    for _ in range(60):
        workload.act()
        runtime.step()
    runtime_idle(runtime)
    for client in workload.clients:
        if client.unread is not None:
            client.resume()
    runtime_idle(runtime)
    _check_answered(workload)
    for client in workload.clients:
        if not (client.lost or client.closing):
            client.close()
    runtime_idle(runtime)
    pass_all_time(runtime)
    if workload.ledger.declared:
        for queue in [*(name for name in QUEUES if name != DEAD), DEAD]:
            _empty(workload, runtime, queue)
        workload.ledger.check_none_left()


def _check_answered(workload: AmqpWorkload) -> None:
    for client in workload.clients:
        for channel in client.channels.values():
            if not channel.closing and (channel.unconfirmed or channel.awaited) and not client.closing:
                raise Broken(f"never answered: {channel.unconfirmed} {[each[1] for each in channel.awaited]}")


def _empty(workload: AmqpWorkload, runtime: SeededRuntime, queue: str) -> None:
    client = workload.connect()
    channel = client.open_channel(1, CONFIRM)
    client.consume(channel, queue, 0)
    runtime_idle(runtime)
    holds = list(channel.holds.values())
    places = [hold.copy.place() for hold in holds]
    if queue != DEAD and places != sorted(places):
        raise Broken(f"{queue} came out of order: {[hold.copy.name for hold in holds]}")
    if holds:
        client.settle(channel, holds, ACK, multiple=True)
    client.close_channel(channel)
    runtime_idle(runtime)
    if channel.holds and client.channels:
        raise Broken(f"{queue}: its channel was never closed")
    client.lose()
