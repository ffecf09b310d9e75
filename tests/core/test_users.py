"""Users and permissions: what is set is there, is told to whom it concerns, and survives."""

from __future__ import annotations

from typing import Any

import pytest

from oncemq.core import system_commands as commands
from oncemq.core.outputs import Done
from oncemq.core.routed_commands import CloseConnection
from oncemq.core.system_outputs import Expelled, Granted, SystemInfo, UserInfo
from oncemq.core.system_refusals import HostAccessRefused, HostDoesNotExist, InvalidName, InvalidPattern
from oncemq.core.system_refusals import UserDoesNotExist as NoUser
from oncemq.core.user import Permission, TopicPermission
from tests.core.driver import Driver, pieces_of

ALL = Permission(".*", ".*", ".*")
READ = Permission("", "", "^seen")
TOPIC = TopicPermission("^a", "^b")


def system(driver: Driver) -> SystemInfo:
    answer = driver.ask(commands.DescribeSystem())
    assert isinstance(answer, SystemInfo)
    return answer


def done(driver: Driver, *asked: Any) -> None:
    for command in asked:
        assert driver.ask(command) == Done(), command


@pytest.fixture
def driver() -> Driver:
    made = Driver()
    done(made, commands.SetUser("anna", "hash", ["management", "administrator", "management"]))
    return made


def test_a_user_is_found_as_it_was_set(driver: Driver) -> None:
    assert driver.ask(commands.FindUser("anna")) == UserInfo("anna", "hash", ["administrator", "management"])
    done(driver, commands.SetUser("anna", "other", []))
    assert driver.ask(commands.FindUser("anna")) == UserInfo("anna", "other", [])
    assert driver.ask(commands.FindUser("Anna")) == NoUser("Anna")
    driver.check()


def test_what_is_set_as_it_was_is_not_journalled(driver: Driver) -> None:
    same: list[Any] = [
        commands.SetHost("shop", "words", ["a"]),
        commands.SetPermission("anna", "/", ALL),
        commands.SetTopicPermission("anna", "/", "amq.topic", TOPIC),
    ]
    done(driver, *same)
    batches = len(driver.batches)
    done(driver, commands.SetUser("anna", "hash", ["administrator", "management"]), *same)
    assert len(driver.batches) == batches


def test_permissions_are_kept_by_user_and_virtual_host(driver: Driver) -> None:
    done(
        driver,
        commands.SetUser("ben", "", []),
        commands.SetHost("shop", "", []),
        commands.SetPermission("anna", "/", ALL),
        commands.SetPermission("anna", "shop", READ),
        commands.SetPermission("ben", "shop", ALL),
        commands.SetTopicPermission("ben", "shop", "t", TOPIC),
        commands.SetTopicPermission("ben", "shop", "u", TOPIC),
    )
    found = system(driver)
    assert found.permissions == [("anna", "/", ALL), ("anna", "shop", READ), ("ben", "shop", ALL)]
    assert found.topic_permissions == [("ben", "shop", "t", TOPIC), ("ben", "shop", "u", TOPIC)]
    driver.begin_checkpoint()
    done(driver, commands.ClearPermission("anna", "shop"), commands.ClearTopicPermission("ben", "shop", "u"))
    driver.publish_checkpoint()
    driver.restart()
    assert system(driver).permissions == [("anna", "/", ALL), ("ben", "shop", ALL)]
    assert system(driver).topic_permissions == [("ben", "shop", "t", TOPIC)]
    done(driver, commands.ClearTopicPermission("ben", "shop", None), commands.ClearTopicPermission("ben", "shop", None))
    assert system(driver).topic_permissions == []
    driver.check()


def test_a_deleted_user_leaves_no_permission_to_one_of_its_name(driver: Driver) -> None:
    done(driver, commands.SetPermission("anna", "/", ALL), commands.SetTopicPermission("anna", "/", "t", TOPIC))
    done(driver, commands.DeleteUser("anna"))
    assert driver.ask(commands.DeleteUser("anna")) == NoUser("anna")
    done(driver, commands.SetUser("anna", "hash", []))
    found = system(driver)
    assert (found.permissions, found.topic_permissions) == ([], [])
    assert driver.ask(commands.OpenConnection("/", "anna", "owner")) == HostAccessRefused("/", "anna")
    driver.check()


@pytest.mark.parametrize("host", ["/", "none"])
@pytest.mark.parametrize("user", ["anna", "none"])
def test_permissions_are_for_users_and_virtual_hosts_that_are_there(driver: Driver, user: str, host: str) -> None:
    before = pieces_of(driver.machine.state)
    asked: list[Any] = [
        commands.SetPermission(user, host, ALL),
        commands.ClearPermission(user, host),
        commands.SetTopicPermission(user, host, "t", TOPIC),
        commands.ClearTopicPermission(user, host, None),
    ]
    expected = NoUser(user) if user == "none" else HostDoesNotExist(host) if host == "none" else Done()
    assert [driver.ask(command) for command in asked] == [expected] * 4
    if expected != Done():
        assert pieces_of(driver.machine.state) == before


@pytest.mark.parametrize("pattern", ["*", "(", "a{2,1}", "x" * 1_025, "(" * 1_000])
@pytest.mark.parametrize("place", range(5))
def test_a_pattern_that_is_none(driver: Driver, pattern: str, place: int) -> None:
    given = ["", "", ""]
    given[place % 3] = pattern
    command: Any = commands.SetPermission("anna", "/", Permission(*given))
    if place >= 3:
        given = ["", ""]
        given[place - 3] = pattern
        command = commands.SetTopicPermission("anna", "/", "t", TopicPermission(*given))
    answer = driver.ask(command)
    assert isinstance(answer, InvalidPattern)
    assert answer.pattern == pattern
    assert system(driver).permissions == []


@pytest.mark.parametrize("name", ["", "x" * 256, "ä" * 128])
def test_names_that_cannot_be(driver: Driver, name: str) -> None:
    assert driver.ask(commands.SetUser(name, "", [])) == InvalidName("user", name)
    assert driver.ask(commands.SetUser("ben", "", ["a", name])) == InvalidName("tag", name)
    assert driver.ask(commands.SetHost(name, "", [])) == InvalidName("vhost", name)
    assert driver.ask(commands.SetHost("shop", "", [name])) == InvalidName("tag", name)
    given = commands.SetTopicPermission("anna", "/", name, TOPIC)
    assert driver.ask(given) == InvalidName("exchange", name)
    done(driver, commands.SetUser("ä" * 127, "", ["x" * 255]), commands.SetHost("ä" * 127, "", []))


def opened(driver: Driver, owner: str, host: str = "/", user: str = "anna") -> list[Any]:
    """A connection; what it is told from now on."""
    told: list[Any] = driver.channels.setdefault(owner, [])
    answer = driver.ask(commands.OpenConnection(host, user, owner))
    assert isinstance(answer, Granted), answer
    return told


def test_who_is_connected_hears_what_has_changed_for_it(driver: Driver) -> None:
    done(driver, commands.SetUser("ben", "", []), commands.SetHost("shop", "", []))
    for user, host in (("anna", "/"), ("anna", "shop"), ("ben", "/")):
        done(driver, commands.SetPermission(user, host, ALL))
    here, there, ben = opened(driver, "one"), opened(driver, "two", "shop"), opened(driver, "three", user="ben")
    tags = ["administrator", "management"]
    done(driver, commands.SetPermission("anna", "/", READ))
    assert (here, there, ben) == ([Granted(tags, READ, {})], [], [])
    done(driver, commands.SetTopicPermission("anna", "shop", "t", TOPIC))
    assert (here[1:], there, ben) == ([], [Granted(tags, ALL, {"t": TOPIC})], [])
    done(driver, commands.ClearTopicPermission("anna", "shop", "t"), commands.ClearPermission("anna", "/"))
    assert (here[1:], there[1:], ben) == ([Granted(tags, None, {})], [Granted(tags, ALL, {})], [])
    done(driver, commands.SetUser("anna", "hash", ["impersonator"]))
    assert here[2:] == [Granted(["impersonator"], None, {})]
    assert there[2:] == [Granted(["impersonator"], ALL, {})]
    assert ben == []


def test_who_has_left_hears_no_more(driver: Driver) -> None:
    done(driver, commands.SetPermission("anna", "/", ALL))
    told = opened(driver, "one")
    done(driver, CloseConnection("/", "one"))
    done(driver, commands.SetPermission("anna", "/", READ), commands.DeleteUser("anna"))
    assert told == []
    assert driver.machine.state.system.connections == {}


def test_a_deleted_users_connections_are_told(driver: Driver) -> None:
    done(driver, commands.SetUser("ben", "", []))
    done(driver, commands.SetPermission("anna", "/", ALL), commands.SetPermission("ben", "/", ALL))
    anna, ben = opened(driver, "one"), opened(driver, "two", user="ben")
    done(driver, commands.DeleteUser("anna"))
    assert (anna, ben) == ([Expelled("user", "anna")], [])
    done(driver, CloseConnection("/", "one"))
    assert list(driver.machine.state.system.connections) == ["two"]


def test_a_restart_forgets_connections_only(driver: Driver) -> None:
    done(driver, commands.SetPermission("anna", "/", ALL))
    opened(driver, "one")
    before = system(driver)
    driver.restart()
    assert system(driver) == before
    assert driver.machine.state.system.connections == {}
    assert driver.ask(commands.OpenConnection("/", "anna", "two")) == Granted(before.users[0].tags, ALL, {})
