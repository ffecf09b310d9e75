"""Every scenario by its name."""

from tests.amqp_clients.comparison.frames import WIRE
from tests.amqp_clients.comparison.messages import MESSAGES
from tests.amqp_clients.comparison.topology import TOPOLOGY
from tests.amqp_clients.comparison.transcript import Handshake, Scenario

SCENARIOS: dict[str, Scenario | Handshake] = {**TOPOLOGY, **MESSAGES, **WIRE}
