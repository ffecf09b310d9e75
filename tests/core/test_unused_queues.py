"""x-expires: a queue goes when it was not used for so long."""

from oncemq.core import routed_commands as commands
from tests.core.routed import Amqp


def _there(amqp: Amqp) -> bool:
    return "q" in amqp.driver.host().queues


def test_it_goes_when_it_is_not_used() -> None:
    amqp = Amqp()
    amqp.declare("q", expires_ms=1_600)
    amqp.publish("a")
    amqp.driver.advance(1_584)
    assert _there(amqp)
    amqp.driver.advance(32)
    assert not _there(amqp)
    amqp.check()


def test_gets_receives_and_declarations_keep_it() -> None:
    amqp = Amqp()
    amqp.declare("q", expires_ms=1_600)
    passive = commands.DeclareQueue("/", "q", None, None)
    for use in (
        amqp.get,
        lambda: amqp.declare("q", expires_ms=1_600),
        lambda: amqp.ask(passive),  # as in RabbitMQ
        amqp.driver.receive,
    ):
        amqp.driver.advance(1_200)
        use()
    amqp.driver.advance(1_200)
    assert _there(amqp)
    amqp.publish("publishing is no use")
    amqp.driver.advance(416)
    assert not _there(amqp)


def test_a_consumer_keeps_it() -> None:
    amqp = Amqp()
    amqp.declare("q", expires_ms=1_600)
    consumer = amqp.consume()
    amqp.driver.advance(10_000)
    amqp.cancel(consumer)
    amqp.driver.advance(1_500)
    assert _there(amqp)
    amqp.driver.advance(1_700)
    assert not _there(amqp)
    amqp.check()


def test_its_time_starts_anew_with_the_server() -> None:
    amqp = Amqp()
    amqp.declare("q", expires_ms=1_600)
    amqp.driver.advance(1_500)
    amqp.restart()
    amqp.driver.advance(1_500)
    assert _there(amqp)
    amqp.driver.advance(200)
    assert not _there(amqp)
