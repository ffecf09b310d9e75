"""What lives no longer than the server: nothing of it is journalled, and nothing durable is harmed by that."""

from __future__ import annotations

import pytest

from oncemq.core import commands
from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.model import TRANSIENT
from oncemq.core.routed_commands import ACK, REJECT
from tests.core.driver import Driver
from tests.core.routed import Amqp, run


@pytest.fixture
def amqp() -> Amqp:
    return Amqp()


def batches_of(amqp: Amqp) -> int:
    return len(amqp.driver.batches)


def test_a_transient_message_is_not_journalled(amqp: Amqp) -> None:
    amqp.declare("q")
    before = batches_of(amqp)
    amqp.publish("a", "b", persistent=False)
    amqp.consume()
    first, second = amqp.delivered()
    amqp.settle(ACK, first)
    amqp.settle(REJECT, second)
    assert (first.body, second.body) == ("a", "b")
    assert batches_of(amqp) == before
    amqp.check()


def test_it_keeps_its_place_among_the_others_and_is_gone_after_a_restart(amqp: Amqp) -> None:
    amqp.declare("q")
    for number in range(6):
        amqp.publish(str(number), persistent=number % 2 == 0)
    got = [amqp.get(), amqp.get()]
    assert [each.body for each in got if each] == ["0", "1"]
    amqp.check()
    amqp.restart()
    assert amqp.drain() == ["0", "2", "4"]
    amqp.check()


def test_non_durable_queues_exchanges_and_their_bindings_are_gone_after_a_restart(amqp: Amqp) -> None:
    amqp.declare("durable")
    amqp.exchange("kept")
    amqp.bind("kept", "durable", "k")
    before = batches_of(amqp)
    amqp.declare("passing", durable=False)
    amqp.declare("mine", "owner", exclusive=True)
    amqp.exchange("passing", "fanout", durable=False)
    amqp.bind("kept", "passing", "k")
    amqp.bind("passing", "durable")
    amqp.link("kept", "passing", "k")
    assert batches_of(amqp) == before
    assert amqp.routed("kept", "k") == ["durable", "passing"]
    amqp.driver.begin_checkpoint()
    amqp.driver.publish_checkpoint()
    amqp.check()
    amqp.restart()
    assert list(amqp.driver.host().queues) == ["durable"]
    assert amqp.routed("kept", "k") == ["durable"]
    assert "passing" not in amqp.driver.host().exchanges
    assert len(amqp.driver.host().exchanges["kept"].bindings) == 1
    amqp.check()


def test_a_non_durable_queue_takes_no_batch_whatever_happens_in_it(amqp: Amqp) -> None:
    amqp.declare("q", durable=False, message_ttl_ms=1_000, delivery_limit=0, maximum_length=5)
    before = batches_of(amqp)
    amqp.publish(*"abcdefg")
    amqp.driver.advance(2_000)
    assert amqp.driver.counts() == (0, 0, 0)
    amqp.publish("x", "y", "z")
    amqp.consume(limit=2)
    held = amqp.delivered()
    amqp.settle(1, held[0])
    assert amqp.driver.counts() == (0, 2, 0), "one over its limit is gone"
    amqp.close("channel", failed=False)
    amqp.done(commands.PurgeQueue("/", "q", None))
    assert batches_of(amqp) == before
    amqp.check()


def test_a_persistent_message_for_durable_and_transient_queues_is_stored_for_each(amqp: Amqp) -> None:
    amqp.exchange("all", "fanout")
    amqp.declare("durable")
    amqp.declare("passing", durable=False)
    amqp.bind("all", "durable")
    amqp.bind("all", "passing")
    amqp.publish("x", exchange="all", key="")
    assert amqp.drain("passing") == ["x"]
    amqp.check()
    amqp.restart()
    assert amqp.drain("durable") == ["x"]
    assert not amqp.driver.host().messages.live_in_segment, "no segment is held for what is gone"


@pytest.mark.parametrize("passing", [False, True], ids=["transient message", "transient queue"])
def test_dead_lettering_into_a_durable_queue_writes_it_whole(amqp: Amqp, passing: bool) -> None:
    amqp.declare("dead")
    amqp.declare("q", durable=not passing, dead_letter_exchange="", dead_letter_routing_key="dead")
    amqp.publish("x", persistent=passing)
    got = amqp.get()
    assert got is not None
    amqp.settle(REJECT, got)
    amqp.check()
    amqp.restart()
    dead = amqp.get("dead")
    assert dead is not None and dead.body == "x" and dead.afterlife is not None
    assert [(death.queue, death.reason) for death in dead.afterlife.deaths] == [("q", "rejected")]
    amqp.check()


def test_dead_lettering_into_a_transient_queue_leaves_nothing_behind(amqp: Amqp) -> None:
    amqp.exchange("dlx", "fanout")
    amqp.declare("durable")
    amqp.declare("passing", durable=False)
    amqp.bind("dlx", "durable")
    amqp.bind("dlx", "passing")
    amqp.declare("q", dead_letter_exchange="dlx")
    amqp.publish("x")
    got = amqp.get()
    assert got is not None
    amqp.settle(REJECT, got)
    assert [amqp.driver.counts(name)[0] for name in ("q", "durable", "passing")] == [0, 1, 1]
    amqp.check()
    amqp.restart()
    assert amqp.drain("durable") == ["x"]
    assert amqp.drain("q") == []
    amqp.check()


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("durable", [False, True])
def test_too_many_receives_and_a_move_task_across(persistent: bool, durable: bool) -> None:
    driver = Driver()
    amqp = Amqp(driver)
    amqp.declare("dead", durable=durable)
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    amqp.publish("x", persistent=persistent)
    assert len(driver.receive("q", visibility_ms=0)) == 1
    assert driver.receive("q") == []
    assert driver.counts("dead") == (1, 0, 0)
    amqp.check()
    (dead,) = driver.receive("dead", visibility_ms=0)
    assert (driver.body(dead), dead.deliveries, dead.source) == ("x", 2, "q")
    driver.ask(commands.StartMoveTask("/", "dead", None, "q", 10))
    driver.tick()
    (again,) = driver.receive("q", visibility_ms=0)
    assert (driver.body(again), again.deliveries) == ("x", 1)
    amqp.check()
    amqp.restart()
    assert driver.counts("q") == (1, 0, 0), "in a durable queue it was written whole"
    amqp.check()


def test_a_handle_from_before_a_restart_is_good_for_nothing_after_it() -> None:
    """Places and numbers are given out anew; tokens are not."""
    driver = Driver()
    amqp = Amqp(driver)
    driver.create("q")
    amqp.publish("gone", persistent=False)
    (before,) = driver.receive("q")
    amqp.restart()
    amqp.publish("other", persistent=False)
    (after,) = driver.receive("q", visibility_ms=0)
    assert before.lease.entry == after.lease.entry, "the same place"
    assert before.message != after.message
    driver.delete("q", before.lease)
    assert driver.counts("q") == (1, 0, 0)


def test_durable_messages_behind_many_transient_ones_are_found_after_a_restart(amqp: Amqp) -> None:
    """Whole blocks of places that the journal never heard of, with and without a checkpoint among them."""
    amqp.declare("q")
    amqp.publish("first")
    flood = ["t"] * (BLOCK_ENTRIES + 10)
    for label in ("second", "third"):
        amqp.publish_runs(run(flood, persistent=False))
        amqp.publish(label)
        if label == "second":
            amqp.driver.begin_checkpoint()
            amqp.driver.publish_checkpoint()
        amqp.check()
    amqp.restart()
    assert amqp.drain() == ["first", "second", "third"]
    amqp.check()


def test_a_block_of_transient_messages_alone_is_nothing_in_a_checkpoint(amqp: Amqp) -> None:
    amqp.declare("q")
    amqp.publish("t", persistent=False)
    amqp.driver.begin_checkpoint()
    amqp.driver.publish_checkpoint()
    amqp.restart()
    amqp.publish("durable")
    amqp.check()
    amqp.restart()
    assert amqp.drain() == ["durable"]


def test_a_message_with_a_group_or_a_deduplication_id_is_kept_as_a_persistent_one(amqp: Amqp) -> None:
    amqp.declare("q", deduplicates=True)
    amqp.publish("grouped", group="g", persistent=False)
    amqp.publish("once", deduplication=b"id", persistent=False)
    amqp.restart()
    amqp.publish("once again", deduplication=b"id", persistent=False)
    assert amqp.drain() == ["grouped", "once"]


def test_contents_go_with_the_last_that_holds_them(amqp: Amqp) -> None:
    amqp.exchange("all", "fanout")
    for name in ("one", "two"):
        amqp.declare(name, durable=False)
        amqp.bind("all", name)
    amqp.publish(*"abc", exchange="all", key="")
    table = amqp.driver.host().messages.transient
    assert table.live == 3 and table.next & TRANSIENT
    amqp.drain("one")
    amqp.check()
    amqp.done(commands.DeleteQueue("/", "two", None))
    assert table.live == 0
    amqp.check()


def test_names_that_the_server_gives_are_not_given_again(amqp: Amqp) -> None:
    names = [amqp.declare("", "owner", exclusive=True).queue for _ in range(3)]
    amqp.restart()
    names += [amqp.declare("", "owner", exclusive=True).queue for _ in range(3)]
    assert len(dict.fromkeys(names)) == 6
