"""The protections switched off, one by one: the same kills then do harm. Else the tests beside this would prove
nothing."""

from tests.worker.conftest import ON_EACH_DATABASE
from tests.worker.scene import Scene, until

pytestmark = ON_EACH_DATABASE


def test_without_the_inbox_a_kill_before_the_ack_charges_twice(scene: Scene) -> None:
    scene.send({"id": 1})
    scene.worker(step="before-ack:kill", ONCEMQ_BREAK="inbox").wait_killed()
    scene.worker(ONCEMQ_BREAK="inbox")
    until(lambda: scene.charges() == 2, "charged twice")


def test_without_the_outbox_what_failed_is_invoiced(scene: Scene) -> None:
    scene.send({"id": 1, "does": "fail-late"})
    scene.worker(ONCEMQ_BREAK="outbox")
    until(lambda: scene.run_lines("invoice 1"), "an invoice")
    assert scene.charges() == 0


def test_with_the_ack_first_a_kill_loses_the_order(scene: Scene) -> None:
    scene.send({"id": 1})
    scene.worker(step="before-commit:kill", ONCEMQ_BREAK="ack-first").wait_killed()
    worker = scene.worker()
    scene.send({"id": 2})
    until(lambda: scene.charges(2) == 1, "the next order is charged")
    assert worker.stop() == 0
    assert scene.charges(1) == 0, "and this one never"
    assert scene.depth() == 0


def test_without_the_fence_the_number_stays(scene: Scene) -> None:
    scene.send({"id": 1}, to="-fenced")
    scene.worker(step="after-claim:kill", ONCEMQ_BREAK="fence").wait_killed()
    scene.worker(ONCEMQ_BREAK="fence")
    until(lambda: scene.charges() == 1, "charged")
    assert scene.run_lines("fence") == ["fence 1 1"]
