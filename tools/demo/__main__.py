"""Runs the demo; exit status 1 if anything was lost, doubled, out of order or left over."""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tools.demo import clients
from tools.demo.notes import Findings, Notes
from tools.demo.orders import CUSTOMERS, make_orders
from tools.demo.screen import Screen
from tools.server_process import ServerDidNotStart, ServerProcess

PRODUCERS = 3
CONSUMERS = 6
SEND_EVERY_SECONDS = 0.015
"""Of one producer: the load lasts about 15 s."""
KILL_AT_SHARE = 0.45
"""The server is killed when so much is processed, while producers still send."""
GIVE_UP_SECONDS = 50.0
LOOK_EVERY_SECONDS = 0.1


class Demo:
    """One run."""

    def __init__(self, server: ServerProcess, screen: Screen) -> None:
        self.server, self.screen = server, screen
        self.notes = Notes(make_orders())
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []
        self.killed_at = self.started_at = self.ready_at = 0.0

    def run(self) -> Findings:
        """All of it."""
        self.server.start()
        self.screen.step(f"server {self.server.process_id} serves {self.server.url}")
        administrator = clients.connect(self.server.url)
        queue, dead_letter_queue = clients.create_queues(administrator)
        self._start_clients(queue, dead_letter_queue)
        total = len(self.notes.orders)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        self._watch(int(total * KILL_AT_SHARE), deadline)
        self._kill_and_restart()
        self._watch(total, deadline)
        left = self._wait_until_empty(administrator, (queue, dead_letter_queue))
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.notes.findings(left)

    def _start_clients(self, queue: str, dead_letter_queue: str) -> None:
        common = (self.server.url, queue, self.notes, self.stop)
        orders = list(self.notes.orders.values())
        for number in range(PRODUCERS):
            own = [order for order in orders if order.customer % PRODUCERS == number]
            producer = clients.Producer(*common)
            arguments = (own, number == 0, SEND_EVERY_SECONDS)
            self.threads.append(threading.Thread(target=producer.send, args=arguments))
        self.threads += [threading.Thread(target=clients.Consumer(*common).work) for _ in range(CONSUMERS)]
        dead = clients.DeadLetterConsumer(self.server.url, dead_letter_queue, self.notes, self.stop)
        self.threads.append(threading.Thread(target=dead.work))
        self.screen.step(
            f"{len(orders)} orders of {CUSTOMERS} customers: {PRODUCERS} producers (one sends batches), "
            f"{CONSUMERS} consumers, 1 for dead letters"
        )
        for thread in self.threads:
            thread.start()

    def _watch(self, settled: int, deadline: float) -> None:
        while self.notes.settled < settled and not self.stop.is_set() and time.monotonic() < deadline:
            self.screen.progress(self.notes)
            self.stop.wait(LOOK_EVERY_SECONDS)

    def _kill_and_restart(self) -> None:
        notes = self.notes
        self.killed_at = time.monotonic()
        self.server.kill()
        notes.server_killed()
        self.screen.step(f"kill -9: {len(notes.sent)} orders acknowledged, {len(notes.processed)} processed")
        self.started_at = time.monotonic()
        self.server.start()
        self.ready_at = time.monotonic()
        self.screen.step(f"server {self.server.process_id} serves the same folder on the same port")

    def _wait_until_empty(self, sqs: Any, queues: tuple[str, ...]) -> int:
        """The last deletes may be under way. How many messages stay."""
        deadline = time.monotonic() + 5
        while left := sum(clients.messages_left(sqs, queue) for queue in queues):
            if time.monotonic() > deadline:
                break
            self.stop.wait(LOOK_EVERY_SECONDS)
        return left


def _rows(demo: Demo, found: Findings) -> list[tuple[str, str, str]]:
    notes = demo.notes
    first = notes.first_answer_after or time.monotonic()
    return [
        ("sent", f"{found.sent:,}", "orders that the server acknowledged"),
        ("processed", f"{found.processed:,}", "by consumers, then deleted"),
        ("retried", f"{found.retried:,}", "failed at first, came back, processed"),
        ("dead-lettered", f"{found.dead_lettered:,}", f"planted poison: {found.poison:,}"),
        ("requests repeated", f"{notes.repeated_requests:,}", "that got no answer while the server was down"),
        ("duplicates", f"{found.duplicates:,}", "orders sent, processed or dead-lettered twice"),
        ("out of order", f"{found.out_of_order:,}", "orders processed before an earlier one of their customer"),
        ("lost", f"{found.lost:,}", "orders acknowledged and never seen again"),
        ("left in the queues", f"{found.left:,}", ""),
        ("recovery", f"{(first - demo.started_at) * 1000:,.0f} ms", "from the new process to its first answer"),
        (
            "down",
            f"{(first - notes.last_answer_before) * 1000:,.0f} ms",
            "from the last answer before to the first after",
        ),
    ]


def main() -> int:
    """Exit status 0 when nothing went wrong."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a developer's own profile must not matter
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="oncemq-demo-") as folder:
        demo = Demo(ServerProcess(Path(folder) / "data"), screen)
        try:
            found = demo.run()
        except ServerDidNotStart as error:
            print(f"The server did not start:\n{error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nInterrupted.", file=sys.stderr)
            return 130
        finally:
            demo.stop.set()
            if demo.server.alive:
                demo.server.stop()
    screen.table(_rows(demo, found))
    for refusal in demo.notes.refused:
        print(refusal)
    print("Nothing lost, nothing doubled, all in order." if found.sound else "SOMETHING WENT WRONG: see above.")
    return 0 if found.sound else 1


if __name__ == "__main__":
    sys.exit(main())
