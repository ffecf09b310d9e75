"""x-overflow reject-publish-dlx: refused, and dead-lettered."""

from oncemq.core.routed_outputs import REJECTED, ROUTED
from tests.core.routed import Amqp


def test_what_a_full_queue_refuses_is_dead_lettered() -> None:
    amqp = Amqp()
    amqp.exchange("dead", "fanout")
    amqp.queue_for("letters", "dead")
    amqp.declare("q", maximum_length=1, overflow="reject-publish-dlx", dead_letter_exchange="dead")
    assert [amqp.publish(body) for body in "ab"] == [ROUTED, REJECTED]
    got = amqp.get("letters")
    assert got is not None and got.body == "b"
    assert got.afterlife is not None and got.afterlife.deaths[0].reason == "maxlen"
    amqp.check()
    assert amqp.drain() == ["a"]
