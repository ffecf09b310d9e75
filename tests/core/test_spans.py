"""Spans: numbers that follow one another."""

from __future__ import annotations

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from oncemq.core.limits import BLOCK_ENTRIES
from oncemq.core.spans import add_span, count_of, cut_at_blocks, first_of, numbers_of, spans_of


@given(st.lists(st.integers(0, 30)), st.integers(0, 40))
def test_there_and_back(numbers: list[int], wanted: int) -> None:
    spans = spans_of(numbers)
    assert numbers_of(spans) == numbers == numbers_of(spans_of(array("Q", numbers)))
    assert count_of(spans) == len(numbers)
    assert numbers_of(first_of(spans, wanted)) == numbers[:wanted]
    assert all(first + count != following for (first, count), (following, _) in pairwise(spans))
    joined: list[tuple[int, int]] = []
    for number in numbers:
        add_span(joined, number, 1)
    assert joined == spans


def test_they_are_cut_at_blocks() -> None:
    assert list(cut_at_blocks(BLOCK_ENTRIES - 2, BLOCK_ENTRIES + 3)) == [
        (0, BLOCK_ENTRIES - 2, BLOCK_ENTRIES),
        (1, 0, BLOCK_ENTRIES),
        (2, 0, 1),
    ]
