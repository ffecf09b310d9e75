"""The same promises on every broker and every database: the rows of EXACTLY_ONCE.md's table that a broker has a part
in."""

import pytest

from tests.worker.scene import Scene, until


def settled_once(scene: Scene) -> None:
    """Order 1 has one charge and one invoice, however many runs; nothing is left anywhere."""
    until(lambda: scene.run_lines("invoice 1"), "the invoice")
    until(lambda: scene.depth() == 0 and scene.unsent() == 0, "nothing is left")
    assert scene.charges() == 1
    assert len(set(scene.run_lines("invoice 1"))) == 1, "one invoice, of one message id"


@pytest.mark.parametrize("step", ["before-commit", "before-ack"])
def test_worker_dies(each_scene: Scene, step: str) -> None:
    each_scene.send({"id": 1})
    each_scene.worker(step=f"{step}:kill", TEST_LEASE_S="1").wait_killed()
    assert each_scene.charges() == (1 if step == "before-ack" else 0)
    each_scene.worker(TEST_LEASE_S="1")
    settled_once(each_scene)
    assert each_scene.logged("message.known") == (1 if step == "before-ack" else 0)


def test_failures_come_again_and_are_dead_in_the_end(each_scene: Scene) -> None:
    sent = each_scene.send({"id": 1, "does": "fail-late"})
    each_scene.worker()
    until(lambda: each_scene.inbox() in ([("dead", 2)], [("dead", 3)]), "dead")
    until(lambda: each_scene.depth("-dead") == 1 and each_scene.depth() == 0, "the dead letter is there")
    (body, properties), *others = each_scene.dead()
    assert not others
    assert body == b'{"id":1,"does":"fail-late"}'
    assert properties.message_id == sent
    assert properties.headers["x-oncemq-exception"] == "builtins.ValueError"
    assert properties.headers["x-oncemq-attempts"] == 3
    assert "after the effects" in properties.headers["x-oncemq-stack"]
    assert (each_scene.charges(), len(each_scene.run_lines("1 "))) == (0, 3)


def test_a_zombie_after_its_lease_ran_out(each_scene: Scene) -> None:
    each_scene.send({"id": 1})
    zombie = each_scene.worker(step="before-commit:stop", TEST_LEASE_S="1")
    zombie.wait_stopped()
    each_scene.worker(TEST_LEASE_S="1")
    each_scene.wait_redelivered()
    zombie.wake()
    settled_once(each_scene)
    until(lambda: each_scene.logged("message.known") >= 1, "one of them finds the row")


def test_a_slow_handler_outlives_its_lease(each_scene: Scene) -> None:
    each_scene.send({"id": 1, "does": "nap"})
    each_scene.worker(TEST_LEASE_S="1", TEST_NAP_S="3.5")
    each_scene.worker(TEST_LEASE_S="1", TEST_NAP_S="0")
    settled_once(each_scene)
    assert len(each_scene.run_lines("1 ")) == 1
    assert each_scene.logged("message.known") == 0


def test_dead_lettering_dies_half_way(each_scene: Scene) -> None:
    sent = each_scene.send({"id": 1, "does": "reject"})
    each_scene.worker(step="after-dead-lettering:kill", TEST_LEASE_S="1").wait_killed()
    each_scene.worker(TEST_LEASE_S="1")
    until(lambda: each_scene.depth() == 0 and each_scene.unsent() == 0, "nothing is left")
    assert [properties.message_id for _, properties in each_scene.dead()] == [sent]
    assert len(each_scene.run_lines("1 ")) == 1


def test_relay_dies_between_confirm_and_mark(each_scene: Scene) -> None:
    each_scene.send({"id": 1})
    each_scene.worker(step="after-confirm:kill", TEST_LEASE_S="1").wait_killed()
    assert each_scene.unsent() == 1
    each_scene.worker(TEST_LEASE_S="1")
    settled_once(each_scene)
    assert len(each_scene.run_lines("invoice 1")) == 1


def test_broker_cannot_route(each_scene: Scene) -> None:
    each_scene.send({"id": 1, "does": "publish-nowhere"})
    each_scene.send({"id": 2})
    each_scene.worker()
    until(lambda: each_scene.run_lines("invoice 2"), "the other one is invoiced")
    until(lambda: each_scene.rows("SELECT refusals > 0 FROM oncemq_outbox") == [(1,)], "it was refused and stays")
    each_scene.channel.queue_declare(f"{each_scene.queue}-nowhere", durable=True)
    until(lambda: each_scene.unsent() == 0, "it leaves")
    assert each_scene.depth("-nowhere") == 1


def test_a_body_that_is_no_text_is_dead_lettered_as_it_is(each_scene: Scene) -> None:
    each_scene.send(b"\xff\x00 no text")
    each_scene.worker()
    until(lambda: each_scene.depth("-dead") == 1, "a dead letter")
    assert each_scene.charges() == 0
    assert "invalid body" in each_scene.dead()[0][1].headers["x-oncemq-reason"]


def test_shutdown_gives_back(each_scene: Scene) -> None:
    for number in range(100):
        each_scene.send({"id": number})
    first = each_scene.worker()
    until(lambda: each_scene.rows("SELECT count(*) FROM charges")[0][0] > 0, "it works")
    assert first.stop() == 0
    each_scene.worker()
    until(lambda: len(each_scene.inbox()) == 100, "all are done")
    assert each_scene.rows("SELECT count(*), count(DISTINCT order_id) FROM charges") == [(100, 100)]
    until(lambda: each_scene.depth() == 0, "all are acknowledged")
