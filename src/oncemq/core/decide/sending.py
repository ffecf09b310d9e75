"""SendMessages: into the queue, or refused one by one."""

from hashlib import sha256
from typing import Any

from oncemq.core.commands import NewMessage, SendMessages
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.lasting import next_message, publish
from oncemq.core.decide.room import fitting
from oncemq.core.decide.routing import place_in
from oncemq.core.deduplication import digest
from oncemq.core.host import Host
from oncemq.core.outputs import Sent, SentMessage
from oncemq.core.queue import Queue
from oncemq.core.refusals import (
    DeduplicationRequired,
    DelayNotForFifo,
    DiskNearlyFull,
    GroupRequired,
    MessageTooLarge,
    NotForStandardQueues,
    QueueDoesNotExist,
    QueueFull,
    Refusal,
)
from oncemq.core.turn import Turn

PRIORITY = 0
"""Of all that comes through SQS."""


def send_messages(turn: Turn, command: SendMessages, address: Any) -> None:
    """Answers Sent. Messages that need nothing of their own go as runs, one record each run."""
    found = turn.find(command)
    if found is None:
        turn.answer(address, QueueDoesNotExist(command.queue))
        return
    host, queue = found
    if turn.state.nearly_full:
        turn.answer(address, DiskNearlyFull(turn.state.free_bytes))
        return
    if turn.state.short_of_memory is not None:
        turn.answer(address, turn.state.short_of_memory)
        return
    if command.caller is not None:
        refused = refused_access(host, queue, command.caller, "SendMessage")
        if refused is not None:
            turn.answer(address, refused)
            return
    if queue.fifo:
        if _lacks_deduplication(queue, command.messages):
            turn.answer(address, DeduplicationRequired())  # for the whole batch, as on SQS
            return
        results = [_send_in_group(turn, host, queue, message) for message in command.messages]
    else:
        results = _send_standard(turn, host, queue, command)
    turn.answer(address, Sent(results))
    if queue.awaited or queue.settings.bounded:
        turn.wake(host, queue)


def _send_standard(turn: Turn, host: Host, queue: Queue, command: SendMessages) -> list[SentMessage | Refusal]:
    results: list[SentMessage | Refusal] = []
    room = fitting(queue, [message.content for message in command.messages])
    run: list[NewMessage] = []
    maximum_bytes = queue.settings.maximum_message_bytes
    for message in command.messages:
        if message.size_bytes > maximum_bytes:
            results.append(MessageTooLarge(maximum_bytes))
        elif message.deduplication is not None:
            results.append(NotForStandardQueues("deduplication"))
        elif room <= 0:
            results.append(QueueFull(queue.name))
        else:
            room -= 1
            if run and (message.delay_ms != run[0].delay_ms or message.group != run[0].group):
                _publish_run(turn, host, queue, run)
                run = []
            results.append(SentMessage(next_message(host, queue) + len(run), False))
            run.append(message)
    if run:
        _publish_run(turn, host, queue, run)
    return results


def _publish_run(turn: Turn, host: Host, queue: Queue, run: list[NewMessage]) -> None:
    delay_ms = run[0].delay_ms
    if delay_ms is None:
        delay_ms = queue.settings.delay_ms
    contents = [message.content for message in run]
    _publish(turn, host, queue, contents, delay_ms, run[0].group, None)


def _publish(
    turn: Turn, host: Host, queue: Queue, contents: list[Any], delay_ms: int, group: str | None, key: bytes | None
) -> None:
    window_ms = queue.settings.deduplication_window_ms if key is not None else 0
    queues = [place_in(turn, queue, PRIORITY, None, delay_ms)]
    due_ms = turn.now_ms + delay_ms if delay_ms else 0
    publish(turn, host, queues, contents, due_ms=due_ms, group=group, key=key, window_ms=window_ms)


def _lacks_deduplication(queue: Queue, messages: list[NewMessage]) -> bool:
    if queue.settings.content_based_deduplication:
        return False
    return any(message.deduplication is None and message.group is not None for message in messages)


def _send_in_group(turn: Turn, host: Host, queue: Queue, message: NewMessage) -> SentMessage | Refusal:
    settings = queue.settings
    if message.group is None:
        return GroupRequired()
    if message.delay_ms:
        return DelayNotForFifo(message.delay_ms)
    if message.size_bytes > settings.maximum_message_bytes:
        return MessageTooLarge(settings.maximum_message_bytes)
    deduplication = message.deduplication
    if deduplication is None:
        deduplication = sha256(message.content.body).hexdigest().encode()
    key = digest(deduplication, message.group if settings.deduplicates_by_group else None)
    first = queue.deduplication.first(key, turn.now_ms)
    if first is not None:
        return SentMessage(first, True)
    if not fitting(queue, [message.content]):
        return QueueFull(queue.name)
    number = next_message(host, queue)
    _publish(turn, host, queue, [message.content], settings.delay_ms, message.group, key)
    return SentMessage(number, True)
