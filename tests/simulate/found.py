"""What a recovered state holds, read from its columns and from the journal: one row for each entry that is not gone."""

from __future__ import annotations

from typing import NamedTuple

from oncemq.core.host import Host, Partition
from oncemq.core.model import BLOCK_SHIFT, DELAYED, LEASED, READY, Afterlife, Content
from oncemq.core.queue import Queue
from oncemq.core.snapshot import all_pieces, encode_piece
from oncemq.journal.codec import decode_content
from oncemq.journal.journal import Journal


class Found(NamedTuple):
    """An entry, with the content of its message."""

    queue: str
    entry: int
    message: int
    state: int
    token: int
    due_ms: int
    deliveries: int
    group: str | None
    content: Content
    failures: int = 0
    afterlife: Afterlife | None = None


def entries_of(state: Partition, journal: Journal) -> list[Found]:
    """Every entry of every queue."""
    return [
        found
        for host in state.hosts.values()
        for queue in host.queues.values()
        for found in _entries_of_queue(host, queue, journal)
    ]


def _entries_of_queue(host: Host, queue: Queue, journal: Journal) -> list[Found]:
    found = []
    for block in queue.blocks.values():
        for index, state in enumerate(block.state):
            if state:
                entry, message = block.number << BLOCK_SHIFT | index, block.message[index]
                group = queue.group_of(entry)
                found.append(
                    Found(
                        queue.name,
                        entry,
                        message,
                        state,
                        block.token[index],
                        block.due_ms[index],
                        block.deliveries[index],
                        queue.group_names[group] if group else None,
                        decode_content(journal.read(*host.messages.place(message))),
                        block.failures[index],
                        host.messages.afterlife(message),
                    )
                )
    states = [each.state for each in found]
    counted = tuple(states.count(state) for state in (READY, DELAYED, LEASED))
    assert counted == (queue.ready, queue.delayed, queue.leased), f"{queue.name} counts wrong: {counted}"
    return found


def bytes_of(state: Partition) -> dict[bytes, bytes]:
    """The whole state as a checkpoint would write it."""
    return {piece.key: encode_piece(piece) for piece in all_pieces(state)}
