"""How the columns of a block grow: all of them together."""

from array import array

from oncemq.core.model import Block


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
        block.sent_ms.extend((sent_ms,) * count)
        block.due_ms.extend((due_ms,) * count)
        zeros = (0,) * count
        for column in (block.deliveries, block.failures, block.first_delivery_ms, block.leased_ms, block.token):
            column.extend(zeros)
        if block.group is not None:
            block.group.extend((group,) * count)
        if block.source is not None:
            block.source.extend(zeros)
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
