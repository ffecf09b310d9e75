"""The demo's verdict: what its clients noted must be able to condemn it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tools.demo.__main__ import show
from tools.demo.demo import Demo
from tools.demo.notes import Findings, Notes
from tools.demo.orders import Order, make_orders
from tools.demo.screen import Screen
from tools.server_process import ServerProcess

POISON = Order("WEB", 0, 1, 0, True)
ORDERS = [Order("WEB", 0, 0, 0, False), POISON, Order("WEB", 0, 2, 1, False), Order("WEB", 1, 0, 0, False)]
CUSTOMERS, ORDERS_PER_CUSTOMER = 10, 16


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
    assert found == Findings(4, 3, 1, 1, 1, 0, 0, 0, 0, 0, 0)
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


def test_an_order_that_was_never_sent_condemns() -> None:
    notes = worked()
    del notes.sent[POISON.name]
    found = notes.findings(left=0)
    assert (found.lost, found.unsent, found.sound) == (0, 1, False)


def test_only_what_was_never_told_is_recognised() -> None:
    notes = worked()
    notes.telling("told")
    notes.told("told")
    notes.telling("never told")
    assert not notes.was_never_told("told")
    assert notes.was_never_told("never told")
    assert notes.recognised == 1


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


@pytest.mark.parametrize("shop", ["WEB", "MOBILE"])
@pytest.mark.parametrize("numbers", [(), (CUSTOMERS, ORDERS_PER_CUSTOMER)])
def test_orders_have_poison_and_failures_and_are_the_same_each_time(shop: str, numbers: tuple[int, ...]) -> None:
    orders = make_orders(shop, *numbers)
    assert orders == make_orders(shop, *numbers)
    assert any(order.poison for order in orders)
    assert any(order.failures for order in orders)
    assert len({order.name for order in orders}) == len(orders)


class FaultyDemo(Demo):
    """A short one, with a fault planted right after its clients start."""

    def __init__(self, folder: Path, plant: Callable[[Demo, BlockingChannel], None] | None) -> None:
        server = ServerProcess(folder / "data", amqp_port=0)
        super().__init__(server, Screen(), CUSTOMERS, ORDERS_PER_CUSTOMER)
        self.plant = plant

    def _watch(self, *arguments: Any) -> None:
        if self.plant is not None:
            address = pika.ConnectionParameters("127.0.0.1", int(self.server.amqp_port))
            with pika.BlockingConnection(address) as connection:
                self.plant(self, connection.channel())
            self.plant = None
        super()._watch(*arguments)


def steal_one(demo: Demo, channel: BlockingChannel) -> None:
    """A mobile order vanishes out of its queue."""
    assert demo.mobile.queues is not None
    channel.basic_qos(prefetch_count=1)
    for method, _, _ in channel.consume(demo.mobile.queues.name):
        channel.basic_ack(method.delivery_tag)
        break
    channel.cancel()


def double_one(demo: Demo, channel: BlockingChannel) -> None:
    """A web order is in its queue twice."""
    assert demo.web.queues is not None
    order = next(order for order in demo.web.notes.orders.values() if not order.poison)
    body = json.dumps({"order_id": order.name})
    headers = {"x-group-id": "another", "x-deduplication-header": "another"}
    channel.basic_publish("", demo.web.queues.name, body.encode(), pika.BasicProperties(headers=headers))


@pytest.mark.parametrize(
    ("plant", "status", "last_line"),
    [
        (None, 0, "All well: 320 orders sent, lost 0, doubled 0, out of order 0"),
        (steal_one, 1, "SOMETHING WENT WRONG: 320 orders sent, lost 1, doubled 0, out of order 0"),
        (double_one, 1, "SOMETHING WENT WRONG: 320 orders sent, lost 0, doubled 1, "),
    ],
)
def test_the_demo_says_what_happened(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    plant: Callable[[Demo, BlockingChannel], None] | None,
    status: int,
    last_line: str,
) -> None:
    assert show(FaultyDemo(tmp_path, plant)) == status
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1].startswith(last_line), shown
    assert any(line.split()[:3] == ["sent", "160", "160"] for line in shown)
    assert any("kill -9" in line for line in shown)
