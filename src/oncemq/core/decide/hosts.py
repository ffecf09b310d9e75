"""Virtual hosts: made, described, deleted, and connections to them."""

from typing import Any

from oncemq.core import routed_commands
from oncemq.core import system_commands as commands
from oncemq.core.decide.users import granted, refused_name
from oncemq.core.limits import VIRTUAL_HOSTS
from oncemq.core.outputs import Done
from oncemq.core.records import HostCreated
from oncemq.core.refusals import QueueDoesNotExist
from oncemq.core.system_outputs import Expelled
from oncemq.core.system_records import HostDeleted, HostDescribed
from oncemq.core.system_refusals import HostAccessRefused, HostDoesNotExist, TooManyHosts
from oncemq.core.turn import Turn


def set_host(turn: Turn, command: commands.SetHost, address: Any) -> None:
    """Answers Done."""
    tags = sorted(dict.fromkeys(command.tags))
    refused = refused_name("vhost", command.host)
    for tag in tags:
        refused = refused or refused_name("tag", tag)
    host = turn.state.hosts.get(command.host)
    if refused is None and host is None and len(turn.state.hosts) >= VIRTUAL_HOSTS:
        refused = TooManyHosts(VIRTUAL_HOSTS)
    if refused is not None:
        turn.answer(address, refused)
        return
    if host is None:
        turn.emit(HostCreated(turn.state.system.next_host, command.host, command.description, tags))
    elif (host.description, host.tags) != (command.description, tags):
        turn.emit(HostDescribed(host.number, command.description, tags))
    turn.answer(address, Done())


def delete_host(turn: Turn, command: commands.DeleteHost, address: Any) -> None:
    """Answers Done. Those who wait and those who are connected are told; what they ask yet finds no virtual host."""
    host = turn.state.hosts.get(command.host)
    if host is None:
        turn.answer(address, HostDoesNotExist(command.host))
        return
    for waiting in host.parked_at.values():
        turn.answer(waiting.address, QueueDoesNotExist(host.queues_by_number[waiting.queue].name))
    turn.emit(HostDeleted(host.number))
    connections = turn.state.system.connections
    for owner in [each for each, (_, number) in connections.items() if number == host.number]:
        del connections[owner]
        turn.answer(owner, Expelled("vhost", host.name))
    turn.answer(address, Done())


def open_connection(turn: Turn, command: commands.OpenConnection, address: Any) -> None:
    """Answers Granted."""
    host, user = turn.state.hosts.get(command.host), turn.state.users.get(command.user)
    if host is None:
        turn.answer(address, HostDoesNotExist(command.host))
    elif user is None or host.number not in user.permissions:
        turn.answer(address, HostAccessRefused(command.host, command.user))
    else:
        turn.state.system.connections[command.owner] = (user.number, host.number)
        turn.answer(address, granted(user, host.number))


def without_host(turn: Turn, command: routed_commands.HostCommand, address: Any) -> None:
    """A command on a virtual host that is not there, or not any more: to end is all that can be done in it."""
    if address is None:
        return
    ends = isinstance(command, routed_commands.CloseChannel | routed_commands.CloseConnection)
    turn.answer(address, Done() if ends else HostDoesNotExist(command.host))
