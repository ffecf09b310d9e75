"""All clients of one life of the server: of one door, of the other, or of both."""

from __future__ import annotations

import random

from oncemq.engine.engine import Engine
from tests.simulate.amqp_settling import settle_amqp
from tests.simulate.amqp_workload import AmqpWorkload
from tests.simulate.runtime import SeededRuntime
from tests.simulate.settling import settle
from tests.simulate.workload import Workload

DOORS = ("sqs", "amqp", "both")


class Clients:
    """`doors` is one of DOORS."""

    def __init__(self, sqs: Workload, amqp: AmqpWorkload, doors: str, dice: random.Random) -> None:
        self.sqs, self.amqp, self.doors, self.dice = sqs, amqp, doors, dice

    @property
    def engine(self) -> Engine:
        """The server's."""
        return self.sqs.engine

    def act(self) -> None:
        """Somebody does something."""
        if self.doors == "sqs" or (self.doors == "both" and self.dice.random() < 0.4):
            (self.amqp.act_through_sqs if self.doors == "both" and self.dice.random() < 0.15 else self.sqs.act)()
        else:
            self.amqp.act()

    def end(self) -> None:
        """The server has ended."""
        self.sqs.end()
        self.amqp.end()

    def settle(self, runtime: SeededRuntime) -> None:
        """No more crashes: see that all is there."""
        if self.doors != "amqp":
            settle(self.sqs, runtime)
        if self.doors != "sqs":
            settle_amqp(self.amqp, runtime)
