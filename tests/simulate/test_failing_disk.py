"""Disks that fail and disks that fill up.

A failed write or sync ends the process, what rests on it is never answered, and the next start is whole. A disk nearly
full refuses sends while receives and deletes go on.
"""

from __future__ import annotations

import random

import pytest

from oncemq.core import commands
from oncemq.core.outputs import Received, Results, Sent
from oncemq.core.refusals import DiskNearlyFull
from tests.simulate.askers import HOST
from tests.simulate.facts import content_of
from tests.simulate.life import Simulation
from tests.simulate.runtime import FailStop
from tests.simulate.server import QUEUE, Server

SEEDS = 60
EVENTS_MAX = 3_000
SEND = commands.SendMessages(HOST, QUEUE, None, [commands.NewMessage(content_of("m1", 1), 10)])
RECEIVE = commands.ReceiveMessages(HOST, QUEUE, None, 10, 30_000, 0)


@pytest.mark.parametrize("fault", ["fail_write_after", "fail_sync_after"])
def test_a_failed_write_or_sync_ends_the_process_and_the_next_start_is_whole(fault: str) -> None:
    for seed in range(SEEDS):
        simulation = Simulation(seed)
        workload = simulation.begin()
        setattr(simulation.disk, fault, random.Random(seed).randrange(60))
        with pytest.raises(FailStop) as stopped:
            for _ in range(EVENTS_MAX):
                simulation.event(workload)
        assert isinstance(stopped.value.__cause__, OSError), seed
        simulation.crash()
        simulation.play()


def test_a_disk_nearly_full_refuses_sends_while_receives_and_deletes_go_on() -> None:
    server = Server()
    server.engine.report_disk_space(free_bytes=99, reserve_bytes=100)
    server.ask(SEND)
    assert server.client.answers[-1] == DiskNearlyFull(99)
    server.ask(RECEIVE)
    received = server.client.answers[-1]
    assert isinstance(received, Received)
    assert len(received.messages) == 1
    server.ask(commands.DeleteMessages(HOST, QUEUE, None, [received.messages[0].lease]))
    assert server.client.answers[-1] == Results([None])
    server.engine.report_disk_space(free_bytes=100, reserve_bytes=100)
    server.ask(SEND)
    assert isinstance(server.client.answers[-1], Sent)
