"""What leaves a connection, in which order: the test answers for the core, when it likes."""

from pamqp import commands
from pamqp.commands import Basic, Channel, Connection, Queue, Tx

from oncemq.core.outputs import Done
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.routed_outputs import Declared, PublishedRuns
from tests.protocols.amqp.connections import answer, heard, methods, open_connection

PUBLISH = Basic.Publish(exchange="", routing_key="q")
DECLARED = Declared("q", 0, 0)


def names(frames: list[object]) -> list[str]:
    """Their types."""
    return [type(each).__name__ for each in frames]


def test_what_needs_no_core_waits_for_what_does() -> None:
    connection = open_connection()
    asked = connection.feed(methods(Queue.Declare(queue="q"), Basic.Qos(), Tx.Select(), Queue.Declare(queue="q")))
    assert heard(connection) == []
    answer(asked[0], DECLARED)
    assert names(heard(connection)) == ["DeclareOk", "QosOk", "SelectOk"]
    answer(asked[1], DECLARED)
    assert names(heard(connection)) == ["DeclareOk"]
    connection.feed(methods(Basic.Qos()))
    assert names(heard(connection)) == ["QosOk"]


def test_a_refusal_waits_for_its_turn_and_hears_nothing_meanwhile() -> None:
    connection = open_connection()
    (declare, *_) = connection.feed(methods(Queue.Declare(queue="q"), Basic.Ack(7), Queue.Declare(queue="unheard")))
    assert connection.feed(methods(Basic.Get(queue="unheard"), Basic.Ack(1))) == []
    assert heard(connection) == []
    answer(declare, DECLARED)
    declared, close = heard(connection)
    assert (type(declared), type(close)) == (Queue.DeclareOk, Channel.Close)
    assert (close.reply_code, close.class_id, close.method_id) == (406, 60, 80)


def test_the_first_refusal_is_the_one_that_is_said() -> None:
    connection = open_connection()
    asked = connection.feed(methods(Queue.Declare(queue="q", passive=True), Basic.Ack(7), Basic.Qos()))
    answer(asked[0], QueueDoesNotExist("q"))
    (close,) = heard(connection)
    assert close.reply_code == 404


def test_a_channel_waits_for_itself_only() -> None:
    connection = open_connection(channels=2)
    asked = connection.feed(methods(Queue.Declare(queue="q")) + methods(Basic.Qos(), channel=2))
    assert names(heard(connection)) == ["QosOk"]
    answer(asked[0], DECLARED)
    assert names(heard(connection)) == ["DeclareOk"]


def test_nothing_follows_the_close_of_a_connection() -> None:
    connection = open_connection()
    asked = connection.feed(methods(Queue.Declare(queue="q"), Channel.Close(200, "", 0, 0), Channel.Open()))
    assert names(heard(connection)) == ["Close"]
    for each in asked:
        answer(each, DECLARED if each is asked[0] else Done())
    assert heard(connection) == []


def test_who_closes_is_told_first_what_was_confirmed() -> None:
    connection = open_connection()
    content = methods(PUBLISH) + b"\x02\0\1\0\0\0\x0e\0\x3c" + bytes(12) + b"\xce"
    asked = connection.feed(methods(commands.Confirm.Select()) + content)
    asked += connection.feed(methods(Connection.Close(200, "", 0, 0), channel=0))
    for each in asked:
        if each[1] is not None:
            answer(each, PublishedRuns([0]) if each is asked[0] else Done())
    assert names(heard(connection)) == ["SelectOk", "Ack", "CloseOk"]
