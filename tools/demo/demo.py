"""One run: both doors at work, the server killed in the middle, until every order came to its end."""

import threading
import time
from typing import Any

from tools.demo import sqs_clients
from tools.demo.flow import CONSUMERS, PRODUCERS, Flow, MobileOrders, WebOrders
from tools.demo.orders import CUSTOMERS, ORDERS_PER_CUSTOMER, make_orders
from tools.demo.screen import Screen
from tools.server_process import ServerProcess

KILL_AT_SHARE = 0.45
"""The server is killed when so much is settled, while producers still send."""
GIVE_UP_SECONDS = 50.0
LOOK_EVERY_SECONDS = 0.1
LOOKS_IN_A_ROW = 10
"""When all is sent and the queues were empty so often, what is not settled is lost: no need to wait for it."""


class Demo:
    """`server`: both doors on, not started. Smaller numbers make a shorter run."""

    def __init__(
        self,
        server: ServerProcess,
        screen: Screen,
        customers: int = CUSTOMERS,
        orders_per_customer: int = ORDERS_PER_CUSTOMER,
    ) -> None:
        self.server, self.screen = server, screen
        self.stop = threading.Event()
        self.web = WebOrders(make_orders("WEB", customers, orders_per_customer), self.stop)
        self.mobile = MobileOrders(make_orders("MOBILE", customers, orders_per_customer), self.stop)
        self.flows: tuple[Flow, ...] = (self.web, self.mobile)
        self.restarted_at = 0.0

    def run(self) -> None:
        """All of it. Afterwards the server still runs, and `flows` tell what came of it."""
        self.server.start()
        self.screen.step(f"server {self.server.process_id}: {self.server.url} amqp://127.0.0.1:{self.server.amqp_port}")
        administrator = self.administrator()
        for flow in self.flows:
            orders = len(flow.notes.orders)
            self.screen.step(f"{flow.title}: {orders} orders {flow.way}, {PRODUCERS} producers, {CONSUMERS} consumers")
        for flow in self.flows:
            flow.start(self.server.url, int(self.server.amqp_port), administrator)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        total = sum(len(flow.notes.orders) for flow in self.flows)
        self._watch(int(total * KILL_AT_SHARE), deadline)
        self._kill_and_restart()
        self._watch(total, deadline, administrator)
        self._wait_until_empty(administrator)
        self.end()

    def administrator(self) -> Any:
        """A client for what is asked besides."""
        return sqs_clients.connect(self.server.url)

    def end(self) -> None:
        """No client goes on."""
        self.stop.set()
        for flow in self.flows:
            flow.join()

    def _watch(self, settled: int, deadline: float, administrator: Any = None) -> None:
        empty = 0
        while sum(flow.notes.settled for flow in self.flows) < settled and empty < LOOKS_IN_A_ROW:
            if self.stop.is_set() or time.monotonic() > deadline:
                break
            self.screen.progress([flow.notes for flow in self.flows])
            self.stop.wait(LOOK_EVERY_SECONDS)
            if administrator is not None and all(flow.all_sent for flow in self.flows):
                empty = 0 if self._left(administrator) else empty + 1

    def _left(self, administrator: Any) -> int:
        return sum(flow.left(administrator) for flow in self.flows)

    def _kill_and_restart(self) -> None:
        self.server.kill()
        for flow in self.flows:
            flow.notes.server_killed()
        sent = sum(len(flow.notes.sent) for flow in self.flows)
        processed = sum(len(flow.notes.processed) for flow in self.flows)
        self.screen.step(f"kill -9: {sent} orders acknowledged, {processed} processed")
        self.restarted_at = time.monotonic()
        self.server.start()
        self.screen.step(f"server {self.server.process_id} serves the same folder on the same ports")

    def _wait_until_empty(self, administrator: Any) -> None:
        """The last deletes may be under way."""
        deadline = time.monotonic() + 5
        while not self.stop.is_set() and self._left(administrator) and time.monotonic() < deadline:
            self.stop.wait(LOOK_EVERY_SECONDS)
