"""No segment is deleted that somebody still needs: a recovery to an earlier batch, or an answer on its way."""

from __future__ import annotations

import random

from oncemq.core import commands
from oncemq.core.outputs import Received
from tests.simulate.askers import HOST
from tests.simulate.facts import content_of
from tests.simulate.found import entries_of
from tests.simulate.server import QUEUE, Server, started


def test_a_delete_that_is_not_durable_frees_no_segment() -> None:
    server = Server()
    server.ask(commands.ReceiveMessages(HOST, QUEUE, None, 1, 30_000, 0))
    lease = server.client.answers[-1].messages[0].lease
    server.checkpoint_begins()
    server.run("write")
    server.engine.submit(commands.DeleteMessages(HOST, QUEUE, None, [lease]), server.client)
    server.run("background")
    assert server.checkpointer.published == 1
    recovered = started(server.disk.crash(random.Random(1)))
    [found] = entries_of(recovered.machine.state, recovered.journal)
    assert found.content == content_of("m0", 1)


def test_an_answer_whose_contents_are_being_read_keeps_their_segment() -> None:
    server = Server()
    server.engine.submit(commands.ReceiveMessages(HOST, QUEUE, None, 1, 30_000, 0), server.client)
    server.run("write")
    server.engine.submit(commands.PurgeQueue(HOST, QUEUE, None), server.client)
    server.run("write")
    server.checkpoint_begins()
    server.run("write", "background")
    assert server.checkpointer.published == 1
    server.run("read")
    received = next(answer for answer in server.client.answers if isinstance(answer, Received))
    assert received.messages[0].content == content_of("m0", 1)
