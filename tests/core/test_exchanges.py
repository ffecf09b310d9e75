"""How each kind of exchange chooses among its bindings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncemq.core import routed_commands as commands
from oncemq.core.exchanges.bindings import QUEUE, Binding
from oncemq.core.exchanges.topic import Topic
from oncemq.core.routed_refusals import UnknownHeaderMatch
from tests.core.routed import Amqp, binding


def topic_matches(pattern: str, key: str) -> bool:
    topic = Topic()
    topic.add(binding("x", "q", pattern))
    return topic.match(key, {}) != []


def headers_match(arguments: dict[str, object], headers: dict[str, object]) -> bool:
    amqp = Amqp()
    amqp.declare("q")
    amqp.bind("amq.headers", "q", "", QUEUE, **arguments)
    return amqp.routed("amq.headers", headers=headers) == ["q"]


def test_direct_takes_the_very_key() -> None:
    amqp = Amqp()
    amqp.queue_for("one", "amq.direct", "a")
    amqp.queue_for("two", "amq.direct", "a")
    amqp.queue_for("three", "amq.direct", "a.b")
    assert amqp.routed("amq.direct", "a") == ["one", "two"]
    assert amqp.routed("amq.direct", "A") == []
    amqp.check()


def test_fanout_takes_any_key() -> None:
    amqp = Amqp()
    amqp.queue_for("one", "amq.fanout", "a")
    amqp.queue_for("two", "amq.fanout")
    assert amqp.routed("amq.fanout", "whatever") == ["one", "two"]


def test_two_bindings_that_fit_are_one_message() -> None:
    amqp = Amqp()
    amqp.queue_for("q", "amq.topic", "a.*")
    amqp.bind("amq.topic", "q", "#.b")
    assert amqp.routed("amq.topic", "a.b") == ["q"]


def test_the_same_binding_twice_is_one_that_one_unbind_takes_away() -> None:
    amqp = Amqp()
    made = amqp.queue_for("q", "amq.direct", "a")
    amqp.bind("amq.direct", "q", "a")
    amqp.unbind(made)
    assert amqp.routed("amq.direct", "a") == []


def test_bindings_that_differ_in_arguments_are_two() -> None:
    amqp = Amqp()
    made = amqp.queue_for("q", "amq.direct", "a", which=1)
    amqp.bind("amq.direct", "q", "a", which=2)
    amqp.unbind(made)
    assert amqp.routed("amq.direct", "a") == ["q"]
    amqp.check()


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_what_is_unbound_is_not_matched(kind: str) -> None:
    amqp = Amqp()
    amqp.queue_for("stays", f"amq.{kind}", "a")
    gone = amqp.queue_for("goes", f"amq.{kind}", "a")
    amqp.unbind(gone)
    assert amqp.routed(f"amq.{kind}", "a") == ["stays"]
    amqp.check()


# Topic ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a", False),
        ("a.b", "a.b.c", False),
        ("*", "a", True),
        ("*", "a.b", False),
        ("*.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*.c", "a.b.c", True),
        ("a.*.c", "a.c", False),
        ("a.*.c", "a.b.b.c", False),
        ("*.*", "a", False),
        ("#", "a.b.c", True),
        ("#.c", "c", True),
        ("#.c", "a.b.c", True),
        ("#.c", "a.b.c.d", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#", "b.a", False),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("a.#.c", "a.b.b", False),
        ("#.#", "a", True),
        ("#.*", "a", True),
        ("*.#", "a.b", True),
        ("#.*.#", "a", True),
        ("#.b.#", "a.b.c", True),
        ("#.b.#", "a.c", False),
        ("a#", "ab", False),
        ("a*", "ab", False),
    ],
)
def test_topic(pattern: str, key: str, fits: bool) -> None:
    assert topic_matches(pattern, key) is fits


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("a..b", "a..b", True),
        ("a.*.b", "a..b", True),
        ("a.b", "a..b", False),
        ("*.a", ".a", True),
        ("a.*", "a.", True),
        ("a", "a.", False),
        ("*.*", ".", True),
    ],
)
def test_between_two_dots_is_an_empty_word(pattern: str, key: str, fits: bool) -> None:
    assert topic_matches(pattern, key) is fits


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [("", "", True), ("#", "", True), ("*", "", False), ("#.*", "", False), ("", "a", False), ("a.#", "", False)],
)
def test_an_empty_key_has_no_word(pattern: str, key: str, fits: bool) -> None:
    assert topic_matches(pattern, key) is fits


@pytest.mark.parametrize(("pattern", "key", "fits"), [("*", "*", True), ("a", "*", False), ("#", "#", True)])
def test_in_a_message_the_wildcards_are_words(pattern: str, key: str, fits: bool) -> None:
    assert topic_matches(pattern, key) is fits


def test_a_message_with_a_hash_is_not_taken_for_the_binding() -> None:
    assert not topic_matches("#.b", "#")
    assert not topic_matches("a.*", "#")


def plainly(pattern: list[str], key: list[str]) -> bool:
    if not pattern:
        return not key
    if pattern[0] == "#":
        return any(plainly(pattern[1:], key[at:]) for at in range(len(key) + 1))
    return bool(key) and pattern[0] in ("*", key[0]) and plainly(pattern[1:], key[1:])


patterns = st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=5)


@given(st.lists(patterns, max_size=8), st.lists(st.sampled_from(["a", "b", ""]), min_size=2, max_size=5))
def test_topic_is_what_its_rule_says(bound: list[list[str]], key: list[str]) -> None:
    topic = Topic()
    for number, pattern in enumerate(bound):
        topic.add(binding("x", str(number), ".".join(pattern)))
    expected = [("queue", str(number)) for number, pattern in enumerate(bound) if plainly(pattern, key)]
    assert sorted(topic.match(".".join(key), {})) == sorted(expected)


@given(st.lists(patterns, max_size=12), st.randoms())
def test_unbinding_leaves_no_branches(bound: list[list[str]], random: object) -> None:
    topic = Topic()
    bindings = [binding("x", str(number), ".".join(pattern)) for number, pattern in enumerate(bound)]
    for each in bindings:
        topic.add(each)
    random.shuffle(bindings)  # type: ignore[attr-defined]
    for each in bindings:
        topic.remove(each)
    assert not topic.root.branches and not topic.root.targets


def test_unbinding_leaves_what_others_need() -> None:
    topic = Topic()
    longer, shorter = binding("x", "longer", "a.b.c"), binding("x", "shorter", "a.b")
    topic.add(longer)
    topic.add(shorter)
    topic.remove(longer)
    assert topic.match("a.b", {}) == [("queue", "shorter")]
    topic.add(longer)
    topic.remove(shorter)
    assert topic.match("a.b.c", {}) == [("queue", "longer")]


def test_a_thousand_bindings() -> None:
    amqp = Amqp()
    for number in range(1_000):
        amqp.queue_for(f"q{number}", "amq.topic", f"part{number % 10}.*.n{number}.#")
    assert amqp.routed("amq.topic", "part7.any.n417.and.more") == ["q417"]
    assert amqp.routed("amq.topic", "part8.any.n417") == []
    amqp.check()


# Headers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "headers", "fits"),
    [
        ("all", {"a": 1, "b": "x", "more": 0}, True),
        ("all", {"a": 1}, False),
        ("all", {"a": 1, "b": "y"}, False),
        ("any", {"a": 1}, True),
        ("any", {"b": "x", "a": 2}, True),
        ("any", {"a": 2, "b": "y"}, False),
        ("any", {}, False),
    ],
)
def test_headers(how: str, headers: dict[str, object], fits: bool) -> None:
    assert headers_match({"x_match": how, "a": 1, "b": "x"}, headers) is fits


def test_without_x_match_all_must_fit() -> None:
    assert headers_match({"a": 1, "b": 2}, {"a": 1, "b": 2})
    assert not headers_match({"a": 1, "b": 2}, {"a": 1})


@pytest.mark.parametrize(
    ("how", "headers", "fits"),
    [
        ("all", {"a": 1}, True),
        ("all-with-x", {"a": 1}, False),
        ("all-with-x", {"a": 1, "x-b": 2}, True),
        ("any", {"x-b": 2}, False),
        ("any-with-x", {"x-b": 2}, True),
    ],
)
def test_arguments_that_begin_with_x(how: str, headers: dict[str, object], fits: bool) -> None:
    assert headers_match({"x_match": how, "a": 1, "x_b": 2}, headers) is fits


def test_an_argument_without_a_value_asks_for_presence() -> None:
    assert headers_match({"a": None}, {"a": "whatever"})
    assert not headers_match({"a": None}, {"b": None})


def test_no_arguments_fit_all_and_no_any() -> None:
    assert headers_match({"x_match": "all"}, {"a": 1})
    assert not headers_match({"x_match": "any"}, {"a": 1})


def test_true_is_not_one() -> None:
    assert not headers_match({"a": True}, {"a": 1})
    assert not headers_match({"a": 1}, {"a": True})
    assert not headers_match({"a": 1}, {"a": "1"})


@pytest.mark.parametrize("how", [1, None, ["all"], "most"])
def test_an_x_match_that_says_nothing_is_refused(how: object) -> None:
    amqp = Amqp()
    amqp.declare("q")
    made = Binding("amq.headers", QUEUE, "q", "", {"x-match": how})
    assert amqp.ask(commands.Bind("/", made, None)) == UnknownHeaderMatch(how)
