"""Which queues a message reaches: from exchange to exchange, by alternates, and what it leaves behind."""

from __future__ import annotations

import pytest

from oncemq.core import routed_commands as commands
from oncemq.core.exchange import PREDECLARED
from oncemq.core.outputs import Done
from oncemq.core.refusals import DiskNearlyFull, QueueDoesNotExist
from oncemq.core.routed_outputs import ROUTED, UNROUTED
from oncemq.core.routed_refusals import (
    ExchangeDoesNotExist,
    ExchangeIsDefault,
    ExchangeIsInternal,
    Inequivalent,
    QueueLocked,
)
from tests.core.routed import Amqp, binding, run, traits


def test_the_default_exchange_routes_to_the_queue_of_that_name() -> None:
    amqp = Amqp()
    amqp.declare("q")
    amqp.declare("other")
    assert amqp.publish("hello", key="q") == ROUTED
    assert amqp.drain("other") == []
    assert amqp.drain("q") == ["hello"]
    amqp.check()


def test_a_message_that_nothing_matches_is_stored_nowhere() -> None:
    amqp = Amqp()
    batches = len(amqp.driver.batches)
    assert amqp.publish("lost", key="none") == UNROUTED
    assert amqp.publish("lost", exchange="amq.topic", key="none", mandatory=True) == UNROUTED
    assert len(amqp.driver.batches) == batches


def test_a_missing_exchange_is_refused_and_the_other_runs_are_not() -> None:
    amqp = Amqp()
    amqp.declare("q")
    outcomes = amqp.publish_runs(run(["a"]), run(["b"], "none", "q"), run(["c"]))
    assert outcomes == [ROUTED, ExchangeDoesNotExist("none"), ROUTED]
    assert amqp.drain() == ["a", "c"]


def test_fan_out_stores_once() -> None:
    amqp = Amqp()
    for number in range(3):
        amqp.queue_for(f"q{number}", "amq.fanout")
    amqp.publish("a", "b", exchange="amq.fanout")
    messages = amqp.driver.host().messages
    assert messages.live == 2
    assert amqp.drain("q0") == ["a", "b"]
    amqp.drain("q1")
    assert messages.live == 2
    amqp.drain("q2")
    assert messages.live == 0 and not messages.live_in_segment
    amqp.check()


def test_a_run_keeps_its_order_in_every_queue() -> None:
    amqp = Amqp()
    amqp.queue_for("one", "amq.fanout")
    amqp.publish("first", key="one")
    amqp.queue_for("two", "amq.fanout")
    amqp.publish("a", "b", "c", exchange="amq.fanout")
    assert amqp.drain("one") == ["first", "a", "b", "c"]
    assert amqp.drain("two") == ["a", "b", "c"]


def test_more_keys_are_more_routes_and_one_message_a_queue() -> None:
    amqp = Amqp()
    amqp.queue_for("one", "amq.direct", "a")
    amqp.queue_for("two", "amq.direct", "b")
    amqp.bind("amq.direct", "one", "b")
    assert amqp.routed("amq.direct", "a", "b", "none") == ["one", "two"]
    assert amqp.routed("", "one", "two") == ["one", "two"]


def test_publishing_is_refused_when_the_disk_is_nearly_full() -> None:
    amqp = Amqp()
    amqp.declare("q")
    amqp.driver.machine.state.nearly_full, amqp.driver.machine.state.free_bytes = True, 7
    assert amqp.publish("a") == DiskNearlyFull(7)


# From exchange to exchange --------------------------------------------------------------------------------------


def test_exchange_to_exchange_takes_the_key_along() -> None:
    amqp = Amqp()
    amqp.exchange("inner", "topic")
    amqp.link("amq.direct", "inner", "a.b")
    amqp.queue_for("q", "inner", "*.b")
    assert amqp.routed("amq.direct", "a.b") == ["q"]
    assert amqp.routed("amq.direct", "c.b") == []
    amqp.check()


def test_a_queue_reached_two_ways_has_it_once() -> None:
    amqp = Amqp()
    for name in ("left", "right"):
        amqp.exchange(name, "fanout")
        amqp.link("amq.fanout", name)
    amqp.queue_for("q", "left")
    amqp.bind("right", "q")
    assert amqp.routed("amq.fanout") == ["q"]


def test_a_cycle_of_exchanges_ends() -> None:
    amqp = Amqp()
    for name in ("a", "b"):
        amqp.exchange(name, "fanout")
        amqp.queue_for(f"of {name}", name)
    amqp.link("a", "b")
    amqp.link("b", "a")
    amqp.link("a", "a")
    assert amqp.routed("a") == ["of a", "of b"]
    amqp.check()


def test_an_internal_exchange_takes_only_what_other_exchanges_give_it() -> None:
    amqp = Amqp()
    amqp.exchange("inner", "fanout", internal=True)
    amqp.link("amq.fanout", "inner")
    amqp.queue_for("q", "inner")
    assert amqp.publish("x", exchange="inner") == ExchangeIsInternal("inner")
    assert amqp.routed("amq.fanout") == ["q"]


# Alternate exchanges --------------------------------------------------------------------------------------------


def with_alternate(alternate: str = "rest") -> Amqp:
    amqp = Amqp()
    amqp.exchange("main", "direct", {"alternate-exchange": alternate})
    amqp.queue_for("found", "main", "a")
    return amqp


def test_what_nothing_matches_goes_to_the_alternate_exchange() -> None:
    amqp = with_alternate()
    amqp.exchange("rest", "fanout")
    amqp.queue_for("unfound", "rest")
    assert amqp.routed("main", "a") == ["found"]
    assert amqp.routed("main", "b") == ["unfound"]
    assert amqp.publish("x", exchange="main", key="b", mandatory=True) == ROUTED
    amqp.check()


def test_an_alternate_exchange_may_be_missing() -> None:
    assert with_alternate().publish("x", exchange="main", key="b") == UNROUTED


def test_an_alternate_of_an_alternate() -> None:
    amqp = with_alternate()
    amqp.exchange("rest", "direct", {"alternate-exchange": "last"})
    amqp.exchange("last", "fanout")
    amqp.queue_for("q", "last")
    assert amqp.routed("main", "b") == ["q"]


def test_alternates_in_a_circle_end() -> None:
    amqp = with_alternate("rest")
    amqp.exchange("rest", "direct", {"alternate-exchange": "main"})
    assert amqp.publish("x", exchange="main", key="b") == UNROUTED


def test_the_alternate_of_an_exchange_behind_another() -> None:
    amqp = with_alternate()
    amqp.exchange("rest", "fanout")
    amqp.queue_for("unfound", "rest")
    amqp.link("amq.fanout", "main")
    assert amqp.routed("amq.fanout", "b") == ["unfound"]


# Declaring and deleting exchanges -------------------------------------------------------------------------------


def test_every_virtual_host_has_the_predeclared_exchanges() -> None:
    amqp = Amqp()
    for name, kind in PREDECLARED.items():
        amqp.exchange(name, kind)  # equal to what is there
        amqp.done(commands.DeclareExchange("/", name, None))


def test_a_passive_declare_of_an_exchange_makes_nothing() -> None:
    amqp = Amqp()
    assert amqp.ask(commands.DeclareExchange("/", "none", None)) == ExchangeDoesNotExist("none")
    assert "none" not in amqp.driver.host().exchanges
    amqp.done(commands.DeclareExchange("/", "", None))


def test_the_default_exchange_is_neither_declared_bound_nor_deleted() -> None:
    amqp = Amqp()
    amqp.declare("q")
    for command in (
        commands.DeclareExchange("/", "", traits("direct")),
        commands.DeleteExchange("/", "", False),
        commands.Bind("/", binding("", "q"), None),
        commands.Unbind("/", binding("", "q"), None),
    ):
        assert amqp.ask(command) == ExchangeIsDefault()


@pytest.mark.parametrize(
    ("again", "field", "received", "current"),
    [
        (traits("fanout"), "type", "fanout", "direct"),
        (traits("direct", durable=False), "durable", "false", "true"),
        (traits("direct", auto_delete=True), "auto_delete", "true", "false"),
        (traits("direct", internal=True), "internal", "true", "false"),
        (traits("direct", {"alternate-exchange": "b"}), "alternate-exchange", "b", "a"),
        (traits("direct"), "alternate-exchange", "none", "a"),
    ],
)
def test_an_exchange_declared_otherwise(again: dict[str, object], field: str, received: str, current: str) -> None:
    amqp = Amqp()
    amqp.exchange("x", "direct", {"alternate-exchange": "a"})
    answer = amqp.ask(commands.DeclareExchange("/", "x", again))
    assert answer == Inequivalent("exchange", "x", field, received, current)


def test_other_arguments_are_not_compared() -> None:
    amqp = Amqp()
    amqp.exchange("x", "direct", {"mine": 1})
    amqp.exchange("x", "direct", {"mine": 2})


def test_deleting_an_exchange_takes_its_bindings_on_both_sides() -> None:
    amqp = Amqp()
    amqp.exchange("x", "fanout")
    amqp.link("amq.fanout", "x")
    amqp.queue_for("q", "x")
    amqp.done(commands.DeleteExchange("/", "x", False))
    assert amqp.driver.host().exchanges["amq.fanout"].bindings == []
    amqp.exchange("x", "fanout")
    assert amqp.routed("x") == []
    amqp.check()


def test_deleting_what_is_absent_is_done() -> None:
    amqp = Amqp()
    amqp.declare("q")
    assert amqp.ask(commands.DeleteExchange("/", "none", True)) == Done()
    assert amqp.ask(commands.Unbind("/", binding("none", "q"), None)) == Done()
    assert amqp.ask(commands.Unbind("/", binding("amq.direct", "q", "a"), None)) == Done()


def test_bound_only_as_a_destination_an_exchange_is_not_in_use() -> None:
    amqp = Amqp()
    amqp.exchange("x")
    amqp.link("amq.fanout", "x")
    amqp.done(commands.DeleteExchange("/", "x", True))


def test_an_auto_delete_exchange_goes_with_its_last_binding() -> None:
    amqp = Amqp()
    amqp.exchange("x", "fanout", auto_delete=True)
    assert "x" in amqp.driver.host().exchanges, "it waits for a first binding"
    one, two = amqp.queue_for("one", "x"), amqp.queue_for("two", "x")
    amqp.unbind(one)
    assert "x" in amqp.driver.host().exchanges
    amqp.unbind(two)
    assert "x" not in amqp.driver.host().exchanges
    amqp.check()


def test_auto_delete_exchanges_go_in_a_chain_with_the_queue() -> None:
    amqp = Amqp()
    amqp.exchange("outer", "fanout", auto_delete=True)
    amqp.exchange("inner", "fanout", auto_delete=True)
    amqp.link("outer", "inner")
    amqp.queue_for("q", "inner")
    amqp.bind("outer", "q")
    amqp.ask(commands.RemoveQueue("/", "q", False, False, None))
    assert list(amqp.driver.host().exchanges) == list(PREDECLARED)
    amqp.check()


def test_auto_delete_exchanges_in_a_circle_go() -> None:
    amqp = Amqp()
    for name in ("a", "b"):
        amqp.exchange(name, "fanout", auto_delete=True)
    amqp.link("a", "b")
    amqp.link("b", "a")
    amqp.link("a", "a")
    amqp.done(commands.DeleteExchange("/", "a", False))
    assert list(amqp.driver.host().exchanges) == list(PREDECLARED)
    amqp.check()


def test_bindings_to_what_is_not_there() -> None:
    amqp = Amqp()
    amqp.declare("q")
    amqp.declare("mine", owner="one", exclusive=True)
    ask = amqp.ask
    assert ask(commands.Bind("/", binding("none", "q"), None)) == ExchangeDoesNotExist("none")
    assert ask(commands.Bind("/", binding("amq.direct", "none"), None)) == QueueDoesNotExist("none")
    to_exchange = binding("amq.direct", "none", kind="exchange")
    assert ask(commands.Bind("/", to_exchange, None)) == ExchangeDoesNotExist("none")
    assert ask(commands.Bind("/", binding("amq.direct", "mine"), "two")) == QueueLocked("mine")
    assert ask(commands.Bind("/", binding("amq.direct", "mine"), "one")) == Done()
    amqp.check()


def test_bindings_survive_a_restart_in_their_order() -> None:
    amqp = Amqp()
    amqp.exchange("x", "topic", {"alternate-exchange": "amq.fanout"})
    for name in ("b", "a", "c"):
        amqp.queue_for(name, "x", "k.#", x=name)
    before = list(amqp.driver.host().exchanges["x"].bindings)
    amqp.driver.begin_checkpoint()
    amqp.queue_for("later", "x", "k")
    amqp.driver.publish_checkpoint()
    amqp.restart()
    assert amqp.driver.host().exchanges["x"].bindings[:3] == before
    assert amqp.routed("x", "k") == ["a", "b", "c", "later"]
    amqp.check()
