"""RabbitMQ as the tests need it: where its answers are recorded, and a server of it."""

import json
from pathlib import Path
from typing import NamedTuple

from tests.amqp_clients.comparison.scenarios import SCENARIOS
from tests.amqp_clients.comparison.transcript import play

RECORD = Path(__file__).with_name("rabbitmq.json")


class Peer(NamedTuple):
    """A server that somebody else started, on loopback."""

    amqp_port: int | str


def recorded() -> dict[str, list[str]]:
    """Scenario → what RabbitMQ said."""
    found: dict[str, list[str]] = json.loads(RECORD.read_text())
    return found


def asked(port: int) -> dict[str, list[str]]:
    """Every scenario played to the server on this port."""
    return {name: play(Peer(port), scenario) for name, scenario in SCENARIOS.items()}
