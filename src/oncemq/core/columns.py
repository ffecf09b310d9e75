"""What happens to a run of entries in one block, column by column: a slice at a time, not an entry."""

from array import array

from oncemq.core.model import BLOCK_SHIFT, GONE, LEASED, Block
from oncemq.core.spans import Span


def extend(block: Block, first_message: int, count: int, state: int, sent_ms: int, due_ms: int, group: int) -> None:
    """Append entries for a run of messages. The expiry is told apart: `extend_expiry`."""
    if block.sent_ms and sent_ms < block.sent_ms[-1]:
        block.in_order = False
        if sent_ms < block.oldest_ms:
            block.oldest_ms = sent_ms
    if group and block.group is None:
        block.group = zeros_like(block.deliveries)
    if count == 1:
        block.state.append(state)
        block.message.append(first_message)
        block.sent_ms.append(sent_ms)
        block.due_ms.append(due_ms)
        for column in (block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token):
            column.append(0)
        if block.group is not None:
            block.group.append(group)
        if block.source is not None:
            block.source.append(0)
    else:
        block.state.extend(bytes((state,)) * count)
        block.message.extend(range(first_message, first_message + count))
        block.sent_ms.extend(array("q", (sent_ms,)) * count)
        block.due_ms.extend(array("q", (due_ms,)) * count)
        for column in (block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token):
            column.frombytes(bytes(count * column.itemsize))
        if block.group is not None:
            block.group.extend((group,) * count)
        if block.source is not None:
            block.source.extend((0,) * count)
    block.live += count


def fill(block: Block, length: int) -> None:
    """Places up to that one are gone: transient messages had them."""
    missing = length - len(block.state)
    columns = [block.message, block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token]
    columns += [
        block.due_ms,
        *(column for column in (block.group, block.source, block.expires_ms) if column is not None),
    ]
    for column in columns:
        column.frombytes(bytes(missing * column.itemsize))
    block.sent_ms.extend((block.sent_ms[-1] if block.sent_ms else 0,) * missing)
    block.state.extend(bytes(missing))


def zeros_like(column: "array[int]") -> "array[int]":
    """A column of zeros, as long as this one."""
    return array(column.typecode, bytes(len(column) * column.itemsize))


def extend_expiry(block: Block, count: int, expires_ms: int) -> None:
    """Fill the column up to the entries that were just appended to the others."""
    if block.expires_ms is None:
        block.expires_ms = array("q", bytes(8 * (len(block.state) - count)))
    block.expires_ms.extend((expires_ms,) * count)


def lease_at(block: Block, index: int, token: int, now_ms: int, due_ms: int) -> None:
    """One entry is leased."""
    block.state[index] = LEASED
    block.token[index] = token
    block.due_ms[index] = due_ms
    block.leased_ms[index] = now_ms
    block.deliveries[index] += 1
    if not block.first_delivery_ms[index]:
        block.first_delivery_ms[index] = now_ms


def lease_run(block: Block, start: int, stop: int, first_token: int, now_ms: int, due_ms: int) -> None:
    """The entries at start to stop - 1 are leased under tokens from first_token on."""
    count = stop - start
    block.state[start:stop] = bytes((LEASED,)) * count
    block.token[start:stop] = array("Q", range(first_token, first_token + count))
    block.due_ms[start:stop] = array("q", (due_ms,)) * count
    now = array("q", (now_ms,)) * count
    block.leased_ms[start:stop] = now
    if any(block.deliveries[start:stop]):
        for index in range(start, stop):
            block.deliveries[index] += 1
            if not block.first_delivery_ms[index]:
                block.first_delivery_ms[index] = now_ms
    else:
        block.deliveries[start:stop] = array("I", (1,)) * count
        block.first_delivery_ms[start:stop] = now


def held_in(block: Block, start: int, stop: int, first_token: int) -> list[Span]:
    """Those of the entries at start to stop - 1 that are leased under tokens from first_token on."""
    tokens = array("Q", range(first_token, first_token + stop - start))
    base = block.number << BLOCK_SHIFT
    if block.state.count(LEASED, start, stop) == stop - start and block.token[start:stop] == tokens:
        return [(base | start, stop - start)]
    return [
        (base | index, 1)
        for index in range(start, min(stop, len(block.state)))
        if block.state[index] == LEASED and block.token[index] == first_token + index - start
    ]


def remove_run(block: Block, start: int, stop: int) -> "array[int]":
    """The entries are gone; returns the messages that they held."""
    block.state[start:stop] = bytes((GONE,)) * (stop - start)
    block.live -= stop - start
    return block.message[start:stop]
