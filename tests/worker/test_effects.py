"""Batch handlers, at-most-once handlers, requests of web clients."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from oncemq.worker import App
from oncemq.worker.requests import OtherBody
from tests.worker.conftest import ON_EACH_DATABASE, database_url
from tests.worker.scene import Scene, until

pytestmark = ON_EACH_DATABASE
METADATA = sa.MetaData()
sa.Table("orders", METADATA, sa.Column("number", sa.Integer, primary_key=True), sa.Column("body", sa.Text))


def test_a_batch_has_one_transaction_and_an_inbox_row_each(scene: Scene) -> None:
    for number in range(30):
        scene.send({"id": number}, to="-batch")
    scene.worker()
    until(lambda: len(scene.inbox()) == 30, "all are done")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(30, 30)]
    assert len(scene.run_lines("batch")) < 30, "several in a call"


def test_a_batch_that_fails_runs_singly(scene: Scene) -> None:
    for number in range(10):
        scene.send({"id": number, "does": "reject" if number == 5 else "charge"}, to="-batch")
    scene.worker()
    until(lambda: len(scene.inbox()) == 10, "all are settled")
    assert scene.inbox().count(("dead", 0)) == 1
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(9, 9)]


def test_a_batch_killed_before_its_commit_comes_again(scene: Scene) -> None:
    for number in range(10):
        scene.send({"id": number}, to="-batch")
    scene.worker(step="before-commit:kill").wait_killed()
    assert scene.rows("SELECT count(*) FROM charges") == [(0,)]
    scene.worker()
    until(lambda: [state for state, _ in scene.inbox()] == ["done"] * 10, "all are done")
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(10, 10)]


@pytest.mark.parametrize("step", ["after-attempt", "before-commit", "before-ack"])
def test_a_notification_must_not_repeat(scene: Scene, step: str) -> None:
    """Its inbox row is committed before it runs; a kill anywhere after that, and it never runs again."""
    scene.send({"id": 1}, to="-once")
    scene.worker(step=f"{step}:kill").wait_killed()
    worker = scene.worker()
    until(lambda: scene.logged("message.known") == 1, "an inbox hit")
    assert worker.stop() == 0
    assert len(scene.run_lines("1 ")) == (0 if step == "after-attempt" else 1)
    assert scene.charges() == (1 if step == "before-ack" else 0)
    assert scene.depth("-once") == 0


def test_a_notification_that_fails_is_dead(scene: Scene) -> None:
    scene.send({"id": 1, "does": "fail"}, to="-once")
    scene.worker()
    until(lambda: scene.inbox() == [("dead", 0)], "dead")
    until(lambda: scene.depth("-once-dead") == 1, "a dead letter")
    assert len(scene.run_lines("1 ")) == 1


@pytest.fixture
def shop(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> App:
    """An application whose broker is never spoken to, with its tables."""
    url = database_url(database, request, tmp_path)
    app = App(broker="amqp://127.0.0.1:1", database=url, name="shop")
    engine = app.database.engine(4)
    app.database.prepare(engine)
    METADATA.create_all(engine)
    engine.dispose()
    return app


def place(app: App, engine: sa.Engine, key: str, body: bytes) -> bytes:
    """A web endpoint."""
    with Session(engine) as tx, tx.begin():
        answered = app.begin_request(tx=tx, client="anna", key=key, body=body)
        if answered is not None:
            return answered
        number = tx.scalar(
            sa.text("INSERT INTO orders (body) VALUES (:body) RETURNING number"), {"body": body.decode()}
        )
        app.publish_sync("orders", {"number": number}, tx=tx)
        answer = f"order {number}".encode()
        app.answer_request(tx=tx, client="anna", key=key, answer=answer)
        return answer


def test_duplicate_publish_retry_or_double_click(shop: App) -> None:
    """The same request many times at once: one order, one message, one answer. Another body: refused."""
    engine = shop.database.engine(8)
    answers: list[bytes] = []
    clicks = [threading.Thread(target=lambda: answers.append(place(shop, engine, "k1", b"tea"))) for _ in range(8)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert answers == [b"order 1"] * 8
    with pytest.raises(OtherBody):
        place(shop, engine, "k1", b"coffee")
    assert place(shop, engine, "k2", b"coffee") == b"order 2"
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM orders")) == 2
        ids = connection.execute(sa.text("SELECT id FROM oncemq_outbox")).scalars().all()
        assert len(set(ids)) == 2
    engine.dispose()
