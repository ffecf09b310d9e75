"""Commands on queues themselves: create, describe, change, purge, delete, tags, permissions."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from oncemq.core import commands
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.declaring import drop_queue
from oncemq.core.decide.governing import change_own, created
from oncemq.core.decide.lasting import emit_of_queue
from oncemq.core.host import Host
from oncemq.core.limits import PURGE_INTERVAL_MS, QUEUES_PER_HOST, TAGS_PER_QUEUE, VIRTUAL_HOSTS
from oncemq.core.outputs import Done, QueueInfo, QueueNames
from oncemq.core.policies import own
from oncemq.core.policy import checked, with_permission, without_permission
from oncemq.core.queue import Queue
from oncemq.core.records import (
    HostCreated,
    QueueChanged,
    QueueCreated,
    QueuePurged,
    QueueTagged,
)
from oncemq.core.refusals import (
    DeadLetterQueueDoesNotExist,
    DiskNearlyFull,
    InvalidSetting,
    NotForStandardQueues,
    PurgeInProgress,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueExists,
    RedriveNotAllowed,
    Refusal,
    TooManyQueues,
    TooManyTags,
)
from oncemq.core.settings import FIFO, STANDARD, Settings, changed
from oncemq.core.turn import Turn

FIFO_SETTINGS = ("content_based_deduplication", "deduplication_scope", "throughput_limit", "deduplication_window_ms")
FIXED_SETTINGS = ("kind", "deduplicates_by_group")

C = TypeVar("C", bound=commands.QueueCommand)
Handler = Callable[[Turn, Any, Any], None]


def on_queue(action: str) -> Callable[[Callable[[Turn, Host, Queue, C], Any]], Handler]:
    """Find the command's queue and ask its policy; the decision then only gives the answer."""

    def wrap(decision: Callable[[Turn, Host, Queue, C], Any]) -> Handler:
        def decide(turn: Turn, command: C, address: Any) -> None:
            found = turn.find(command)
            if found is None:
                turn.answer(address, QueueDoesNotExist(command.queue))
                return
            named = getattr(command, "action", action)
            refused = None if command.caller is None else refused_access(*found, command.caller, named)
            turn.answer(address, decision(turn, *found, command) if refused is None else refused)

        return decide

    return wrap


# Creating and changing ------------------------------------------------------------------------------------------


def create_queue(turn: Turn, command: commands.CreateQueue, address: Any) -> None:
    """Answers QueueInfo; a queue that is equal in all that the command names is answered as it is."""
    host = turn.state.hosts.get(command.host)
    queue = host.queues.get(command.queue) if host is not None else None
    if host is not None and queue is not None:
        other = _different_field(own(queue.settings), command.settings)
        answer = _info(queue) if other is None else QueueExists(command.queue, other)
        turn.answer(address, answer)
        return
    refused = _refused_creation(turn, host, command)
    if refused is not None:
        turn.answer(address, refused)
        return
    if host is None:
        turn.emit(HostCreated(turn.state.system.next_host, command.host))
        host = turn.state.hosts[command.host]
    settings = created(host, command.queue, command.settings)
    turn.emit(QueueCreated(host.number, host.next_queue, command.queue, settings, command.tags))
    turn.answer(address, _info(host.queues[command.queue]))


def _different_field(settings: Settings, wanted: dict[str, Any]) -> str | None:
    after = changed(settings, wanted)
    for field in wanted:
        if field == "text":
            for name in wanted["text"]:
                if after.text.get(name) != settings.text.get(name):
                    return str(name)
        elif getattr(after, field) != getattr(settings, field):
            return field
    return None


def _refused_creation(turn: Turn, host: Host | None, command: commands.CreateQueue) -> Refusal | None:
    if turn.state.nearly_full:
        return DiskNearlyFull(turn.state.free_bytes)
    if len(command.tags) > TAGS_PER_QUEUE:
        return TooManyTags(TAGS_PER_QUEUE)
    if host is None and len(turn.state.hosts) >= VIRTUAL_HOSTS:
        return TooManyQueues(VIRTUAL_HOSTS)
    if host is not None:
        if len(host.queues) >= QUEUES_PER_HOST:
            return TooManyQueues(QUEUES_PER_HOST)
        free_ms = host.deleted_ms.get(command.queue, 0) + turn.state.name_reuse_wait_ms
        if command.queue in host.deleted_ms and turn.now_ms < free_ms:
            return QueueDeletedRecently(command.queue, turn.state.name_reuse_wait_ms)
    return _refused_settings(turn, host, command.queue, changed(Settings(), command.settings), command.settings)


def _refused_settings(
    turn: Turn, host: Host | None, name: str, settings: Settings, changes: dict[str, Any]
) -> Refusal | None:
    """What the values of `changes` may not be, given the others and the other queues."""
    if settings.kind == STANDARD:
        for field in FIFO_SETTINGS:
            if field in changes and getattr(settings, field) != getattr(Settings(), field):
                return NotForStandardQueues(field)
    if settings.throughput_limit == "perMessageGroupId" and settings.deduplication_scope != "messageGroup":
        return InvalidSetting("throughput_limit", "perMessageGroupId needs the deduplication scope messageGroup")
    if changes.get("policy"):
        refused = checked(changes["policy"])
        if refused is not None:
            return refused
    if changes.get("dead_letter_queue") is not None:
        return _refused_dead_letter_queue(host, name, settings)
    return None


def _refused_dead_letter_queue(host: Host | None, name: str, settings: Settings) -> Refusal | None:
    target_name = settings.dead_letter_queue
    assert target_name is not None
    target = host.queues.get(target_name) if host is not None else None
    if target is None:
        return DeadLetterQueueDoesNotExist(target_name)
    if target_name == name:
        return InvalidSetting("dead_letter_queue", "a queue cannot be its own dead-letter queue")
    if target.settings.kind != settings.kind:
        kind = "FIFO" if settings.kind == FIFO else "standard"
        return InvalidSetting(
            "dead_letter_queue", f"the dead-letter queue of a {kind} queue must also be a {kind} queue"
        )
    allow = target.settings.redrive_allow
    if allow.permission == "denyAll" or (allow.permission == "byQueue" and name not in allow.sources):
        return RedriveNotAllowed(target_name)
    return None


@on_queue("SetQueueAttributes")
def change_queue(turn: Turn, host: Host, queue: Queue, command: commands.ChangeQueue) -> Done | Refusal:
    """All of the changes or none."""
    for field in FIXED_SETTINGS:
        if field in command.changes and command.changes[field] != getattr(queue.settings, field):
            return InvalidSetting(field, "it cannot be changed after the queue was created")
    settings = changed(own(queue.settings), command.changes)
    refused = _refused_settings(turn, host, queue.name, settings, command.changes)
    if refused is not None:
        return refused
    change_own(turn, host, queue, command.changes)
    return Done()


@on_queue("DeleteQueue")
def delete_queue(turn: Turn, host: Host, queue: Queue, command: commands.DeleteQueue) -> Done:
    """The queue and its messages are gone; who waited on it is told so."""
    drop_queue(turn, host, queue)
    return Done()


@on_queue("PurgeQueue")
def purge_queue(turn: Turn, host: Host, queue: Queue, command: commands.PurgeQueue) -> Done | Refusal:
    """All messages and remembered deduplication ids go; once in 60 s."""
    if queue.purged_ms is not None and turn.now_ms < queue.purged_ms + PURGE_INTERVAL_MS:
        return PurgeInProgress(queue.name)
    emit_of_queue(turn, QueuePurged(host.number, queue.number))
    return Done()


# Tags and permissions -------------------------------------------------------------------------------------------


@on_queue("TagQueue")
def tag_queue(turn: Turn, host: Host, queue: Queue, command: commands.TagQueue) -> Done | Refusal:
    """Tags of the same key are written over."""
    tags = {**queue.tags, **command.tags}
    if len(tags) > TAGS_PER_QUEUE:
        return TooManyTags(TAGS_PER_QUEUE)
    emit_of_queue(turn, QueueTagged(host.number, queue.number, tags))
    return Done()


@on_queue("UntagQueue")
def untag_queue(turn: Turn, host: Host, queue: Queue, command: commands.UntagQueue) -> Done:
    """Keys that are not there do not matter."""
    tags = {key: value for key, value in queue.tags.items() if key not in command.keys}
    emit_of_queue(turn, QueueTagged(host.number, queue.number, tags))
    return Done()


@on_queue("AddPermission")
def add_permission(turn: Turn, host: Host, queue: Queue, command: commands.AddPermission) -> Done | Refusal:
    """One statement more in the policy."""
    policy = queue.settings.policy
    after = with_permission(policy, command.label, command.accounts, command.actions, command.resource)
    return _set_policy(turn, host, queue, after)


@on_queue("RemovePermission")
def remove_permission(turn: Turn, host: Host, queue: Queue, command: commands.RemovePermission) -> Done | Refusal:
    """One statement less."""
    return _set_policy(turn, host, queue, without_permission(queue.settings.policy, command.label))


def _set_policy(turn: Turn, host: Host, queue: Queue, policy: str | Refusal) -> Done | Refusal:
    if isinstance(policy, Refusal):
        return policy
    changes = {"policy": policy, "text": {"Policy": policy or None}}
    emit_of_queue(turn, QueueChanged(host.number, queue.number, changes))
    return Done()


# Reading --------------------------------------------------------------------------------------------------------


def _info(queue: Queue) -> QueueInfo:
    return QueueInfo(
        queue.name,
        queue.number,
        queue.settings,
        queue.tags,
        queue.created_ms,
        queue.changed_ms,
        queue.ready,
        queue.leased,
        queue.delayed,
    )


@on_queue("GetQueueAttributes")
def describe_queue(turn: Turn, host: Host, queue: Queue, command: commands.DescribeQueue) -> QueueInfo:
    """The queue as it stands."""
    return _info(queue)


def list_queues(turn: Turn, command: commands.ListQueues, address: Any) -> None:
    """Answers QueueNames."""
    names = [queue.name for queue in turn.queues(command.host) if queue.name.startswith(command.prefix)]
    turn.answer(address, _page(names, command.after, command.maximum))


@on_queue("ListDeadLetterSourceQueues")
def list_dead_letter_sources(
    turn: Turn, host: Host, queue: Queue, command: commands.ListDeadLetterSources
) -> QueueNames:
    """The queues that name this one."""
    queues = turn.queues(command.host)
    names = [
        each.name for each in queues if queue.name in (each.settings.dead_letter_queue, each.settings.redrive_queue)
    ]
    return _page(names, command.after, command.maximum)


def _page(names: Sequence[str], after: str, maximum: int) -> QueueNames:
    following = [name for name in names if name > after]
    return QueueNames(following[:maximum], len(following) > maximum)
