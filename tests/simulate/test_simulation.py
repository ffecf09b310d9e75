"""Thousands of seeds: whatever the disk forgets at a crash, nothing that was answered is lost.

ONCEMQ_SIMULATION_SEEDS says how many, ONCEMQ_SIMULATION_FIRST from which on. `python -m tests.simulate SEED` plays one
again.
"""

from __future__ import annotations

import os

import pytest

from tests.simulate.hits import Hits
from tests.simulate.life import Simulation

SEEDS = int(os.environ.get("ONCEMQ_SIMULATION_SEEDS", "2000"))
FIRST = int(os.environ.get("ONCEMQ_SIMULATION_FIRST", "0"))


@pytest.mark.timeout(300 + SEEDS)  # a loaded machine may take a second a seed
def test_nothing_acknowledged_is_lost_whatever_the_disk_forgets(capsys: pytest.CaptureFixture[str]) -> None:
    hits = Hits()
    for seed in range(FIRST, FIRST + SEEDS):
        try:
            Simulation(seed, hits).play()
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error!r}; again: python -m tests.simulate {seed}") from error
    with capsys.disabled():
        print(f"\n{SEEDS:,} seeds over a disk that forgets; where the crashes fell, and what was seen:\n{hits.table()}")
    assert not hits.missed(), f"never hit: {hits.missed()}"
