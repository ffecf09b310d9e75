"""A receive with an attempt id that nobody got: another answer to the same attempt may have been written."""

from __future__ import annotations

from typing import Any

from oncemq.core import commands
from tests.simulate.askers import HOST
from tests.simulate.facts import content_of
from tests.simulate.server import Server

QUEUE = "q.fifo"


class Gone:
    """A client whose connection is lost."""

    def deliver(self, output: Any) -> bool:
        return False


def test_an_attempt_that_is_asked_again_keeps_its_leases_when_the_answer_is_not_written() -> None:
    server = Server()
    server.ask(commands.CreateQueue(HOST, QUEUE, None, {"kind": "fifo"}, {}))
    message = commands.NewMessage(content_of("m0", 1), 10, group="g", deduplication=b"1")
    server.ask(commands.SendMessages(HOST, QUEUE, None, [message]))
    receive = commands.ReceiveMessages(HOST, QUEUE, None, 1, 30_000, 0, b"attempt")
    server.ask(receive)
    [first] = server.client.answers[-1].messages
    server.engine.submit(receive, Gone())
    server.ask(receive)
    [again] = server.client.answers[-1].messages
    assert (again.lease, again.deliveries) == (first.lease, first.deliveries)
