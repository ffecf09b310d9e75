"""Move tasks: messages from a dead-letter queue back to where they came from, or elsewhere, at a rate.

A moved message is a new one: new number, counts at 0, sent now (Amazon SQS). What is in flight or delayed stays.
"""

from typing import Any

from oncemq.core import timers
from oncemq.core.commands import CancelMoveTask, ListMoveTasks, StartMoveTask
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.moving import move
from oncemq.core.host import Host
from oncemq.core.limits import MOVE_TASK_RATE_DEFAULT, MOVE_TASK_STEP_MS, TIMER_BUCKET_MS
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT, TRANSIENT_QUEUE, MoveTask
from oncemq.core.outputs import MoveTaskInfo, MoveTasks
from oncemq.core.queue import Queue
from oncemq.core.records import MoveTaskEnded, MoveTaskStarted
from oncemq.core.refusals import (
    InvalidSetting,
    MoveDestinationUnknown,
    MoveTaskDoesNotExist,
    MoveTaskNotRunning,
    MoveTaskRunning,
    NotADeadLetterQueue,
    QueueDoesNotExist,
    Refusal,
)
from oncemq.core.turn import Turn

RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"


def start_move_task(turn: Turn, command: StartMoveTask, address: Any) -> None:
    """Answers MoveTaskInfo."""
    found = turn.find(command)
    if found is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return
    host, source = found
    refused = _refused_start(turn, host, source, command)
    if refused is not None:
        turn.answer(address, refused)
        return
    destination = host.queues[command.destination].number if command.destination is not None else 0
    rate = command.rate_per_second or MOVE_TASK_RATE_DEFAULT
    passing = max(source.number, destination) >= TRANSIENT_QUEUE
    number = host.next_transient_task if passing else host.next_task
    given = command.rate_per_second is not None
    _emit(turn, MoveTaskStarted(host.number, number, source.number, destination, rate, given, source.ready))
    turn.answer(address, _info(host.tasks[number]))


def _refused_start(turn: Turn, host: Host, source: Queue, command: StartMoveTask) -> Refusal | None:
    if command.caller is not None:
        refused = refused_access(host, source, command.caller, "StartMessageMoveTask")
        if refused is not None:
            return refused
    if not any(
        source.name in (queue.settings.dead_letter_queue, queue.settings.redrive_queue)
        for queue in host.queues.values()
    ):
        return NotADeadLetterQueue(source.name)
    if command.destination is not None:
        destination = host.queues.get(command.destination)
        if destination is None:
            return MoveDestinationUnknown(command.destination)
        if destination.fifo != source.fifo:
            return InvalidSetting("destination", "source and destination must both be standard or both be FIFO queues")
        if destination is source:
            return InvalidSetting("destination", "source and destination are the same queue")
    if any(task.source == source.number and task.status == RUNNING for task in host.tasks.values()):
        return MoveTaskRunning(source.name)
    return None


def cancel_move_task(turn: Turn, command: CancelMoveTask, address: Any) -> None:
    """Answers MoveTaskInfo."""
    host = turn.state.hosts.get(command.host)
    task = host.tasks.get(command.task) if host is not None else None
    if host is None or task is None:
        turn.answer(address, MoveTaskDoesNotExist(command.task))
        return
    source = host.queues_by_number.get(task.source)
    refused: Refusal | None = None
    if command.caller is not None and source is not None:
        refused = refused_access(host, source, command.caller, "CancelMessageMoveTask")
    if refused is None and task.status != RUNNING:
        refused = MoveTaskNotRunning(command.task, task.status)
    if refused is not None:
        turn.answer(address, refused)
        return
    _emit(turn, MoveTaskEnded(host.number, task.number, CANCELLED, None))
    turn.answer(address, _info(task))


def list_move_tasks(turn: Turn, command: ListMoveTasks, address: Any) -> None:
    """Answers MoveTasks."""
    found = turn.find(command)
    if found is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return
    host, source = found
    refused = None
    if command.caller is not None:
        refused = refused_access(host, source, command.caller, "ListMessageMoveTasks")
    tasks = [task for task in host.tasks.values() if task.source == source.number]
    newest = sorted(tasks, key=lambda task: -task.number)[: command.maximum]
    turn.answer(address, refused or MoveTasks([_info(task) for task in newest]))


def end_tasks_of(turn: Turn, host: Host, queue: Queue, status: str, failure: str | None) -> None:
    """The tasks that need this queue end."""
    for task in list(host.tasks.values()):
        if task.status == RUNNING and queue.number in (task.source, task.destination):
            _emit(turn, MoveTaskEnded(host.number, task.number, status, failure))


def _emit(turn: Turn, record: MoveTaskStarted | MoveTaskEnded) -> None:
    """A task ends with the server if one of its queues does."""
    (turn.emit if record.task < TRANSIENT_QUEUE else turn.emit_transient)(record)


def step_move_task(turn: Turn, host: Host, source: Queue, number: int) -> None:
    """Move as many as the rate allows since the last step, and look again later."""
    task = host.tasks.get(number)
    if task is None or task.status != RUNNING:
        return
    per_step = -(-task.rate_per_second * (MOVE_TASK_STEP_MS + TIMER_BUCKET_MS) // 1000)
    earned = (turn.now_ms - task.started_ms) * task.rate_per_second // 1000 + 1 - task.moved
    failure = _move_some(turn, host, source, task, min(per_step, earned))
    if failure is not None:
        _emit(turn, MoveTaskEnded(host.number, task.number, FAILED, failure))
    elif not source.ready:
        _emit(turn, MoveTaskEnded(host.number, task.number, COMPLETED, None))
    else:
        earned_ms = task.started_ms - (-task.moved * 1000 // task.rate_per_second)
        due_ms = max(turn.now_ms + MOVE_TASK_STEP_MS, earned_ms)
        turn.state.timers.add(due_ms, host.number, source.number, timers.MOVE_TASK, number)


def _move_some(turn: Turn, host: Host, source: Queue, task: MoveTask, room: int) -> str | None:
    """Returns why the task failed, if it did."""
    while room > 0 and source.ready:
        entries = source.order.peek(room, turn.now_ms)
        failure = _move(turn, host, source, task, entries)
        if failure is not None or not entries:
            return failure
        room -= len(entries)
    return None


def _move(turn: Turn, host: Host, source: Queue, task: MoveTask, entries: list[int]) -> str | None:
    """Returns why the task failed, if it did."""
    by_target: dict[int, list[int]] = {}
    failure = None
    for entry in entries:
        target = _target(host, source, task, entry)
        if target is None:
            failure = "CouldNotDetermineMessageSource"
            break
        by_target.setdefault(target.number, []).append(entry)
    for number, moving in by_target.items():
        target = host.queues_by_number[number]
        move(turn, host, source, target, moving, kept=False, task=task.number)
        if target.awaited:
            turn.wake(host, target)
    return failure


def _target(host: Host, source: Queue, task: MoveTask, entry: int) -> Queue | None:
    if task.destination:
        return host.queues_by_number.get(task.destination)
    column = source.blocks[entry >> BLOCK_SHIFT].source
    label = column[entry & BLOCK_MASK] if column is not None else 0
    return host.queues.get(source.sources[label - 1]) if label else None


def _info(task: MoveTask) -> MoveTaskInfo:
    return MoveTaskInfo(
        task.number,
        task.source_name,
        task.destination_name,
        task.rate_per_second if task.rate_given else None,
        task.status,
        task.moved,
        task.to_move,
        task.failure,
        task.started_ms,
    )
