"""What becomes of a message by what its handler does. One worker for all; OnceMQ's AMQP door, on each
database."""

import pytest

from tests.worker.conftest import ON_EACH_DATABASE
from tests.worker.scene import Scene, until

pytestmark = ON_EACH_DATABASE
KINDS = pytest.mark.parametrize("kind", ["", "-async"], ids=["sync", "async"])


@KINDS
def test_a_message_is_charged_and_invoiced_once(shop: Scene, kind: str) -> None:
    order = shop.order()
    sent = shop.send(order, to=kind)
    shop.wait_invoiced(order)
    shop.wait_state(sent, "done", 0)
    assert shop.charges(order["id"]) == 1
    until(lambda: shop.unsent() == 0 and shop.depth(kind) == 0, "nothing is left")


@KINDS
def test_a_failure_comes_again_and_rolls_back(shop: Scene, kind: str) -> None:
    order = shop.order("fail-once")
    sent = shop.send(order, to=kind)
    shop.wait_invoiced(order)
    assert shop.rows(f"SELECT attempt FROM charges WHERE order_id = {order['id']}") == [(2,)]
    shop.wait_state(sent, "done", 1)


@KINDS
def test_after_the_last_attempt_it_is_a_dead_letter(shop: Scene, kind: str) -> None:
    order = shop.order("fail-late")
    sent = shop.send(order, to=kind)
    _, properties = shop.dead_letter(sent, f"{kind}-dead")
    shop.wait_state(sent, "dead", 2)
    assert properties.headers["x-oncemq-exception"] == "builtins.ValueError"
    assert properties.headers["x-oncemq-attempts"] == 3
    assert properties.headers["x-oncemq-source"] == shop.queue + kind
    assert "after the effects" in properties.headers["x-oncemq-stack"]
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (0, 3)
    assert not shop.run_lines(f"invoice {order['id']} ")


def test_retry_says_when(shop: Scene) -> None:
    order = shop.order("retry-once")
    shop.send(order)
    until(lambda: shop.charges(order["id"]), "charged")
    assert [line.split()[1] for line in shop.run_lines(f"{order['id']} ")] == ["1", "2"]


def test_reject_is_dead_at_once(shop: Scene) -> None:
    order = shop.order("reject")
    sent = shop.send(order)
    assert shop.dead_letter(sent)[1].headers["x-oncemq-reason"] == "a bad order"
    shop.wait_state(sent, "dead", 0)
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (0, 1)


def test_skip_keeps_the_inbox_row_only(shop: Scene) -> None:
    order = shop.order("skip")
    shop.wait_state(shop.send(order), "done", 0)
    until(lambda: shop.depth() == 0, "acknowledged")
    assert (shop.charges(order["id"]), shop.unsent(), shop.runs_of(order)) == (0, 0, 1)


@pytest.mark.parametrize(
    "body", [b"not json", b'{"id": "one"}', b'{"total": 1}', b"\xff"], ids=["syntax", "type", "field", "bytes"]
)
def test_a_body_that_is_not_valid_is_dead_at_once(shop: Scene, body: bytes) -> None:
    sent = shop.send(body)
    found, properties = shop.dead_letter(sent)
    assert found == body
    assert properties.headers["x-oncemq-reason"].startswith("invalid body")
    shop.wait_state(sent, "dead", 0)


def test_one_bad_order_among_good_ones_fails_alone(shop: Scene) -> None:
    orders = [shop.order("reject" if number == 20 else "charge") for number in range(40)]
    sent = [shop.send(order) for order in orders]
    for number, message_id in enumerate(sent):
        shop.wait_state(message_id, "dead" if number == 20 else "done", 0)
    assert [shop.charges(order["id"]) for order in orders] == [1] * 20 + [0] + [1] * 19


@KINDS
@pytest.mark.parametrize("does", ["commit", "commit-swallowed", "rollback", "close"])
def test_handler_commits_rolls_back_or_closes_the_session_itself(shop: Scene, does: str, kind: str) -> None:
    if kind and does != "commit":
        pytest.skip("the same session underneath")
    order = shop.order(does)
    sent = shop.send(order, to=kind)
    assert "session" in shop.dead_letter(sent, f"{kind}-dead")[1].headers["x-oncemq-reason"]
    shop.wait_state(sent, "dead", 0)
    assert shop.charges(order["id"]) == 0


@pytest.mark.parametrize("does", ["driver-commit", "driver-commit-fail"])
def test_handler_commits_through_the_driver(shop: Scene, does: str) -> None:
    """Its effects cannot be undone; it is loud, and it does not run again."""
    order = shop.order(does)
    sent = shop.send(order)
    assert "committed its transaction by itself" in shop.dead_letter(sent)[1].headers["x-oncemq-reason"]
    assert shop.runs_of(order) == 1


def test_handler_swallows_a_database_error(shop: Scene) -> None:
    order = shop.order("swallow")
    sent = shop.send(order)
    assert "TransactionLost" in shop.dead_letter(sent)[1].headers["x-oncemq-exception"]
    shop.wait_state(sent, "dead", 2)
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (0, 3), "each run was a failed attempt"


def test_handler_publishes_outside_its_transaction(shop: Scene) -> None:
    order = shop.order("publish-outside")
    sent = shop.send(order)
    assert "ctx.publish" in shop.dead_letter(sent)[1].headers["x-oncemq-reason"]
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (0, 1)


def test_a_message_without_our_id(shop: Scene) -> None:
    order = shop.order()
    shop.send(order, message_id=None)
    until(lambda: any("no message id" in each[1].headers["x-oncemq-reason"] for each in shop.dead()), "a dead letter")
    assert shop.charges(order["id"]) == 0


@pytest.mark.parametrize("suffix", ["-foreign", "-header"])
def test_a_message_without_our_id_but_with_one_that_the_consumer_names(shop: Scene, suffix: str) -> None:
    order = shop.order()
    known = shop.logged("message.known")
    for _ in range(2):
        shop.send(order, message_id=None, to=suffix, headers={"x-order": order["id"]})
    until(lambda: shop.logged("message.known") == known + 1, "an inbox hit")
    assert shop.charges(order["id"]) == 1


def test_two_live_copies(shop: Scene) -> None:
    order = shop.order()
    known = shop.logged("message.known")
    for _ in range(2):
        shop.send(order, message_id="two-live-copies")
    until(lambda: shop.logged("message.known") == known + 1, "an inbox hit")
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (1, 1)


def test_a_later_delivery_of_a_dead_id_is_acknowledged_unrun(shop: Scene) -> None:
    order = shop.order("reject")
    sent = shop.send(order)
    shop.dead_letter(sent)
    known = shop.logged("message.known")
    shop.send(order | {"does": "charge"}, message_id=sent)
    until(lambda: shop.logged("message.known") == known + 1, "an inbox hit")
    until(lambda: shop.depth() == 0, "acknowledged")
    assert (shop.charges(order["id"]), shop.runs_of(order)) == (0, 1)


def test_two_services_share_an_inbox_table(shop: Scene) -> None:
    """The same message id for two consumers is two messages."""
    order = shop.order()
    shop.send(order, message_id="two-services")
    shop.send(order, message_id="two-services", to="-async")
    until(lambda: shop.charges(order["id"]) == 2, "both run")


@KINDS
def test_a_handler_over_its_time_limit_is_tried_again(scene: Scene, kind: str) -> None:
    """A sync one costs its process."""
    sent = scene.send({"id": 1, "does": "slow"}, to=kind)
    worker = scene.worker(TEST_TIME_LIMIT_S="0.3")
    if kind:
        scene.wait_state(sent, "dead", 2)
    else:
        worker.wait_killed()
        until(lambda: scene.depth() == 1, "the message is back")
    assert scene.charges() == 0
