"""The engine holds sends back for those that follow at once, and for nothing else."""

from __future__ import annotations

from oncemq.core import commands
from oncemq.core.outputs import Received, Sent
from tests.simulate.askers import HOST
from tests.simulate.facts import content_of
from tests.simulate.server import QUEUE, Server
from tests.simulate.settling import runtime_idle


def send(body: str) -> commands.SendMessages:
    return commands.SendMessages(HOST, QUEUE, None, [commands.NewMessage(content_of(body, 1), 10)])


def receive() -> commands.ReceiveMessages:
    return commands.ReceiveMessages(HOST, QUEUE, None, 10, None, 0)


def test_whatever_is_asked_after_a_send_finds_it_sent() -> None:
    server = Server()
    server.client.answers.clear()
    for command in (send("m1"), receive(), send("m2"), send("m3"), receive(), send("m4")):
        server.engine.submit(command, server.client)
    runtime_idle(server.runtime)
    answers = server.client.answers
    assert [type(each) for each in answers] == [Sent, Received, Sent, Sent, Received, Sent]
    assert [len(each.messages) for each in answers if isinstance(each, Received)] == [2, 2]


def test_sends_while_a_batch_is_written_are_in_the_next_one() -> None:
    server = Server()
    server.client.answers.clear()
    server.engine.submit(send("m1"), server.client)
    server.run("loop")
    number = server.recovered.journal.mark.number
    for body in ("m2", "m3", "m4"):
        server.engine.submit(send(body), server.client)
    server.run("loop")
    assert server.client.answers == [], "nothing is synced yet"
    runtime_idle(server.runtime)
    assert len(server.client.answers) == 4
    assert server.recovered.journal.mark.number == number + 2


def test_a_server_that_drains_answers_what_was_held_back() -> None:
    server = Server()
    server.client.answers.clear()
    server.engine.submit(send("m1"), server.client)
    ended: list[bool] = []
    server.engine.drain(lambda: ended.append(len(server.client.answers) == 1))
    runtime_idle(server.runtime)
    assert ended == [True]
