"""`oncemq worker --workers N` and `oncemq relay`, as processes."""

import os
import signal
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from oncemq.worker import App
from tests.worker.scene import Scene, until


def children(process_id: int) -> list[int]:
    """Process ids of a process's children."""
    return [int(each) for each in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def test_workers_that_die_are_started_again(scene: Scene) -> None:
    supervisor = scene.worker("--workers", "2")
    first = children(supervisor.process.pid)
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)
    for number in range(120):
        scene.send({"id": number, "does": "die" if number == 60 else "charge"})
    until(lambda: len(scene.inbox()) == 120 and scene.depth("-dead") == 1, "all are settled, the killer is dead")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(119, 119)]
    until(lambda: len(children(supervisor.process.pid)) == 2, "two run again")
    running = children(supervisor.process.pid)
    assert supervisor.stop() == 0
    assert not any(Path(f"/proc/{each}").exists() for each in running)


def test_a_zombie_that_holds_the_database_is_killed(scene: Scene) -> None:
    """Stopped after its INSERT, with SQLite's only write lock: nobody wakes it, and the others must go on."""
    scene.send({"id": 1})
    supervisor = scene.worker("--workers", "2", step="after-claim:stop", TEST_LEASE_S="1")
    until(lambda: scene.logged("worker.silent") == 1, "it was killed")
    until(lambda: scene.run_lines("invoice 1"), "the order is done by another one")
    assert scene.charges() == 1
    assert supervisor.stop() == 0


def test_workers_end_when_their_supervisor_dies(scene: Scene) -> None:
    supervisor = scene.worker("--workers", "2")
    running = children(supervisor.process.pid)
    supervisor.process.kill()
    supervisor.process.wait()
    until(lambda: not any(Path(f"/proc/{each}").exists() for each in running), "they ended")


def test_a_relay_publishes_for_processes_without_workers(scene: Scene) -> None:
    app = App(broker=scene.broker, database=scene.database, name="shop")
    relay = scene.worker(command="relay")
    scene.channel.queue_declare(scene.queue, durable=True)
    engine = app.database.engine(1)
    with Session(engine) as tx, tx.begin():
        tx.execute(sa.text("INSERT INTO tallies (id) VALUES (7)"))
        app.publish_sync(scene.queue, {"id": 7}, tx=tx)
    until(lambda: scene.unsent() == 0 and scene.depth() == 1, "it is in the queue")
    with Session(engine) as tx:
        app.publish_sync(scene.queue, {"id": 8}, tx=tx)
        tx.rollback()
    engine.dispose()
    assert relay.stop() == 0
    assert scene.depth() == 1, "what was rolled back never leaves"
