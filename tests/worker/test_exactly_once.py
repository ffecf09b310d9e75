"""Each row of EXACTLY_ONCE.md's table, made to happen with a real kill or a real pause at a named step.

OnceMQ's AMQP door, on each database. What is PostgreSQL's alone is in `test_postgres.py`.
`test_switches.py` switches the protections off and sees these fail.
"""

from contextlib import AbstractContextManager

import pytest

from tests.worker.conftest import ON_EACH_DATABASE
from tests.worker.scene import Scene, settled_once, until
from tools.server_process import ServerProcess

pytestmark = ON_EACH_DATABASE
KINDS = pytest.mark.parametrize("kind", ["", "-async"], ids=["sync", "async"])


@KINDS
@pytest.mark.parametrize("step", ["after-claim", "before-commit"])
def test_worker_dies_before_commit(scene: Scene, step: str, kind: str) -> None:
    scene.send({"id": 1}, to=kind)
    scene.worker(step=f"{step}:kill").wait_killed()
    assert scene.charges() == 0
    scene.worker()
    settled_once(scene, kind)


@KINDS
@pytest.mark.parametrize("step", ["after-commit", "before-ack"])
def test_worker_dies_after_commit_before_ack(scene: Scene, step: str, kind: str) -> None:
    scene.send({"id": 1}, to=kind)
    scene.worker(step=f"{step}:kill").wait_killed()
    assert scene.charges() == 1
    scene.worker()
    settled_once(scene, kind)
    assert len(scene.run_lines("1 ")) == 1, "the handler is skipped"
    assert scene.logged("message.known") == 1, "an inbox hit"


@KINDS
@pytest.mark.parametrize("step", ["before-commit", "in-commit"])
def test_connection_lost_in_commit(scene: Scene, step: str, kind: str) -> None:
    """Before the database has it, and after."""
    scene.send({"id": 1}, to=kind)
    scene.worker(step=f"{step}:lose")
    settled_once(scene, kind)
    assert len(scene.run_lines("1 ")) == (2 if step == "before-commit" else 1)
    assert scene.inbox()[0][0] == "done"


def test_connection_lost_in_commit_counts_no_attempt(scene: Scene) -> None:
    scene.send({"id": 1, "does": "fail"})
    scene.worker(step="in-commit:lose")
    until(lambda: scene.inbox() == [("dead", 2)], "dead")
    assert len(scene.run_lines("1 ")) == 3


@pytest.mark.parametrize("step", ["in-dead-lettering", "after-dead-lettering"])
def test_dead_lettering_dies_half_way(scene: Scene, step: str) -> None:
    sent = scene.send({"id": 1, "does": "reject"})
    scene.worker(step=f"{step}:kill").wait_killed()
    scene.worker()
    until(lambda: scene.inbox()[:1] and scene.inbox()[0][0] == "dead", "dead")
    until(lambda: scene.depth() == 0 and scene.unsent() == 0, "nothing is left")
    assert [properties.message_id for _, properties in scene.dead()] == [sent]
    assert len(scene.run_lines("1 ")) == (2 if step == "in-dead-lettering" else 1)


def test_a_crash_between_retry_copy_and_ack(scene: Scene) -> None:
    """Two copies: the inbox lets one through."""
    scene.send({"id": 1, "does": "fail-once"})
    scene.worker(step="after-retry-copy:kill").wait_killed()
    scene.worker()
    settled_once(scene)
    until(lambda: scene.logged("message.known") == 1, "the other copy is an inbox hit")


def test_poison_message_kills_its_process(scene: Scene) -> None:
    """One killer among 60: it alone is dead-lettered, after its attempts."""
    for number in range(60):
        scene.send({"id": number, "does": "die" if number == 30 else "charge"})
    for _ in range(6):
        worker = scene.worker()
        until(lambda worker=worker: worker.process.poll() is not None or scene.depth("-dead"), "killed, or dead")  # type: ignore[misc]
        if worker.process.poll() is None:
            break
    until(lambda: len(scene.inbox()) == 60 and "open" not in dict(scene.inbox()), "all are settled")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(59, 59)]
    assert [state for state, _ in scene.inbox()].count("dead") == 1
    assert b'"id":30' in scene.dead()[0][0]


@KINDS
def test_cancellation_at_shutdown(scene: Scene, kind: str) -> None:
    """What runs is finished; what waits is given back and runs elsewhere."""
    for number in range(200):
        scene.send({"id": number}, to=kind)
    first = scene.worker()
    until(lambda: scene.rows("SELECT count(*) FROM charges")[0][0] > 0, "it works")
    assert first.stop() == 0
    done = scene.rows("SELECT count(*) FROM charges")[0][0]
    assert done == len(scene.inbox()), "what was done is in the inbox"
    scene.worker()
    until(lambda: len(scene.inbox()) == 200, "all are done")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(200, 200)]


def test_a_fencing_number_grows_and_is_committed_before_the_run(scene: Scene) -> None:
    scene.send({"id": 1}, to="-fenced")
    scene.worker(step="after-claim:kill").wait_killed()
    assert scene.rows("SELECT number FROM oncemq_fence") == [(1,)]
    scene.worker()
    settled_once(scene, "-fenced")
    assert scene.run_lines("fence") == ["fence 2 1"]


@pytest.mark.parametrize("step", ["after-claim", "before-ack"])
def test_a_zombie_after_its_lease_ran_out(scene: Scene, step: str) -> None:
    """It sleeps past its lease, its message goes to another worker, it wakes: one of them commits."""
    scene.send({"id": 1})
    zombie = scene.worker(step=f"{step}:stop", TEST_LEASE_S="1")
    zombie.wait_stopped()
    scene.worker(TEST_LEASE_S="1")
    scene.wait_redelivered()
    zombie.wake()
    settled_once(scene)
    until(lambda: scene.logged("message.known") >= 1, "the other one finds the row")


def test_a_regular_expression_that_holds_the_gil_past_the_lease(scene: Scene) -> None:
    """Nothing in its process can extend: another worker gets the message, and the inbox saves it."""
    scene.send({"id": 1, "does": "hold-gil"})
    scene.worker(TEST_LEASE_S="0.5", TEST_REGEX="23")
    until(lambda: scene.run_lines("1 "), "it runs")
    scene.worker(TEST_LEASE_S="0.5", TEST_REGEX="1")
    settled_once(scene)
    until(lambda: scene.logged("message.known") >= 1, "one of them finds the row")


def test_one_relay_a_database_taken_over_on_death(scene: Scene) -> None:
    scene.worker(step="before-publish:kill")
    scene.worker()
    scene.send({"id": 1})
    settled_once(scene)
    scene.workers[0].process.kill()
    scene.workers[0].process.wait()
    scene.send({"id": 2})
    until(lambda: scene.run_lines("invoice 2"), "the other one relays")


def test_the_brokers_deduplication_does_not_swallow_a_retry(scene: Scene) -> None:
    scene.channel.queue_declare(scene.queue, durable=True, arguments={"x-message-deduplication": True})
    scene.send({"id": 1, "does": "fail-once"}, headers={"x-deduplication-header": "d"}, declare=False)
    scene.send({"id": 1, "does": "fail-once"}, headers={"x-deduplication-header": "d"}, declare=False)
    scene.worker()
    settled_once(scene)
    assert [line.split()[1] for line in scene.run_lines("1 ")] == ["1", "2"]


def test_database_away_costs_no_attempt(scene: Scene, database_away: AbstractContextManager[None]) -> None:
    worker = scene.worker()
    with database_away:
        for number in range(5):
            scene.send({"id": number, "does": "fail" if number == 3 else "charge"})
        until(lambda: scene.logged("database.still_away") > 1, "it waits")
    until(lambda: len(scene.inbox()) == 5, "all are settled")
    until(lambda: scene.depth("-dead") == 1, "and the one that fails is dead")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(4, 4)]
    assert len(scene.run_lines("3 ")) == 3, "after three attempts of its own"
    assert worker.process.poll() is None


def test_broker_dies(own_scene: Scene, own_server: ServerProcess) -> None:
    """Killed in the middle and started again, twice."""
    worker = own_scene.worker()
    for number in range(60):
        own_scene.send({"id": number})
        if number in (20, 40):
            own_server.kill()
            own_server.start()
            own_scene.reconnect()
    until(lambda: len(own_scene.inbox()) == 60, "all are done")
    until(lambda: len({line.split()[1] for line in own_scene.run_lines("invoice")}) == 60, "all are invoiced")
    until(lambda: own_scene.unsent() == 0 and own_scene.depth() == 0, "nothing is left")
    assert own_scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(60, 60)]
    assert worker.process.poll() is None
