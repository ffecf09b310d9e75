"""StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks: dead-lettered messages on their way back."""

from functools import partial

from oncemq.core import commands
from oncemq.core.outputs import MoveTaskInfo, MoveTasks, Output
from oncemq.core.refusals import QueueDoesNotExist, Refusal
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_NOT_FOUND,
    Rejected,
    SqsError,
    invalid_parameter,
    missing_parameter,
)
from oncemq.protocols.sqs.handles import HostIdentity, read_task_handle
from oncemq.protocols.sqs.limits import MOVE_TASK_RATE_MAXIMUM, MOVE_TASKS_LISTED
from oncemq.protocols.sqs.refused import error_of_request
from oncemq.protocols.sqs.requests import Request
from oncemq.protocols.sqs.responses import (
    CancelMessageMoveTaskResult,
    ListMessageMoveTasksResult,
    ListMessageMoveTasksResultEntry,
    StartMessageMoveTaskResult,
)
from oncemq.protocols.sqs.urls import Place, QueuePlace


def start_message_move_task(call: Call, request: requests.StartMessageMoveTask) -> Asked:
    """StartMessageMoveTask: answers the task's handle."""
    source = _queue(call, request.source_arn, "SourceArn")
    destination = None
    if request.destination_arn:
        found = _queue(call, request.destination_arn, "DestinationArn")
        if found.place.host != source.place.host:
            raise not_found("DestinationArn")
        destination = found.queue
    rate = request.max_number_of_messages_per_second
    if rate is not None and not 1 <= rate <= MOVE_TASK_RATE_MAXIMUM:
        reason = f"It must be between 1 and {MOVE_TASK_RATE_MAXIMUM}."
        raise invalid_parameter(rate, "MaxNumberOfMessagesPerSecond", reason)
    command = commands.StartMoveTask(source.place.host, source.queue, call.caller, destination, rate)
    return command, partial(_started, call.ids(source.place), source.place)


def _started(ids: HostIdentity, place: Place, output: Output) -> StartMessageMoveTaskResult:
    assert isinstance(output, MoveTaskInfo)
    return StartMessageMoveTaskResult(ids.task_handle(output.task, place.arn(output.source)))


def cancel_message_move_task(call: Call, request: requests.CancelMessageMoveTask) -> Asked:
    """CancelMessageMoveTask: answers how many messages had been moved."""
    if not request.task_handle:
        raise missing_parameter("TaskHandle")
    handle = read_task_handle(request.task_handle)
    if handle is None:
        raise Rejected(INVALID_PARAMETER_VALUE, "Value for parameter TaskHandle is invalid.")
    source = call.addresses.queue_of_arn(handle.sourceArn)
    if source is None:
        raise not_found("SourceArn")
    task = call.ids(source.place).task(handle.taskId)
    if task is None:
        raise Rejected(RESOURCE_NOT_FOUND, "Task does not exist.")
    return commands.CancelMoveTask(source.place.host, task, call.caller), _cancelled


def _cancelled(output: Output) -> CancelMessageMoveTaskResult:
    assert isinstance(output, MoveTaskInfo)
    return CancelMessageMoveTaskResult(output.moved)


def list_message_move_tasks(call: Call, request: requests.ListMessageMoveTasks) -> Asked:
    """ListMessageMoveTasks: the newest first; one unless MaxResults asks for up to ten."""
    source = _queue(call, request.source_arn, "SourceArn")
    maximum = 1 if request.max_results is None else request.max_results
    if not 1 <= maximum <= MOVE_TASKS_LISTED:
        raise invalid_parameter(maximum, "MaxResults", f"It must be between 1 and {MOVE_TASKS_LISTED}.")
    command = commands.ListMoveTasks(source.place.host, source.queue, call.caller, maximum)
    return command, partial(_listed, call.ids(source.place), source.place)


def _listed(ids: HostIdentity, place: Place, output: Output) -> ListMessageMoveTasksResult:
    assert isinstance(output, MoveTasks)
    return ListMessageMoveTasksResult([_entry(ids, place, task) for task in output.tasks])


def _entry(ids: HostIdentity, place: Place, task: MoveTaskInfo) -> ListMessageMoveTasksResultEntry:
    source_arn = place.arn(task.source)
    return ListMessageMoveTasksResultEntry(
        task.status,
        source_arn,
        task.moved,
        task.started_ms,
        ids.task_handle(task.task, source_arn) if task.status == "RUNNING" else None,
        None if task.destination is None else place.arn(task.destination),
        task.rate_per_second,
        task.to_move,
        task.failure,
    )


def _queue(call: Call, arn: str | None, parameter: str) -> QueuePlace:
    if not arn:
        raise missing_parameter(parameter)
    found = call.addresses.queue_of_arn(arn)
    if found is None:
        raise invalid_parameter(arn, parameter, "It is not the ARN of a queue.")
    return found


def not_found(parameter: str) -> Rejected:
    """ResourceNotFoundException, worded as AWS does."""
    return Rejected(RESOURCE_NOT_FOUND, f"The resource that you specified for the {parameter} parameter doesn't exist.")


def error_of_move(refusal: Refusal, request: Request) -> SqsError:
    """The error of a refused move task: a queue that is not there is a resource not found."""
    if isinstance(refusal, QueueDoesNotExist):
        return not_found("SourceArn").error
    return error_of_request(refusal, request)
