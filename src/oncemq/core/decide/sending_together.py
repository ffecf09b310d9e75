"""SendTogether: what many askers send to a queue, one after another, becomes one run and one record.

Only messages that need nothing of their own are put together: to a standard queue, without group or delay, not too
large, while nothing is refused for want of room. Any other send is decided by itself, after those before it to the
same queue.
"""

from typing import Any

from oncemq.core.commands import SendMessages, SendTogether
from oncemq.core.decide.access import refused_access
from oncemq.core.decide.lasting import next_message, publish
from oncemq.core.decide.routing import place_in
from oncemq.core.decide.sending import PRIORITY, send_messages
from oncemq.core.host import Host
from oncemq.core.outputs import Sent, SentMessage
from oncemq.core.queue import Queue
from oncemq.core.turn import Turn

Asked = tuple[SendMessages, Any]


def send_together(turn: Turn, command: SendTogether, address: Any) -> None:
    """Answers Sent, or a refusal, to each asker."""
    runs: dict[Queue, tuple[Host, list[Asked]]] = {}
    for asked in command.sends:
        send, asker = asked
        found = turn.find(send)
        if found is None:
            send_messages(turn, send, asker)
            continue
        host, queue = found
        if _is_plain(turn, host, queue, send):
            run = runs.get(queue)
            if run is None:
                runs[queue] = host, [asked]
            else:
                run[1].append(asked)
        else:
            before = runs.pop(queue, None)
            if before is not None:
                _send_run(turn, before[0], queue, before[1])
            send_messages(turn, send, asker)
    for queue, (host, run_of_queue) in runs.items():
        _send_run(turn, host, queue, run_of_queue)


def _is_plain(turn: Turn, host: Host, queue: Queue, send: SendMessages) -> bool:
    if turn.state.nearly_full or turn.state.short_of_memory is not None:
        return False
    if queue.fifo or queue.settings.rejects:
        return False
    if send.caller is not None and refused_access(host, queue, send.caller, "SendMessage") is not None:
        return False
    maximum_bytes = queue.settings.maximum_message_bytes
    for message in send.messages:
        if message.size_bytes > maximum_bytes or message.group is not None:
            return False
        if message.delay_ms is not None or message.deduplication is not None:
            return False
    return True


def _send_run(turn: Turn, host: Host, queue: Queue, run: list[Asked]) -> None:
    number, delay_ms = next_message(host, queue), queue.settings.delay_ms
    contents = [message.content for send, _ in run for message in send.messages]
    due_ms = turn.now_ms + delay_ms if delay_ms else 0
    publish(turn, host, [place_in(turn, queue, PRIORITY, None, delay_ms)], contents, due_ms=due_ms)
    for send, asker in run:
        count = len(send.messages)
        turn.answer(asker, Sent([SentMessage(each, False) for each in range(number, number + count)]))
        number += count
    if queue.awaited or queue.settings.bounded:
        turn.wake(host, queue)
