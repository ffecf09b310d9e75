"""The token that a receive answers with is the one that the lease is held under."""

from __future__ import annotations

from tests.core.driver import Driver


def test_a_dead_letter_that_is_handed_on_at_once_does_not_shift_the_tokens_of_the_rest() -> None:
    driver = Driver()
    driver.create("dead")
    driver.create("q", dead_letter_queue="dead", maximum_receives=1)
    driver.send("q", "poison")
    driver.receive("q", visibility_ms=0)
    driver.send("q", "good")
    asker = driver.wait("dead")
    (good,) = driver.receive("q", maximum=1)
    assert driver.waited(asker) == ["poison"]
    assert driver.queue("q").token_of(good.lease.entry) == good.lease.token
    assert driver.delete("q", good.lease) == [None]
    assert driver.counts("q") == (0, 0, 0)
    driver.check()
