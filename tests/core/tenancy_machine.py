"""Asks the core and a few dictionaries the same of users, virtual hosts, permissions and connections, at random, with
checkpoints and restarts in between.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from oncemq.core import commands
from oncemq.core import system_commands as system
from oncemq.core.outputs import Done
from oncemq.core.routed_commands import CloseConnection
from oncemq.core.system_outputs import Expelled, Granted
from oncemq.core.system_refusals import HostAccessRefused, HostDoesNotExist, UserDoesNotExist
from oncemq.core.user import Permission, TopicPermission
from tests.core.driver import Driver, message

users = st.sampled_from(["anna", "ben", "carl"])
hosts = st.sampled_from(["/", "shop", "111122223333/eu-west-1"])
exchanges = st.sampled_from(["t", "u"])
patterns = st.sampled_from(["", ".*", "^a"])
owners = st.sampled_from(["one", "two", "three"])


class TenancyMachine(RuleBasedStateMachine):
    """What is expected stands in dictionaries by name."""

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver()
        self.users: dict[str, tuple[str, list[str]]] = {}
        self.hosts: dict[str, str] = {"/": ""}
        self.permissions: dict[tuple[str, str], Permission] = {}
        self.topics: dict[tuple[str, str], dict[str, TopicPermission]] = {}
        self.connections: dict[str, tuple[str, str]] = {}
        self.queues: dict[str, int] = {}
        self.told: dict[str, list[Any]] = {}
        for owner in ("one", "two", "three"):
            self.driver.channels[owner] = self.told[owner] = []

    def missing(self, user: str, host: str) -> Any:
        if user not in self.users:
            return UserDoesNotExist(user)
        return HostDoesNotExist(host) if host not in self.hosts else None

    def granted(self, user: str, host: str) -> Granted:
        return Granted(self.users[user][1], self.permissions.get((user, host)), self.topics.get((user, host), {}))

    def tell(self, user: str, only_host: str | None = None) -> None:
        for owner, (name, host) in self.connections.items():
            if name == user and only_host in (None, host):
                assert self.told[owner].pop(0) == self.granted(user, host)

    def expel(self, what: str, name: str) -> None:
        for owner, belongs in list(self.connections.items()):
            if belongs[what == "vhost"] == name:
                assert self.told[owner].pop(0) == Expelled(what, name)
                del self.connections[owner]

    @rule(user=users, password_hash=st.sampled_from(["", "h"]), tags=st.sampled_from([[], ["administrator"]]))
    def set_user(self, user: str, password_hash: str, tags: list[str]) -> None:
        assert self.driver.ask(system.SetUser(user, password_hash, tags)) == Done()
        before = self.users.get(user)
        self.users[user] = (password_hash, tags)
        if before is not None and before != self.users[user]:
            self.tell(user)

    @rule(user=users)
    def delete_user(self, user: str) -> None:
        answer = self.driver.ask(system.DeleteUser(user))
        assert answer == (Done() if user in self.users else UserDoesNotExist(user))
        if self.users.pop(user, None) is not None:
            self.permissions = {key: it for key, it in self.permissions.items() if key[0] != user}
            self.topics = {key: it for key, it in self.topics.items() if key[0] != user}
            self.expel("user", user)

    @rule(host=hosts, description=st.sampled_from(["", "words"]))
    def set_host(self, host: str, description: str) -> None:
        assert self.driver.ask(system.SetHost(host, description, [])) == Done()
        self.hosts[host] = description

    @rule(host=hosts)
    def delete_host(self, host: str) -> None:
        answer = self.driver.ask(system.DeleteHost(host))
        assert answer == (Done() if host in self.hosts else HostDoesNotExist(host))
        if self.hosts.pop(host, None) is not None:
            self.queues.pop(host, None)
            self.permissions = {key: it for key, it in self.permissions.items() if key[1] != host}
            self.topics = {key: it for key, it in self.topics.items() if key[1] != host}
            self.expel("vhost", host)

    @rule(host=hosts)
    def send(self, host: str) -> None:
        """Through the SQS door, which makes the virtual host if there is none."""
        self.driver.ask(commands.CreateQueue(host, "q", None, {}, {}))
        self.driver.ask(commands.SendMessages(host, "q", None, [message()]))
        self.hosts.setdefault(host, "")
        self.queues[host] = self.queues.get(host, 0) + 1

    @rule(user=users, host=hosts, configure=patterns, write=patterns)
    def set_permission(self, user: str, host: str, configure: str, write: str) -> None:
        given = Permission(configure, write, "")
        answer = self.driver.ask(system.SetPermission(user, host, given))
        assert answer == (self.missing(user, host) or Done())
        if answer == Done() and self.permissions.get((user, host)) != given:
            self.permissions[user, host] = given
            self.tell(user, host)

    @rule(user=users, host=hosts)
    def clear_permission(self, user: str, host: str) -> None:
        assert self.driver.ask(system.ClearPermission(user, host)) == (self.missing(user, host) or Done())
        if self.permissions.pop((user, host), None) is not None:
            self.tell(user, host)

    @rule(user=users, host=hosts, exchange=exchanges, write=patterns)
    def set_topic_permission(self, user: str, host: str, exchange: str, write: str) -> None:
        given = TopicPermission(write, "")
        answer = self.driver.ask(system.SetTopicPermission(user, host, exchange, given))
        assert answer == (self.missing(user, host) or Done())
        if answer == Done() and self.topics.get((user, host), {}).get(exchange) != given:
            self.topics.setdefault((user, host), {})[exchange] = given
            self.tell(user, host)

    @rule(user=users, host=hosts, exchange=st.none() | exchanges)
    def clear_topic_permission(self, user: str, host: str, exchange: str | None) -> None:
        answer = self.driver.ask(system.ClearTopicPermission(user, host, exchange))
        assert answer == (self.missing(user, host) or Done())
        there = self.topics.get((user, host), {})
        going = [each for each in there if exchange in (None, each)]
        for each in going:
            del there[each]
        if going:
            self.tell(user, host)

    @rule(owner=owners, user=users, host=hosts)
    def open(self, owner: str, user: str, host: str) -> None:
        if owner in self.connections:
            return
        answer = self.driver.ask(system.OpenConnection(host, user, owner))
        if host not in self.hosts:
            assert answer == HostDoesNotExist(host)
        elif (user, host) not in self.permissions:
            assert answer == HostAccessRefused(host, user)
        else:
            assert answer == self.granted(user, host)
            self.connections[owner] = (user, host)

    @rule(owner=owners)
    def close(self, owner: str) -> None:
        _, host = self.connections.pop(owner, ("", "/"))
        assert self.driver.ask(CloseConnection(host, owner)) == Done()

    @rule()
    def restart(self) -> None:
        self.driver.restart()
        self.connections.clear()

    @rule()
    def checkpoint(self) -> None:
        if self.driver.checkpoint_under_way:
            self.driver.publish_checkpoint()
        else:
            self.driver.begin_checkpoint()
            self.driver.gather(2)

    @invariant()
    def all_is_as_expected(self) -> None:
        found = self.driver.ask(system.DescribeSystem())
        assert {user.name: (user.password_hash, user.tags) for user in found.users} == self.users
        assert {host.name: host.description for host in found.hosts} == self.hosts
        assert {(user, host): given for user, host, given in found.permissions} == self.permissions
        topics: dict[tuple[str, str], dict[str, TopicPermission]] = {}
        for user, host, exchange, given in found.topic_permissions:
            topics.setdefault((user, host), {})[exchange] = given
        assert topics == {key: of_host for key, of_host in self.topics.items() if of_host}
        assert not any(self.told.values()), self.told
        for host in self.hosts:
            state = self.driver.host(host)
            assert state.messages.live == self.queues.get(host, 0)
        self.driver.check()
