"""The orders of the demo, and which of them go wrong: planted here, so that the end can be checked."""

import random
from typing import NamedTuple

CUSTOMERS = 30
ORDERS_PER_CUSTOMER = 50
POISON_SHARE = 0.008
FAILING_SHARE = 0.04
SEED = 20


class Order(NamedTuple):
    """`number` counts from 0 for each customer: the order in which that customer's orders must be processed."""

    shop: str
    """Where it was ordered: `WEB`, `MOBILE`."""
    customer: int
    number: int
    failures: int
    """How often processing fails before it succeeds."""
    poison: bool
    """Processing fails always."""

    @property
    def name(self) -> str:
        """As programs write it: WEB-007-0042."""
        return f"{self.shop}-{self.customer:03d}-{self.number:04d}"

    @property
    def group(self) -> str:
        """The message group, by customer."""
        return f"order-CUST-{self.customer:03d}"


def make_orders(shop: str, customers: int = CUSTOMERS, orders_per_customer: int = ORDERS_PER_CUSTOMER) -> list[Order]:
    """All orders of a shop, customers taking turns; the same ones each time."""
    chance = random.Random(f"{shop} {SEED}")
    orders = []
    for number in range(orders_per_customer):
        for customer in range(customers):
            drawn = chance.random()
            poison = drawn < POISON_SHARE
            failing = not poison and drawn < POISON_SHARE + FAILING_SHARE
            orders.append(Order(shop, customer, number, int(failing), poison))
    return orders
