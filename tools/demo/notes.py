"""What the clients note while they work, and what follows from it. The server is not asked."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from tools.demo.orders import Order


@dataclass(frozen=True)
class Findings:
    """What the notes say at the end."""

    sent: int
    processed: int
    retried: int
    dead_lettered: int
    poison: int
    duplicates: int
    out_of_order: int
    lost: int
    left: int
    refused: int

    @property
    def sound(self) -> bool:
        """Nothing lost, doubled, out of order or left over, and exactly the poison dead-lettered."""
        wrong = self.duplicates + self.out_of_order + self.lost + self.left + self.refused
        return wrong == 0 and self.dead_lettered == self.poison


class Notes:
    """Written by all clients, each thing when it is certain: a send when it was answered."""

    def __init__(self, orders: list[Order]) -> None:
        self.orders = {order.name: order for order in orders}
        self.sent: dict[str, str] = {}
        """Acknowledged orders, and the message ids they got."""
        self.processed: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.repeated_requests = 0
        self.refused: list[str] = []
        """Answers that were errors: there should be none, and the first ends the demo."""
        self.last_answer = 0.0
        self.first_answer_after: float | None = None
        self.last_answer_before = 0.0
        self._by_customer: defaultdict[int, list[int]] = defaultdict(list)
        self._waiting_for_first = False
        self._lock = threading.Lock()

    def answered(self) -> None:
        """A request was answered."""
        self.last_answer = time.monotonic()
        if self._waiting_for_first:
            with self._lock:
                if self._waiting_for_first:
                    self._waiting_for_first, self.first_answer_after = False, self.last_answer

    def server_killed(self) -> None:
        """From now on the first answer is awaited."""
        with self._lock:
            self.last_answer_before = self.last_answer
            self._waiting_for_first = True

    def request_repeated(self) -> None:
        """A request was not answered and is made again."""
        with self._lock:
            self.repeated_requests += 1

    def order_sent(self, name: str, message_id: str) -> None:
        """The server said that it has the order."""
        self.sent[name] = message_id

    def order_processed(self, name: str) -> None:
        """A consumer did the work of the order. It deletes the message afterwards."""
        order = self.orders[name]
        with self._lock:
            self.processed[name] += 1
            self._by_customer[order.customer].append(order.number)

    def order_failed(self, name: str) -> int:
        """A consumer could not do the work; how often that was so before."""
        with self._lock:
            self.failed[name] += 1
            return self.failed[name] - 1

    def order_dead(self, name: str) -> None:
        """The order came out of the dead-letter queue."""
        with self._lock:
            self.dead[name] += 1

    @property
    def settled(self) -> int:
        """Orders that were processed or dead-lettered."""
        return len(self.processed) + len(self.dead)

    @property
    def retried(self) -> int:
        """Orders that failed first and were processed later."""
        return sum(name in self.processed for name in list(self.failed))

    def findings(self, left: int) -> Findings:
        """`left`: messages still in the queues when all was done."""
        extra = sum((self.processed + self.dead).values()) - len(self.processed | self.dead)
        same_id = len(self.sent) - len(set(self.sent.values()))
        swaps = sum(after <= before for numbers in self._by_customer.values() for before, after in pairwise(numbers))
        return Findings(
            sent=len(self.sent),
            processed=len(self.processed),
            retried=self.retried,
            dead_lettered=len(self.dead),
            poison=sum(order.poison for order in self.orders.values()),
            duplicates=extra + same_id,
            out_of_order=swaps,
            lost=len(self.sent.keys() - self.processed.keys() - self.dead.keys()),
            left=left,
            refused=len(self.refused),
        )
