"""Runs that differ only in what decides nothing are one record; what each publisher is told is its own."""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core.routed_outputs import REJECTED, ROUTED, UNROUTED
from oncemq.core.routed_refusals import ExchangeDoesNotExist
from oncemq.journal.codec import decode_payload
from tests.core.routed import Amqp, run


@pytest.fixture
def amqp() -> Amqp:
    return Amqp()


def records_of_last(amqp: Amqp) -> int:
    last = amqp.driver.batches[-1]
    return len(list(decode_payload(last.payload, last.position)))


def test_messages_with_headers_of_their_own_are_one_record(amqp: Amqp) -> None:
    amqp.declare("q")
    outcomes = amqp.publish_runs(*[run([str(number)], headers={"id": number}) for number in range(9)])
    assert outcomes == [ROUTED] * 9
    assert records_of_last(amqp) == 1
    assert amqp.drain() == [str(number) for number in range(9)]
    amqp.check()


@pytest.mark.parametrize(
    "fields",
    [{"priority": 3}, {"expiration_ms": 10_000}, {"persistent": False}, {"group": "g"}, {"deduplication": b"d"}],
    ids=lambda fields: next(iter(fields)),
)
def test_what_decides_something_keeps_them_apart(amqp: Amqp, fields: dict[str, Any]) -> None:
    amqp.declare("q", maximum_priority=5 if "priority" in fields else None, deduplicates="deduplication" in fields)
    amqp.publish_runs(run(["a"]), run(["b"], **fields), run(["c"]))
    amqp.publish_runs(run(["d"], **fields), run(["e"], **fields))
    drained = amqp.drain()
    expected = {"priority": "bdeac", "deduplication": "abc"}.get(next(iter(fields)), "abcde")
    assert drained == list(expected)
    amqp.check()


@pytest.mark.parametrize(("kind", "arguments"), [("headers", {}), ("x-consistent-hash", {"hash-header": "to"})])
def test_an_exchange_that_looks_at_headers_sees_those_of_each(
    amqp: Amqp, kind: str, arguments: dict[str, object]
) -> None:
    amqp.exchange("by", kind, arguments)
    keys = "1" if kind == "x-consistent-hash" else ""
    for name in ("a", "b"):
        amqp.declare(name)
        amqp.bind("by", name, keys, x_match="all", to=name)
    runs = [run([str(number)], "by", "", headers={"to": "ab"[number % 2]}) for number in range(8)]
    amqp.publish_runs(*runs)
    found = [amqp.drain("a"), amqp.drain("b")]
    assert sorted(found[0] + found[1]) == [str(number) for number in range(8)]
    if kind == "headers":
        assert found == [["0", "2", "4", "6"], ["1", "3", "5", "7"]]


@pytest.mark.parametrize("way", ["bound", "alternate"])
def test_headers_count_where_a_message_goes_on_to_an_exchange_that_looks_at_them(amqp: Amqp, way: str) -> None:
    amqp.exchange("by", "headers")
    amqp.exchange(
        "first", "fanout" if way == "bound" else "direct", {"alternate-exchange": "by"} if way != "bound" else {}
    )
    if way == "bound":
        amqp.link("first", "by")
    for name in ("a", "b"):
        amqp.declare(name)
        amqp.bind("by", name, "", x_match="all", to=name)
    amqp.publish_runs(*[run([str(number)], "first", "k", headers={"to": "ab"[number % 2]}) for number in range(4)])
    assert [amqp.drain("a"), amqp.drain("b")] == [["0", "2"], ["1", "3"]]


def test_a_queue_that_refuses_takes_the_first_ones(amqp: Amqp) -> None:
    amqp.declare("q", maximum_length=3, overflow="reject-publish")
    runs = [run(["a", "b"], headers={"n": 1}), run(["c", "d"], headers={"n": 2}), run(["e"], headers={"n": 3})]
    assert amqp.publish_runs(*runs) == [ROUTED, REJECTED + 1, REJECTED]
    assert amqp.drain() == ["a", "b", "c"]


def test_one_by_one_where_chance_decides(amqp: Amqp) -> None:
    amqp.exchange("any", "x-random")
    for name in ("a", "b"):
        amqp.declare(name)
        amqp.bind("any", name)
    runs = [run([str(number)], "any", "k", headers={"n": number}) for number in range(30)]
    assert amqp.publish_runs(*runs) == [ROUTED] * 30
    counts = [len(amqp.drain("a")), len(amqp.drain("b"))]
    assert sum(counts) == 30 and min(counts) > 0


def test_each_is_told_that_nobody_took_it(amqp: Amqp) -> None:
    assert amqp.publish_runs(run(["a"], headers={"n": 1}), run(["b"], headers={"n": 2})) == [UNROUTED, UNROUTED]
    refused = amqp.publish_runs(run(["a"], "no", headers={"n": 1}), run(["b"], "no", headers={"n": 2}))
    assert refused == [ExchangeDoesNotExist("no")] * 2
