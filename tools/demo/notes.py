"""What the clients note while they work, and what follows from it. The server is not asked."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from tools.demo.orders import Order


@dataclass(frozen=True)
class Findings:
    """What the notes of one door say at the end."""

    sent: int
    processed: int
    retried: int
    dead_lettered: int
    poison: int
    duplicates: int
    out_of_order: int
    lost: int
    unsent: int
    left: int
    refused: int

    @property
    def sound(self) -> bool:
        """Nothing lost, doubled, out of order, unsent or left over, and exactly the poison dead-lettered."""
        wrong = self.duplicates + self.out_of_order + self.lost + self.unsent + self.left + self.refused
        return wrong == 0 and self.dead_lettered == self.poison


class Notes:
    """Written by all clients of one door's orders, each thing when it is certain: a send when it was answered."""

    def __init__(self, orders: list[Order]) -> None:
        self.orders = {order.name: order for order in orders}
        self.sent: dict[str, str] = {}
        """Acknowledged orders, and what each is known by: its message id, or its name where it was only confirmed."""
        self.processed: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.repeated_requests = 0
        self.recognised = 0
        """Orders that came back after the crash, their work done, because nobody had been told that it was noted."""
        self.refused: list[str] = []
        """Answers that were errors: there should be none, and the first ends the demo."""
        self.last_acknowledged = 0.0
        self.first_acknowledged_after: float | None = None
        self.last_acknowledged_before = 0.0
        self._by_customer: defaultdict[int, list[int]] = defaultdict(list)
        self._unanswered: set[str] = set()
        self._waiting_for_first = False
        self._lock = threading.Lock()

    def server_killed(self) -> None:
        """From now on the first acknowledged order is awaited."""
        with self._lock:
            self.last_acknowledged_before = self.last_acknowledged
            self._waiting_for_first = True

    def request_repeated(self) -> None:
        """A request was not answered and is made again."""
        with self._lock:
            self.repeated_requests += 1

    def order_sent(self, name: str, known_by: str) -> None:
        """The server said that it has the order."""
        with self._lock:
            self.sent[name] = known_by
            self.last_acknowledged = time.monotonic()
            if self._waiting_for_first:
                self._waiting_for_first, self.first_acknowledged_after = False, self.last_acknowledged

    def order_processed(self, name: str) -> None:
        """A consumer did the work of the order. It tells the server afterwards."""
        order = self.orders[name]
        with self._lock:
            self.processed[name] += 1
            self._by_customer[order.customer].append(order.number)

    def order_failed(self, name: str) -> None:
        """A consumer could not do the work."""
        with self._lock:
            self.failed[name] += 1

    def order_dead(self, name: str) -> None:
        """The order came out of the dead-letter queue."""
        with self._lock:
            self.dead[name] += 1

    def telling(self, key: str) -> None:
        """A worker is about to tell the server what became of a delivery, and must be answered."""
        with self._lock:
            self._unanswered.add(key)

    def told(self, key: str) -> None:
        """It was answered: this delivery may never come back."""
        with self._lock:
            self._unanswered.discard(key)

    def was_never_told(self, key: str) -> bool:
        """Whether the delivery is the one that a worker did not get an answer for. Counts it as recognised."""
        with self._lock:
            if key not in self._unanswered:
                return False
            self.recognised += 1
            return True

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
            unsent=len(self.orders.keys() - self.sent.keys()),
            left=left,
            refused=len(self.refused),
        )
