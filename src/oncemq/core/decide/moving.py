"""Messages from one queue to another, whole: dead letters after too many receives, and what a move task moves.

A message that is moved leaves its own time to live behind, as a dead letter does: that of its new queue holds.
"""

from oncemq.core.decide.lasting import emit_of_entries, is_durable, rewrite
from oncemq.core.decide.routing import place_in
from oncemq.core.host import Host
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT
from oncemq.core.queue import Queue
from oncemq.core.records import DELETED, Moved, Removed, Rewritten
from oncemq.core.turn import Turn

PRIORITY = 0


def move(turn: Turn, host: Host, source: Queue, target: Queue, entries: list[int], *, kept: bool, task: int) -> None:
    """`kept` and `task` as in Moved."""
    staying = [] if source.transient or target.transient else entries
    if staying and source.transient_entries:
        staying = [entry for entry in entries if is_durable(source, entry)]
    if staying:
        number, first_entry, expires_ms = place_in(turn, target, PRIORITY, None)
        first_message = 0 if kept else host.messages.next
        turn.emit(
            Moved(host.number, source.number, staying, number, first_entry, kept, first_message, task, expires_ms)
        )
    if len(staying) < len(entries):
        durable = dict.fromkeys(staying)
        for entry in entries:
            if entry not in durable:
                _move_across(turn, host, source, target, entry, kept, task)


def _move_across(turn: Turn, host: Host, source: Queue, target: Queue, entry: int, kept: bool, task: int) -> None:
    """From what is transient to what is durable, or back."""
    block, index = source.blocks[entry >> BLOCK_SHIFT], entry & BLOCK_MASK
    message, group = block.message[index], source.group_of(entry)
    place = place_in(turn, target, PRIORITY, None)
    rewrite(
        turn,
        host,
        Rewritten(
            host.number,
            0,
            [place],
            block.sent_ms[index] if kept and not target.fifo else turn.now_ms,
            0,
            source.group_names[group] if group else None,
            host.messages.afterlife(message) if kept else None,
            source.name if kept else None,
            block.deliveries[index] if kept else 0,
            block.failures[index] if kept else 0,
            block.first_delivery_ms[index] if kept else 0,
            task,
            [turn.content(host, message)],
        ),
    )
    emit_of_entries(turn, source, Removed(host.number, source.number, [(entry, 1)], DELETED))
