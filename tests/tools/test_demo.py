"""The demo's verdict: what its clients noted must be able to condemn it."""

import pytest

from tools.demo.notes import Findings, Notes
from tools.demo.orders import Order, make_orders

POISON = Order(0, 1, 0, True)
ORDERS = [Order(0, 0, 0, False), POISON, Order(0, 2, 1, False), Order(1, 0, 0, False)]


def worked() -> Notes:
    """Notes of a run in which all went well."""
    notes = Notes(ORDERS)
    for order in ORDERS:
        notes.order_sent(order.name, f"id of {order.name}")
    for order in ORDERS:
        if order.poison:
            notes.order_dead(order.name)
        else:
            for _ in range(order.failures):
                notes.order_failed(order.name)
            notes.order_processed(order.name)
    return notes


def test_a_good_run_is_sound() -> None:
    found = worked().findings(left=0)
    assert found == Findings(4, 3, 1, 1, 1, 0, 0, 0, 0, 0)
    assert found.sound


def test_what_is_left_in_a_queue_condemns() -> None:
    assert not worked().findings(left=1).sound


def test_a_refused_request_condemns() -> None:
    notes = worked()
    notes.refused.append("InvalidParameterValue")
    assert not notes.findings(left=0).sound


@pytest.mark.parametrize("twice", ["processed", "dead", "both", "same id"])
def test_a_duplicate_condemns(twice: str) -> None:
    notes = worked()
    if twice == "processed":
        notes.order_processed(ORDERS[3].name)
    elif twice == "same id":
        notes.order_sent(ORDERS[3].name, f"id of {ORDERS[0].name}")
    else:
        notes.order_dead(POISON.name if twice == "dead" else ORDERS[3].name)
    found = notes.findings(left=0)
    assert found.duplicates == 1
    assert not found.sound


def test_a_lost_order_condemns() -> None:
    notes = worked()
    del notes.processed[ORDERS[3].name]
    found = notes.findings(left=0)
    assert (found.lost, found.sound) == (1, False)


def test_a_wrong_order_condemns() -> None:
    notes = Notes(ORDERS)
    for order in (ORDERS[2], ORDERS[3], ORDERS[0]):
        notes.order_sent(order.name, order.name)
        notes.order_processed(order.name)
    found = notes.findings(left=0)
    assert (found.out_of_order, found.sound) == (1, False)


def test_poison_that_was_processed_condemns() -> None:
    notes = worked()
    del notes.dead[POISON.name]
    notes.order_processed(POISON.name)
    assert not notes.findings(left=0).sound


def test_orders_have_poison_and_failures_and_are_the_same_each_time() -> None:
    orders = make_orders()
    assert orders == make_orders()
    assert any(order.poison for order in orders)
    assert any(order.failures for order in orders)
    assert len({order.name for order in orders}) == len(orders)
