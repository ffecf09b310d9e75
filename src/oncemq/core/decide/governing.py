"""Policies set and cleared, and what follows of them for queues and exchanges: at once, and in the same batch."""

from typing import Any

import msgspec

from oncemq.core import policies
from oncemq.core import routed_commands as commands
from oncemq.core.decide.lasting import emit_of_queue
from oncemq.core.decide.unused import used
from oncemq.core.exchange import Exchange
from oncemq.core.host import Host
from oncemq.core.limits import POLICIES_PER_HOST
from oncemq.core.model import TRANSIENT_QUEUE
from oncemq.core.outputs import Done
from oncemq.core.policies import ALTERNATE_EXCHANGE, Policy, deciding, governed, kind_of, own
from oncemq.core.queue import Queue
from oncemq.core.records import ExchangeGoverned, PolicyCleared, PolicySet, QueueChanged
from oncemq.core.refusals import Refusal
from oncemq.core.routed_outputs import Policies
from oncemq.core.routed_refusals import PolicyDoesNotExist, TooManyPolicies
from oncemq.core.settings import Settings, changed
from oncemq.core.turn import Turn


def set_policy(turn: Turn, command: commands.SetPolicy, address: Any) -> None:
    """Answers Done. One of the same name is written over."""
    host = turn.state.hosts[command.host]
    refused = _refused(host, command.policy)
    if refused is None:
        _set(turn, host, command.policy)
    turn.answer(address, refused or Done())


def _refused(host: Host, policy: Policy) -> Refusal | None:
    table = _table(host, policy.operator)
    if policy.name not in table and len(table) >= POLICIES_PER_HOST:
        return TooManyPolicies(POLICIES_PER_HOST)
    return policies.invalid(policy)


def clear_policy(turn: Turn, command: commands.ClearPolicy, address: Any) -> None:
    """Answers Done."""
    host = turn.state.hosts[command.host]
    if command.name not in _table(host, command.operator):
        turn.answer(address, PolicyDoesNotExist(command.name))
    else:
        _clear(turn, host, command.name, command.operator)
        turn.answer(address, Done())


def list_policies(turn: Turn, command: commands.ListPolicies, address: Any) -> None:
    """Answers Policies."""
    host = turn.state.hosts[command.host]
    turn.answer(address, Policies(list(_table(host, command.operator).values())))


def configure_policies(turn: Turn, command: commands.ConfigurePolicies, address: Any) -> None:
    """Answers nothing. The policies of the file are set; those that it no longer has are cleared."""
    for host in turn.state.hosts.values():
        _configure(turn, host, command.policies.get(host.name, []))


def _configure(turn: Turn, host: Host, given: list[Policy]) -> None:
    wanted = [msgspec.structs.replace(policy, configured=True) for policy in given]
    kept = [(policy.name, policy.operator) for policy in wanted]
    for table in (host.policies, host.operator_policies):
        for policy in list(table.values()):
            if policy.configured and (policy.name, policy.operator) not in kept:
                _clear(turn, host, policy.name, policy.operator)
    for policy in wanted:
        assert policies.invalid(policy) is None, "whoever reads the file has checked it"
        _set(turn, host, policy)


def _table(host: Host, operator: bool) -> dict[str, Policy]:
    return host.operator_policies if operator else host.policies


def _set(turn: Turn, host: Host, policy: Policy) -> None:
    before = _table(host, policy.operator).get(policy.name)
    if before != policy:
        turn.emit(PolicySet(host.number, policy))
        _follow(turn, host, [each for each in (before, policy) if each is not None])


def _clear(turn: Turn, host: Host, name: str, operator: bool) -> None:
    before = _table(host, operator)[name]
    turn.emit(PolicyCleared(host.number, name, operator))
    _follow(turn, host, [before])


def _follow(turn: Turn, host: Host, touched: list[Policy]) -> None:
    """All that these policies are for is looked at anew."""
    for queue in list(host.queues.values()):
        kind = kind_of(queue.settings)
        if any(policy.fits(queue.name, kind) for policy in touched):
            change_own(turn, host, queue, {})
    for exchange in list(host.exchanges.values()):
        if any(policy.fits(exchange.name, "exchanges") for policy in touched):
            govern_exchange(turn, host, exchange)


# Queues ---------------------------------------------------------------------------------------------------------


def created(host: Host, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a new queue is made with: what it is given, and what policies do to that."""
    if not host.policies and not host.operator_policies:
        return settings
    given = changed(Settings(), settings)
    return settings | _differences(given, _governed(host, name, given))


def change_own(turn: Turn, host: Host, queue: Queue, changes: dict[str, Any]) -> None:
    """A queue's own settings change, or the policies that it is under: everything in use is unharmed, and what is too
    much now goes.
    """
    before = queue.settings
    wanted = _governed(host, queue.name, changed(own(before), changes))
    differences = changes | _differences(changed(before, changes), wanted)
    if not differences:
        return
    emit_of_queue(turn, QueueChanged(host.number, queue.number, differences))
    if queue.settings.expires_ms != before.expires_ms:
        queue.unused_due_ms = 0
        used(turn, queue)
    turn.wake(host, queue)


def _governed(host: Host, name: str, settings: Settings) -> Settings:
    kind = kind_of(settings)
    return governed(settings, deciding(host.policies, name, kind), deciding(host.operator_policies, name, kind))


def _differences(before: Settings, after: Settings) -> dict[str, Any]:
    return {
        field: getattr(after, field)
        for field in Settings.__struct_fields__
        if field != "text" and getattr(after, field) != getattr(before, field)
    }


# Exchanges ------------------------------------------------------------------------------------------------------


def govern_exchange(turn: Turn, host: Host, exchange: Exchange) -> None:
    """Its alternate exchange, unless it was declared with one."""
    policy = deciding(host.policies, exchange.name, "exchanges")
    name = policy.name if policy is not None else None
    alternate = policy.definition.get(ALTERNATE_EXCHANGE) if policy is not None else None
    if (name, alternate) != (exchange.traits.get("policy_name"), exchange.traits.get("policy_alternate")):
        governed_by = ExchangeGoverned(host.number, exchange.number, name, alternate)
        (turn.emit if exchange.number < TRANSIENT_QUEUE else turn.emit_transient)(governed_by)
