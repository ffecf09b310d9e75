"""Direct reply-to: what is published under a channel's reply name goes to that channel at once, past all queues.

Nothing of it is journalled. Who is not there any more gets nothing: the publisher is told that it was not routed.
"""

from typing import Any

from oncemq.core.exchange import DEFAULT_EXCHANGE
from oncemq.core.host import Host
from oncemq.core.outputs import Done
from oncemq.core.routed_commands import AwaitReplies, Run
from oncemq.core.routed_outputs import Replies
from oncemq.core.turn import Turn


def await_replies(turn: Turn, command: AwaitReplies, address: Any) -> None:
    """Answers Done if there is an address."""
    host = turn.state.hosts[command.host]
    end_replies(host, command.channel)
    if command.tag is not None:
        host.replies[command.name] = (command.channel, command.tag)
        host.reply_names[command.channel] = command.name
    if address is not None:
        turn.answer(address, Done())


def end_replies(host: Host, channel: Any) -> None:
    """The channel gets no more."""
    name = host.reply_names.pop(channel, None)
    if name is not None:
        del host.replies[name]


def is_reply(host: Host, run: Run) -> bool:
    """Whether somebody waits for replies under the run's key."""
    return run.exchange == DEFAULT_EXCHANGE and run.keys[0] in host.replies


def reply(turn: Turn, host: Host, run: Run) -> bool:
    """Whether the run was for somebody who waits for replies."""
    waiting = host.replies.get(run.keys[0]) if run.exchange == DEFAULT_EXCHANGE else None
    if waiting is None:
        return False
    channel, tag = waiting
    turn.answer(channel, Replies(tag, run.contents))
    return True
