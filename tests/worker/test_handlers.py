"""What becomes of a message by what its handler does, on OnceMQ's AMQP door and SQLite."""

import pytest

from tests.worker.scene import Scene, until

KINDS = pytest.mark.parametrize("kind", ["", "-async"], ids=["sync", "async"])


@KINDS
def test_a_message_is_charged_and_invoiced_once(scene: Scene, kind: str) -> None:
    scene.send({"id": 1}, to=kind)
    scene.worker()
    until(lambda: scene.run_lines("invoice 1"), "the invoice")
    assert scene.charges() == 1
    assert scene.inbox() == [("done", 0)]
    until(lambda: scene.unsent() == 0, "the outbox is empty")
    until(lambda: scene.depth(kind) == 0, "acknowledged")


@KINDS
def test_a_failure_comes_again_and_rolls_back(scene: Scene, kind: str) -> None:
    scene.send({"id": 1, "does": "fail-once"}, to=kind)
    scene.worker()
    until(lambda: scene.run_lines("invoice 1"), "the invoice")
    assert scene.rows("SELECT attempt FROM charges") == [(2,)]
    assert scene.inbox() == [("done", 1)]


@KINDS
def test_after_the_last_attempt_it_is_a_dead_letter(scene: Scene, kind: str) -> None:
    sent = scene.send({"id": 1, "does": "fail-late"}, to=kind)
    scene.worker()
    until(lambda: scene.inbox() == [("dead", 2)], "dead")
    until(lambda: scene.unsent() == 0, "the dead letter left")
    (body, properties), *others = scene.dead(f"{kind}-dead")
    assert not others
    assert body == b'{"id":1,"does":"fail-late"}'
    assert properties.message_id == sent
    assert properties.headers["x-oncemq-exception"] == "builtins.ValueError"
    assert properties.headers["x-oncemq-attempts"] == 3
    assert properties.headers["x-oncemq-source"] == scene.queue + kind
    assert "after the effects" in properties.headers["x-oncemq-stack"]
    assert scene.charges() == 0
    assert len(scene.run_lines("1 ")) == 3
    assert not scene.run_lines("invoice")


def test_retry_says_when(scene: Scene) -> None:
    scene.send({"id": 1, "does": "retry-once"})
    scene.worker()
    until(lambda: scene.charges(), "charged")
    assert [line.split()[1] for line in scene.run_lines("1 ")] == ["1", "2"]


def test_reject_is_dead_at_once(scene: Scene) -> None:
    scene.send({"id": 1, "does": "reject"})
    scene.worker()
    until(lambda: scene.inbox() == [("dead", 0)], "dead")
    until(lambda: scene.unsent() == 0, "the dead letter left")
    assert scene.dead()[0][1].headers["x-oncemq-reason"] == "a bad order"
    assert (scene.charges(), len(scene.run_lines("1 "))) == (0, 1)


def test_skip_keeps_the_inbox_row_only(scene: Scene) -> None:
    scene.send({"id": 1, "does": "skip"})
    scene.worker()
    until(lambda: scene.inbox() == [("done", 0)], "done")
    until(lambda: scene.depth() == 0, "acknowledged")
    assert (scene.charges(), scene.unsent(), len(scene.run_lines("1 "))) == (0, 0, 1)


@pytest.mark.parametrize(
    "body", [b"not json", b'{"id": "one"}', b'{"total": 1}', b"\xff"], ids=["syntax", "type", "field", "bytes"]
)
def test_a_body_that_is_not_valid_is_dead_at_once(scene: Scene, body: bytes) -> None:
    scene.send(body)
    scene.worker()
    until(lambda: scene.inbox() == [("dead", 0)], "dead")
    until(lambda: scene.unsent() == 0, "the dead letter left")
    found, properties = scene.dead()[0]
    assert found == body
    assert properties.headers["x-oncemq-reason"].startswith("invalid body")
    assert not scene.run_lines("1 ")


def test_one_bad_order_among_good_ones_fails_alone(scene: Scene) -> None:
    for number in range(40):
        scene.send({"id": number, "does": "reject" if number == 20 else "charge"})
    scene.worker()
    until(lambda: len(scene.inbox()) == 40, "all are settled")
    assert scene.inbox().count(("dead", 0)) == 1
    assert scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(39, 39)]


@KINDS
def test_a_handler_over_its_time_limit_is_tried_again(scene: Scene, kind: str) -> None:
    """A sync one costs its process."""
    scene.send({"id": 1, "does": "slow"}, to=kind)
    worker = scene.worker(TEST_TIME_LIMIT_S="0.3")
    if kind:
        until(lambda: scene.inbox() == [("dead", 2)], "dead after three attempts")
    else:
        worker.wait_killed()
        until(lambda: scene.depth() == 1, "the message is back")
    assert scene.charges() == 0
