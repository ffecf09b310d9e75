"""Rows of EXACTLY_ONCE.md's table that are PostgreSQL's alone: waiting on locks, serialization failures, a COMMIT whose
connection the server ends, a zombie in a transaction."""

import threading

import pytest
import sqlalchemy as sa

from oncemq.worker.databases.database import UnsafeDatabase
from oncemq.worker.databases.opening import open_database
from tests.worker.conftest import ON_POSTGRES
from tests.worker.scene import Scene, settled_once, until
from tools.postgres_server import PostgresServer

pytestmark = ON_POSTGRES

BUSY = "another copy of the message is being processed"


def end_commit(scene: Scene, waits_for: str) -> None:
    """End the session whose COMMIT waits, from the server's side."""
    which = (
        "FROM pg_stat_activity WHERE datname = current_database()"
        f" AND query = 'COMMIT' AND state = 'active' AND wait_event = '{waits_for}'"
    )
    until(lambda: scene.rows(f"SELECT pid {which}"), "a COMMIT is under way")
    assert scene.rows(f"SELECT pg_terminate_backend(pid) {which}") == [(True,)]


def test_a_zombie_in_its_transaction_is_waited_for(scene: Scene) -> None:
    """The second copy waits on the uncommitted row, gives back without an attempt, and finds it in the end."""
    scene.send({"id": 1})
    zombie = scene.worker(step="before-commit:stop", TEST_LEASE_S="1")
    zombie.wait_stopped()
    scene.worker(TEST_LEASE_S="1")
    until(lambda: scene.logged(BUSY) >= 1, "the other one gives back")
    assert scene.charges() == 0
    zombie.wake()
    settled_once(scene)
    until(lambda: scene.logged("message.known") >= 1, "the other one finds the row")
    assert (len(scene.run_lines("1 ")), scene.inbox()) == (1, [("done", 0)])


def test_a_zombie_that_does_not_wake_loses_its_transaction(scene: Scene) -> None:
    """At the handler's time limit, and a grace. Woken after that, it finds that another one did the work."""
    scene.send({"id": 1})
    zombie = scene.worker(step="before-commit:stop", TEST_LEASE_S="1", TEST_TIME_LIMIT_S="0.5")
    zombie.wait_stopped()
    scene.worker(TEST_LEASE_S="1")
    settled_once(scene)
    zombie.wake()
    until(lambda: "message.known" in zombie.log.read_text(), "the zombie looks, and finds the row")
    assert (scene.charges(), len(scene.run_lines("1 "))) == (1, 2)


def test_connection_lost_in_commit_before_the_database_has_it(scene: Scene) -> None:
    scene.worker()
    for statement in (
        "CREATE TABLE slow (id int)",
        "INSERT INTO slow VALUES (1)",
        "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF EXISTS (SELECT FROM slow) THEN PERFORM pg_sleep(60); END IF; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER sleep AFTER INSERT ON charges DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION sleep()",
    ):
        scene.change(statement)
    scene.send({"id": 1})
    until(lambda: scene.rows("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "it commits")
    scene.change("DELETE FROM slow")
    end_commit(scene, "PgSleep")
    settled_once(scene)
    assert len(scene.run_lines("1 ")) == 2, "it did not commit, and runs again"
    assert scene.rows("SELECT attempt FROM charges") == [(1,)], "no attempt was counted"


def test_connection_lost_in_commit_after_the_database_has_it(scene: Scene, postgres: PostgresServer) -> None:
    """It is committed, and waits for a standby that is not there when its session ends."""
    scene.worker()
    postgres.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    try:
        postgres.run("SELECT pg_reload_conf()")
        until(lambda: scene.rows("SHOW synchronous_standby_names") == [("nobody",)], "it is set")
        scene.send({"id": 1})
        end_commit(scene, "SyncRep")
        until(lambda: scene.logged("message.known") == 1, "it looks, and finds the row")
    finally:
        postgres.run("ALTER SYSTEM RESET synchronous_standby_names")
        postgres.run("SELECT pg_reload_conf()")
    settled_once(scene)
    assert len(scene.run_lines("1 ")) == 1, "it does not run again"


@pytest.mark.parametrize("does", ["deadlock", "write-skew"])
def test_deadlocks_and_serialization_failures_run_again_at_once(scene: Scene, does: str) -> None:
    """Of two, one goes through; the other runs again, without an attempt and without the broker."""
    if does == "write-skew":
        scene.database += "?options=-c%20default_transaction_isolation%3Dserializable"
    scene.change("INSERT INTO tallies VALUES (1), (2)")
    scene.worker()
    sent = [scene.send({"id": number, "does": does}) for number in (1, 2)]
    for message_id in sent:
        scene.wait_state(message_id, "done", 0)
    assert (scene.charges(1), scene.charges(2)) == (1, 1)
    runs = scene.run_lines("1 ") + scene.run_lines("2 ")
    assert len(runs) > 2, "one of them ran again"
    assert {line.split()[1] for line in runs} == {"1"}, "as the first attempt"
    assert scene.logged("message.given_back") == 0


def test_locks_cost_no_attempt(scene: Scene) -> None:
    """Somebody holds the handler's table for longer than lock_timeout."""
    scene.worker()
    with scene.engine.begin() as other:
        other.execute(sa.text("LOCK TABLE charges IN EXCLUSIVE MODE"))
        sent = scene.send({"id": 1})
        until(lambda: scene.logged(BUSY) >= 1, "it gives back")
    scene.wait_state(sent, "done", 0)
    settled_once(scene)


def test_a_database_that_may_lose_commits_is_refused(scene: Scene) -> None:
    name = sa.make_url(scene.database).database
    scene.change(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = open_database(scene.database)
    engine = database.engine(1)
    with pytest.raises(UnsafeDatabase, match="synchronous_commit=off"):
        database.prepare(engine)
    engine.dispose()


def test_the_relays_lock_ends_with_its_connection(scene: Scene) -> None:
    """One has it; when the server ends its session another one gets it, and the first is told."""
    first, second = open_database(scene.database), open_database(scene.database)
    with first.relay_lock("shop") as holds:
        assert holds is not None and holds()
        with second.relay_lock("shop") as other, second.relay_lock("another") as of_another:
            assert other is None and of_another is not None
        which = (
            "FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        until(lambda: len(scene.rows(f"SELECT pid {which}")) == 1, "one lock is held")
        scene.rows(f"SELECT pg_terminate_backend(pid) {which}")
        until(lambda: not scene.rows(f"SELECT pid {which}"), "it is free")
        with second.relay_lock("shop") as other:
            assert other is not None and other()
            until(lambda: not holds(), "the first is told")


def test_tables_are_made_once_by_many_at_once(scene: Scene) -> None:
    errors: list[BaseException] = []

    def prepare() -> None:
        database = open_database(scene.database)
        engine = database.engine(1)
        try:
            database.prepare(engine)
        except BaseException as error:
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert scene.rows("SELECT version FROM oncemq_schema") == [(1,)]
