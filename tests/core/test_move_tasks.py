"""Move tasks: dead letters go back to where they came from, or elsewhere, no faster than they may."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from oncemq.core import commands
from oncemq.core.outputs import MoveTaskInfo, MoveTasks
from oncemq.core.refusals import (
    InvalidSetting,
    MoveDestinationUnknown,
    MoveTaskDoesNotExist,
    MoveTaskNotRunning,
    MoveTaskRunning,
    NotADeadLetterQueue,
    QueueDoesNotExist,
    Refusal,
)
from tests.core.driver import Driver, message


def start(
    driver: Driver, destination: str | None = None, rate: int | None = None, source: str = "dead"
) -> MoveTaskInfo:
    answer = driver.ask(commands.StartMoveTask("/", source, None, destination, rate))
    assert isinstance(answer, MoveTaskInfo), answer
    return answer


def latest(driver: Driver) -> MoveTaskInfo:
    answer = driver.ask(commands.ListMoveTasks("/", "dead", None, 1))
    assert isinstance(answer, MoveTasks), answer
    return answer.tasks[0]


def pass_time(driver: Driver, milliseconds: int) -> None:
    """Tick as often as there is something due, as the engine does."""
    end_ms = driver.now_ms + milliseconds
    while (due_ms := driver.machine.next_due_ms()) is not None and due_ms <= end_ms:
        driver.advance(max(0, due_ms - driver.now_ms))
    driver.now_ms = end_ms


def with_dead_letters(count: int, kind: str = "standard", queues: tuple[str, ...] = ("q",)) -> Driver:
    driver = Driver()
    driver.create("dead", kind=kind)
    for name in queues:
        driver.create(name, kind=kind, dead_letter_queue="dead", maximum_receives=1)
        for number in range(count):
            group = "g" if kind == "fifo" else None
            identity = b"%d" % number if kind == "fifo" else None
            driver.send(name, f"{name}{number}", group=group, deduplication=identity)
        while driver.receive(name, visibility_ms=0):
            pass
    assert driver.counts("dead") == (count * len(queues), 0, 0)
    return driver


def test_messages_go_back_to_the_queues_they_came_from() -> None:
    driver = with_dead_letters(3, queues=("q", "r"))
    task = start(driver)
    assert (task.status, task.to_move, task.rate_per_second) == ("RUNNING", 6, None)
    pass_time(driver, 1_000)
    assert (latest(driver).status, latest(driver).moved) == ("COMPLETED", 6)
    assert driver.receive_bodies("q") == ["q0", "q1", "q2"]
    assert driver.receive_bodies("r") == ["r0", "r1", "r2"]
    driver.check()


def test_a_moved_message_is_a_new_one() -> None:
    driver = with_dead_letters(1)
    (before,) = driver.receive("dead", visibility_ms=0)
    start(driver)
    pass_time(driver, 1_000)
    (after,) = driver.receive("q")
    assert after.message > before.message and after.position == before.position
    assert (after.deliveries, after.source) == (1, None)
    assert after.sent_ms >= before.sent_ms


def test_messages_go_to_the_named_queue() -> None:
    driver = with_dead_letters(3)
    driver.create("other")
    start(driver, "other")
    pass_time(driver, 1_000)
    assert driver.receive_bodies("other") == ["q0", "q1", "q2"]


def test_fifo_order_and_groups_are_kept_and_nothing_is_a_duplicate() -> None:
    driver = with_dead_letters(5, kind="fifo")
    start(driver)
    pass_time(driver, 1_000)
    assert driver.receive_bodies("q", maximum=3) == ["q0", "q1", "q2"]
    assert driver.receive_bodies("q") == []
    driver.check()


def test_never_faster_than_the_rate_and_not_much_slower() -> None:
    for rate in (1, 7, 100, 500):
        driver = with_dead_letters(200)
        began_ms = driver.now_ms
        start(driver, rate=rate)
        while latest(driver).status == "RUNNING" and latest(driver).moved < 20 * rate:
            seconds = (driver.now_ms - began_ms) / 1000
            assert latest(driver).moved <= seconds * rate + 1
            assert latest(driver).moved >= min(200, seconds * rate * 0.95 - rate / 10 - 1)
            pass_time(driver, 100)


def test_messages_with_groups_move_as_fast_as_others() -> None:
    driver = Driver()
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    driver.send_all("dead", [message(str(number), group=f"g{number % 7}") for number in range(500)])
    start(driver, "q", rate=500)
    pass_time(driver, 1_100)
    assert driver.counts("q") == (500, 0, 0)


def test_who_waits_on_the_destination_is_served() -> None:
    driver = with_dead_letters(1)
    driver.create("other")
    asker = driver.wait("other")
    start(driver, "other")
    pass_time(driver, 100)
    assert driver.waited(asker) == ["q0"]


def test_in_flight_messages_stay() -> None:
    driver = with_dead_letters(3)
    driver.receive("dead", maximum=1)
    start(driver)
    pass_time(driver, 1_000)
    assert driver.counts("dead") == (0, 1, 0)
    assert latest(driver).status == "COMPLETED"


def test_a_message_of_unknown_source_fails_the_task() -> None:
    driver = with_dead_letters(2)
    driver.send("dead", "sent here")
    start(driver)
    pass_time(driver, 1_000)
    task = latest(driver)
    assert (task.status, task.moved, task.failure) == ("FAILED", 2, "CouldNotDetermineMessageSource")
    assert driver.receive_bodies("dead") == ["sent here"]


def test_one_task_at_a_time_for_a_source() -> None:
    driver = with_dead_letters(10)
    task = start(driver, rate=1)
    assert driver.ask(commands.StartMoveTask("/", "dead", None, None, 1)) == MoveTaskRunning("dead")
    driver.ask(commands.CancelMoveTask("/", task.task, None))
    start(driver)


def test_cancel_says_what_was_moved_and_stops_it() -> None:
    driver = with_dead_letters(10)
    task = start(driver, rate=1)
    pass_time(driver, 3_100)
    answer = driver.ask(commands.CancelMoveTask("/", task.task, None))
    assert (answer.status, answer.moved) == ("CANCELLED", 4)
    pass_time(driver, 10_000)
    assert driver.counts("dead") == (6, 0, 0)
    assert driver.ask(commands.CancelMoveTask("/", task.task, None)) == MoveTaskNotRunning(task.task, "CANCELLED")
    assert driver.ask(commands.CancelMoveTask("/", 99, None)) == MoveTaskDoesNotExist(99)


def test_what_may_not_be_started() -> None:
    driver = with_dead_letters(1)
    driver.create("f", kind="fifo")

    def refused(source: str, destination: str | None) -> Refusal:
        answer = driver.ask(commands.StartMoveTask("/", source, None, destination, None))
        assert isinstance(answer, Refusal)
        return answer

    assert refused("q", None) == NotADeadLetterQueue("q")
    assert refused("none", None) == QueueDoesNotExist("none")
    assert refused("dead", "none") == MoveDestinationUnknown("none")
    assert isinstance(refused("dead", "dead"), InvalidSetting)
    assert isinstance(refused("dead", "f"), InvalidSetting)


def test_deleting_the_destination_fails_the_task() -> None:
    driver = with_dead_letters(5)
    driver.create("other")
    start(driver, "other", rate=1)
    driver.ask(commands.DeleteQueue("/", "other", None))
    assert latest(driver).status == "FAILED"
    pass_time(driver, 5_000)
    driver.check()


def test_deleting_the_source_forgets_its_tasks() -> None:
    driver = with_dead_letters(5)
    task = start(driver, rate=1)
    driver.ask(commands.DeleteQueue("/", "dead", None))
    assert driver.host().tasks == {}
    assert driver.ask(commands.CancelMoveTask("/", task.task, None)) == MoveTaskDoesNotExist(task.task)
    driver.create("dead")
    assert driver.ask(commands.ListMoveTasks("/", "dead", None, 10)) == MoveTasks([])
    pass_time(driver, 5_000)
    driver.check()


def test_the_ten_newest_tasks_of_a_source_are_kept() -> None:
    driver = with_dead_letters(0)
    for _ in range(15):
        start(driver)
        pass_time(driver, 100)
    answer = driver.ask(commands.ListMoveTasks("/", "dead", None, 20))
    assert [task.task for task in answer.tasks] == list(range(15, 5, -1))


def test_a_task_goes_on_after_a_restart_at_its_rate() -> None:
    driver = with_dead_letters(10)
    start(driver, rate=2)
    pass_time(driver, 1_000)
    driver.restart()
    assert latest(driver).moved in (2, 3)
    pass_time(driver, 1_000)
    assert latest(driver).moved in (4, 5)
    driver.check()


class MoveMachine(RuleBasedStateMachine):
    """Tasks, sends, receives and restarts as they come: no message is lost, doubled or moved too soon."""

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver()
        self.sent = 0
        self.deleted = 0
        self.running: tuple[int, int, int] | None = None
        """When it began, its rate, its number."""

    @initialize(kind=st.sampled_from(["standard", "fifo"]))
    def create(self, kind: str) -> None:
        self.kind = kind
        for name in ("dead", "a", "b", "other"):
            self.driver.create(name, kind=kind)
        for name in ("a", "b"):
            self.driver.change(name, dead_letter_queue="dead", maximum_receives=1)

    @rule(name=st.sampled_from(["a", "b"]), count=st.integers(1, 5), group=st.sampled_from([None, "x", "y"]))
    def send(self, name: str, count: int, group: str | None) -> None:
        for _ in range(count):
            self.sent += 1
            if self.kind == "fifo":
                self.driver.send(name, str(self.sent), group=group or "z", deduplication=b"%d" % self.sent)
            else:
                self.driver.send(name, str(self.sent), group=group)

    @rule(name=st.sampled_from(["a", "b", "dead", "other"]), visibility_ms=st.sampled_from([0, 0, 1_000]))
    def receive(self, name: str, visibility_ms: int) -> None:
        received = self.driver.receive(name, visibility_ms=visibility_ms)
        if name == "other":
            results = self.driver.delete(name, *[each.lease for each in received if visibility_ms])
            assert results.count(None) == len(results)
            self.deleted += len(results)

    @rule(destination=st.sampled_from([None, "other"]), rate=st.sampled_from([1, 20, 500]))
    def start(self, destination: str | None, rate: int) -> None:
        answer = self.driver.ask(commands.StartMoveTask("/", "dead", None, destination, rate))
        if self.running is not None and latest(self.driver).status == "RUNNING" and isinstance(answer, Refusal):
            assert answer == MoveTaskRunning("dead")
        else:
            self.running = (self.driver.now_ms, rate, answer.task)

    @rule()
    def cancel(self) -> None:
        if self.running is not None:
            self.driver.ask(commands.CancelMoveTask("/", self.running[2], None))

    @rule(milliseconds=st.sampled_from([16, 100, 1_000, 5_000]))
    def time_passes(self, milliseconds: int) -> None:
        pass_time(self.driver, milliseconds)

    @rule(often=st.integers(0, 3))
    def restart(self, often: int) -> None:
        if often == 0:
            self.driver.restart()

    @invariant()
    def nothing_is_lost_and_nothing_is_too_fast(self) -> None:
        queues = [queue for name in ("a", "b", "dead", "other") if (queue := self.driver.host().queues.get(name))]
        assert sum(queue.live for queue in queues) + self.deleted == self.sent
        if self.running is not None:
            began_ms, rate, number = self.running
            task = self.driver.host().tasks[number]
            assert task.moved <= (self.driver.now_ms - began_ms) * rate / 1000 + 1
            running = [each for each in self.driver.host().tasks.values() if each.status == "RUNNING"]
            assert len(running) <= 1

    def teardown(self) -> None:
        self.driver.check()


def test_random_walk() -> None:
    how = settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(MoveMachine, settings=how)
