"""OnceMQ beside RabbitMQ at the level of the wire: codes, words, what is closed, what goes on.

RabbitMQ's answers are a record, which `tools/rabbitmq_answers.py` makes anew; `make compare` compares the record with
a live RabbitMQ.
"""

import pytest

from bench.rabbitmq import RabbitMq, install
from tests.amqp_clients.comparison.differences import DIFFERENCES
from tests.amqp_clients.comparison.rabbitmq import asked, recorded
from tests.amqp_clients.comparison.scenarios import SCENARIOS
from tests.amqp_clients.comparison.transcript import play
from tools.server_process import ServerProcess

RECORDED = recorded()


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_rabbitmq_says(server: ServerProcess, name: str) -> None:
    said = play(server, SCENARIOS[name])
    if name in DIFFERENCES:
        assert said != RECORDED[name], "it is the same by now: take it out of DIFFERENCES"
    else:
        assert said == RECORDED[name]


def test_the_record_has_every_scenario_and_every_difference_is_one() -> None:
    assert RECORDED.keys() == SCENARIOS.keys()
    assert DIFFERENCES.keys() <= SCENARIOS.keys()


@pytest.mark.rabbitmq
def test_the_record_is_what_rabbitmq_says() -> None:
    install()
    with RabbitMq() as live:
        assert asked(live.port) == RECORDED
