"""Spans: numbers that follow one another, as (first, count). What a consumer is given and settles comes in such runs,
and is checked, recorded and applied a run at a time.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.model import BLOCK_MASK, BLOCK_SHIFT

Span = tuple[int, int]


def spans_of(numbers: Sequence[int]) -> list[Span]:
    """The numbers in their order."""
    if not numbers:
        return []
    first, count = numbers[0], len(numbers)
    if count == 1:
        return [(first, 1)]
    if numbers[-1] - first == count - 1 and numbers == _like(numbers, range(first, first + count)):
        return [(first, count)]
    spans: list[Span] = []
    following = first
    for number in numbers:
        if number != following:
            spans.append((first, following - first))
            first = number
        following = number + 1
    spans.append((first, following - first))
    return spans


def _like(numbers: Sequence[int], others: Iterable[int]) -> Sequence[int]:
    return array("Q", others) if isinstance(numbers, array) else list(others)


def numbers_of(spans: Iterable[Span]) -> list[int]:
    """All numbers of the spans, in their order."""
    return [number for first, count in spans for number in range(first, first + count)]


def first_of(spans: list[Span], count: int) -> list[Span]:
    """The first `count` numbers."""
    taken: list[Span] = []
    for first, length in spans:
        if count <= 0:
            break
        taken.append((first, min(length, count)))
        count -= length
    return taken


def count_of(spans: Iterable[Span]) -> int:
    """How many numbers there are."""
    return sum(count for _, count in spans)


def add_span(spans: list[Span], first: int, count: int) -> None:
    """Append a span, to the last one if it follows it."""
    if spans and spans[-1][0] + spans[-1][1] == first:
        spans[-1] = (spans[-1][0], spans[-1][1] + count)
    else:
        spans.append((first, count))


def cut_at_blocks(first: int, count: int) -> Iterator[tuple[int, int, int]]:
    """The parts of a span that lie in one block each: (number of the block, first index, index behind the last)."""
    while count:
        start = first & BLOCK_MASK
        length = min(count, BLOCK_ENTRIES - start)
        yield first >> BLOCK_SHIFT, start, start + length
        first, count = first + length, count - length
