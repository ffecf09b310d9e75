"""Arguments of AMQP are tables of values that the journal has no types for: they are kept as plain data."""

from __future__ import annotations

import math
from typing import Any

import pytest

from oncemq.core import routed_commands as commands
from oncemq.core.exchanges.bindings import QUEUE, Binding
from oncemq.core.routed_outputs import Declared
from oncemq.core.routed_refusals import Inequivalent
from oncemq.protocols.amqp.tables import Decimal, LongString, Timestamp
from tests.core.routed import Amqp

VALUES: list[Any] = [
    Timestamp(5),
    Decimal(2, -314),
    LongString(b"\xff"),
    b"bytes",
    None,
    True,
    1.5,
    (1 << 64) - 1,
    -(1 << 63),
    [Timestamp(1), {"nested": [Decimal(0, 1)]}],
    {"\udcff": "a key that is no UTF-8"},
    "\udcff",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_binding_with_any_value_is_found_again_after_a_restart(value: Any) -> None:
    amqp = Amqp()
    amqp.declare("q")
    bound = Binding("amq.headers", QUEUE, "q", "", {"a": value})
    amqp.done(commands.Bind("/", bound, None))
    amqp.check()
    assert amqp.routed("amq.headers", headers={"a": value}) == ["q"]
    if value is not None:
        assert amqp.routed("amq.headers", headers={"a": "another"}) == []
    amqp.restart()
    amqp.done(commands.Bind("/", bound, None))
    assert len(amqp.driver.host().exchanges["amq.headers"].bindings) == 1
    assert amqp.routed("amq.headers", headers={"a": value}) == ["q"]
    amqp.unbind(bound)
    assert amqp.driver.host().exchanges["amq.headers"].bindings == []
    amqp.check()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_queue_and_an_exchange_declared_with_any_value(value: Any) -> None:
    amqp = Amqp()
    amqp.declare("q", arguments={"x-mine": value})
    amqp.exchange("x", "fanout", {"x-mine": value})
    amqp.check()
    amqp.restart()
    assert amqp.declare("q", arguments={"x-mine": value}) == Declared("q", 0, 0)
    amqp.exchange("x", "fanout", {"x-mine": value})


def test_a_known_argument_of_a_strange_type_is_compared_as_it_is_kept() -> None:
    amqp = Amqp()
    amqp.declare("q", arguments={"x-queue-mode": Timestamp(5)})
    amqp.restart()
    amqp.declare("q", arguments={"x-queue-mode": Timestamp(5)})
    assert isinstance(amqp.redeclare("q", arguments={"x-queue-mode": Timestamp(6)}), Inequivalent)


def test_values_that_differ_do_not_match() -> None:
    amqp = Amqp()
    amqp.declare("q")
    amqp.done(commands.Bind("/", Binding("amq.headers", QUEUE, "q", "", {"a": Timestamp(5)}), None))
    assert amqp.routed("amq.headers", headers={"a": Timestamp(6)}) == []
    assert amqp.routed("amq.headers", headers={"a": "5"}) == []


def test_one_binding_is_known_by_all_that_it_says() -> None:
    amqp = Amqp()
    amqp.declare("q")
    given: list[dict[str, Any]] = [
        {"a": 1, "b": 2},
        {"b": 2, "a": 1},
        {"a": True, "b": 2},
        {"a": 1.0, "b": 2},
        {"a": 1},
        {},
    ]
    for arguments in given:
        amqp.done(commands.Bind("/", Binding("amq.headers", QUEUE, "q", "", arguments), None))
    exchange = amqp.driver.host().exchanges["amq.headers"]
    assert [each.arguments for each in exchange.bindings] == [given[0], *given[2:]]
    amqp.restart()
    for arguments in given:
        amqp.unbind(Binding("amq.headers", QUEUE, "q", "", arguments))
    assert amqp.driver.host().exchanges["amq.headers"].bindings == []
    amqp.check()


def test_what_is_no_number_is_bound_and_never_matches() -> None:
    amqp = Amqp()
    amqp.declare("q")
    bound = Binding("amq.headers", QUEUE, "q", "", {"a": math.nan})
    amqp.done(commands.Bind("/", bound, None))
    assert amqp.routed("amq.headers", headers={"a": math.nan}) == []
    amqp.check()
