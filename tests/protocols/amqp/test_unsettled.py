"""What a channel holds: runs settled in any order, beside a dictionary of tags."""

from __future__ import annotations

import random

import pytest

from oncemq.core.routed_commands import LeaseRun
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.unsettled import Unsettled

Lease = tuple[int, int, int, int]
"""Queue, entry, token, consumer."""


def one_by_one(runs: list[LeaseRun]) -> list[Lease]:
    return [
        (run.queue, run.first_entry + offset, run.first_token + offset, run.consumer)
        for run in runs
        for offset in range(run.count)
    ]


def of_five() -> Unsettled:
    unsettled = Unsettled()
    assert unsettled.hold(LeaseRun(7, 100, 5, 1, 3)) == 1
    return unsettled


def test_a_run_that_is_partly_acknowledged() -> None:
    unsettled = of_five()
    assert one_by_one(unsettled.take(3, False)) == [(7, 102, 3, 3)]
    assert unsettled.take_run(2, 2) is None, "one of them is settled already, so nothing is taken"
    assert one_by_one(unsettled.take(4, True)) == [(7, 100, 1, 3), (7, 101, 2, 3), (7, 103, 4, 3)]
    assert one_by_one(unsettled.held()) == [(7, 104, 5, 3)]
    for tag in (0, 4, 6):
        with pytest.raises(FrameFault):
            unsettled.take(tag, False)


def test_tags_that_go_over_the_end_of_a_run() -> None:
    unsettled = of_five()
    assert unsettled.skip(2) == 6
    assert unsettled.hold(LeaseRun(8, 0, 2, 9, 4)) == 8
    assert unsettled.take_run(5, 2) is None, "what was got without acknowledgement is not held"
    assert unsettled.take_run(8, 3) is None
    assert unsettled.take_run(1, 5) == [LeaseRun(7, 100, 5, 1, 3)]
    assert one_by_one(unsettled.take(0, True)) == [(8, 0, 9, 4), (8, 1, 10, 4)]


def test_what_a_transaction_settled_is_put_back_under_its_tags() -> None:
    unsettled = of_five()
    unsettled.set_aside = []
    unsettled.take(2, False)
    unsettled.take(0, True)
    assert unsettled.held() == []
    unsettled.put_back()
    assert one_by_one(unsettled.held()) == one_by_one([LeaseRun(7, 100, 5, 1, 3)])
    unsettled.take(1, True)
    assert one_by_one(unsettled.take_all()) == one_by_one([LeaseRun(7, 100, 5, 1, 3)])


def test_what_is_being_committed_goes_back_with_the_channel() -> None:
    unsettled = of_five()
    unsettled.set_aside = []
    unsettled.take(2, True)
    unsettled.commit()
    unsettled.take(3, False)
    unsettled.commit()
    unsettled.committed()
    assert sorted(one_by_one(unsettled.take_all())) == one_by_one([LeaseRun(7, 102, 3, 3, 3)])


@pytest.mark.parametrize("seed", range(20))
def test_at_random_beside_a_dictionary(seed: int) -> None:
    dice = random.Random(seed)
    unsettled = Unsettled()
    held: dict[int, Lease] = {}
    entry = 0
    for _ in range(600):
        what = dice.randrange(8)
        if what < 3:
            run = LeaseRun(1, entry, dice.randrange(1, 9), entry + 5, 2)
            first = unsettled.hold(run)
            held.update(zip(range(first, first + run.count), one_by_one([run]), strict=True))
            entry += run.count + dice.randrange(2)
        elif what == 3:
            unsettled.skip(dice.randrange(3))
        elif what == 4:
            tag = dice.randrange(unsettled.last_tag + 1) if dice.randrange(4) else 0
            if tag or dice.randrange(5) == 0:
                expected = [held.pop(each) for each in sorted(held) if not tag or each <= tag]
                assert one_by_one(unsettled.take(tag, True)) == expected
        else:
            first, count = dice.randrange(1, unsettled.last_tag + 3), dice.randrange(1, 12)
            taken = unsettled.take_run(first, count)
            if all(tag in held for tag in range(first, first + count)):
                assert taken is not None
                assert one_by_one(taken) == [held.pop(tag) for tag in range(first, first + count)]
            else:
                assert taken is None
    assert one_by_one(unsettled.held()) == [held[tag] for tag in sorted(held)]


def test_what_is_settled_whole_is_let_go() -> None:
    unsettled = Unsettled()
    unsettled.hold(LeaseRun(1, 0, 1, 1, 1))
    for entry in range(1, 2_000):
        tag = unsettled.hold(LeaseRun(1, entry, 3, entry, 1))
        assert unsettled.take_run(tag, 3) is not None
    assert len(unsettled._runs) < 100
