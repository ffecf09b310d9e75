"""What permissions permit, and that it is found out once for each name."""

import pytest

from oncemq.core.system_outputs import Granted
from oncemq.core.user import Permission, TopicPermission
from oncemq.protocols.amqp import access
from oncemq.protocols.amqp.access import NOTHING, Access
from oncemq.protocols.amqp.door import AmqpDoor
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.passwords import Passwords


def of(configure: str = "", write: str = "", read: str = "", **topics: tuple[str, str]) -> Access:
    given = {exchange: TopicPermission(*patterns) for exchange, patterns in topics.items()}
    return Access("a.b", "sh[op", Granted([], Permission(configure, write, read), given))


@pytest.mark.parametrize(
    ("pattern", "permitted", "others"),
    [
        (".*", ["", "a", "amq.default"], []),
        ("", [], ["", "a"]),
        ("^$", [], ["", "a"]),
        ("^amq\\.default$", ["", "amq.default"], ["amq.defaults"]),
        ("orders", ["orders", "my-orders-2"], ["Orders", ""]),
        ("^(a|b)-", ["a-", "b-x"], ["c-a-", "a"]),
    ],
)
def test_patterns_are_searched_for_in_names(pattern: str, permitted: list[str], others: list[str]) -> None:
    for place, kind in enumerate(("configure", "write", "read")):
        patterns = ["", "", ""]
        patterns[place] = pattern
        given = of(*patterns)
        for _ in range(2):
            for name in permitted:
                assert given.permits(kind, name)  # type: ignore[arg-type]
            for name in others:
                assert not given.permits(kind, name)  # type: ignore[arg-type]
        assert not any(given.permits(other, "a") for other in ("configure", "write", "read") if other != kind)


def test_no_permission_permits_nothing() -> None:
    for given in (NOTHING, Access("u", "/", Granted(["impersonator"], None, {}))):
        for name in ("", "a"):
            with pytest.raises(FrameFault):
                given.check("read", "queue", name)


def test_a_name_is_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    matched: list[str] = []
    matches = access._matches

    def counting(pattern: object, name: str) -> bool:
        matched.append(name)
        return matches(pattern, name)  # type: ignore[arg-type]

    monkeypatch.setattr(access, "_matches", counting)
    given = of(write="a")
    for _ in range(1_000):
        given.permits("write", "a")
        given.permits("write", "b")
    assert matched == ["a", "b"]
    for number in range(access.NAMES_REMEMBERED):
        given.permits("write", str(number))
    given.permits("write", "a")
    assert matched.count("a") == 2, "what is remembered is bounded"


def test_topic_permissions() -> None:
    given = of(t=("^ok", "^{username}\\.{vhost}$"))
    assert given.topic_refusal("write", "t", ["ok.1", "ok.2"]) is None
    refused = given.topic_refusal("write", "t", ["ok.1", "no"])
    assert refused is not None
    assert (refused.access, refused.routing_key, refused.exchange, refused.user) == ("write", "no", "t", "a.b")
    assert given.topic_refusal("read", "t", ["a.b.sh[op"]) is None
    assert given.topic_refusal("read", "t", ["axb.sh[op"]) is not None, "names stand for themselves"
    assert given.topic_refusal("write", "another", ["no"]) is None
    assert of(t=("", "")).topic_refusal("write", "t", ["a"]) is not None
    assert of(t=("", "")).topic_refusal("write", "t", [""]) is None


def test_connections_that_were_told_the_same_share_it() -> None:
    door = AmqpDoor(Passwords(bytes(32), lambda job, done: None), bytes(32))

    def told(write: str) -> Granted:
        return Granted([], Permission("", write, ""), {})

    first = door.access("u", "/", told("a"))
    assert door.access("u", "/", told("a")) is first
    others = [door.access("v", "/", told("a")), door.access("u", "w", told("a")), door.access("u", "/", told("b"))]
    assert [(each.user, each.host, each.permits("write", "a")) for each in others] == [
        ("v", "/", True),
        ("u", "w", True),
        ("u", "/", False),
    ]


def test_a_pattern_that_is_none_with_the_name_in_it_permits_nothing() -> None:
    given = Access("u", "/", Granted([], Permission("", "", ""), {"t": TopicPermission("[z-{username}]", "")}))
    assert given.topic_refusal("write", "t", ["z"]) is not None
