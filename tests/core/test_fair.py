"""Fair queues: message groups on a standard queue. A group that takes much does not keep the quiet ones waiting."""

from __future__ import annotations

from oncemq.core.order.fair import Fair
from tests.core.driver import Driver, message


def flood(driver: Driver, group: str, count: int, **fields: object) -> None:
    driver.send_all("q", [message(group, group=group, **fields) for _ in range(count)])


def noisy_groups(driver: Driver) -> list[str]:
    queue = driver.queue()
    assert isinstance(queue.order, Fair)
    return sorted(queue.group_names[number] for number in queue.order.noisy)


def take(driver: Driver, count: int) -> list[str]:
    taken: list[str] = []
    while len(taken) < count:
        taken += driver.receive_bodies(maximum=min(10, count - len(taken)), visibility_ms=3_600_000)
    return taken


def test_a_quiet_group_comes_before_a_noisy_one() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "loud", 100)
    assert take(driver, 30) == ["loud"] * 30
    flood(driver, "quiet", 3)
    assert take(driver, 5) == ["quiet"] * 3 + ["loud"] * 2
    driver.check()


def test_twenty_nine_in_flight_are_not_noisy_yet() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "loud", 100)
    take(driver, 29)
    flood(driver, "quiet", 1)
    assert noisy_groups(driver) == []
    assert take(driver, 2) == ["loud", "quiet"]
    assert noisy_groups(driver) == ["loud"]


def test_a_tenth_of_all_in_flight_is_not_noisy_and_one_more_is() -> None:
    driver = Driver()
    driver.create()
    driver.send_all("q", [message("alone") for _ in range(280)])
    take(driver, 280)
    flood(driver, "a", 40)
    take(driver, 31)
    assert noisy_groups(driver) == []
    take(driver, 1)
    assert noisy_groups(driver) == ["a"]


def test_messages_without_a_group_are_never_noisy() -> None:
    driver = Driver()
    driver.create()
    driver.send_all("q", [message("alone") for _ in range(100)])
    flood(driver, "a", 1)
    assert take(driver, 60) == ["alone"] * 60


def test_among_noisy_groups_the_one_with_the_fewest_in_flight_comes_first() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "a", 60)
    flood(driver, "b", 60)
    assert take(driver, 60) == ["a"] * 30 + ["b"] * 30
    assert noisy_groups(driver) == ["a", "b"]
    leases = driver.receive(maximum=4, visibility_ms=0)
    assert [driver.body(each) for each in leases] == ["a", "b", "a", "b"]
    assert take(driver, 4) == ["a", "b", "a", "b"]


def test_a_drained_group_is_quiet_again() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "loud", 30)
    leases = [each.lease for _ in range(3) for each in driver.receive(visibility_ms=3_600_000)]
    assert noisy_groups(driver) == ["loud"]
    driver.delete("q", *leases)
    assert noisy_groups(driver) == []
    driver.check()


def test_a_group_is_quiet_after_five_minutes_without_sends() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "loud", 100)
    take(driver, 30)
    driver.advance(299_999)
    flood(driver, "quiet", 1)
    assert take(driver, 1) == ["quiet"]
    driver.advance(1)
    flood(driver, "quiet", 1)
    assert take(driver, 1) == ["loud"]
    driver.check()


def test_a_group_of_delayed_messages_is_noisy_by_the_same_rule() -> None:
    driver = Driver()
    driver.create(delay_ms=1_008)
    flood(driver, "loud", 60)
    driver.advance(1_008)
    take(driver, 30)
    flood(driver, "quiet", 1, delay_ms=0)
    assert take(driver, 1) == ["quiet"]
    driver.check()


def test_a_dead_letter_does_not_make_its_group_look_silent() -> None:
    """It keeps its age, which is not the time of the last send."""
    driver = Driver()
    driver.create("q")
    driver.create("source", dead_letter_queue="q", maximum_receives=1)
    driver.send("source", "loud", group="loud")
    driver.receive("source", visibility_ms=0)
    driver.advance(400_000)
    flood(driver, "loud", 100)
    take(driver, 30)
    driver.receive("source")
    flood(driver, "quiet", 1)
    assert take(driver, 1) == ["quiet"]


def test_the_first_group_turns_a_plain_queue_into_a_fair_one_and_a_purge_back() -> None:
    driver = Driver()
    driver.create()
    driver.send_all("q", [message("1"), message("2", delay_ms=5_008), message("3")])
    driver.receive(maximum=1, visibility_ms=2_000)
    driver.send("q", "4", group="g")
    assert isinstance(driver.queue().order, Fair)
    assert driver.receive_bodies(visibility_ms=1_008) == ["3", "4"]
    driver.advance(6_000)
    assert driver.receive_bodies() == ["1", "2", "3", "4"]
    driver.check()


def test_fairness_survives_a_restart() -> None:
    driver = Driver()
    driver.create()
    flood(driver, "loud", 100)
    take(driver, 30)
    flood(driver, "late", 1, delay_ms=1_008)
    driver.begin_checkpoint()
    driver.publish_checkpoint()
    flood(driver, "quiet", 1)
    driver.restart()
    assert noisy_groups(driver) == ["loud"]
    assert take(driver, 2) == ["quiet", "loud"]
    driver.advance(1_008)
    assert take(driver, 2) == ["late", "loud"]
    driver.check()


def test_twenty_thousand_groups_of_one_message() -> None:
    driver = Driver()
    driver.create()
    for start in range(0, 20_000, 1_000):
        driver.send_all("q", [message(str(n), group=str(n)) for n in range(start, start + 1_000)])
    received = driver.receive()
    assert [driver.body(each) for each in received] == [str(n) for n in range(10)]
    driver.delete("q", *[each.lease for each in received])
    assert len(driver.queue().group_names) == 19_990
