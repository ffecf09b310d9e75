"""What a person sees: steps, one line that moves (plain lines where no terminal is), and the table at the end."""

import shutil
import sys
import time
from collections.abc import Sequence

from tools.demo.notes import Notes

BAR_WIDTH = 8
PLAIN_EVERY_SECONDS = 3.0


class Screen:
    """Standard output."""

    def __init__(self) -> None:
        self._moves = sys.stdout.isatty()
        self._began = time.monotonic()
        self._next_plain = 0.0

    def step(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(f"{self._seconds():6.1f} s  {text}", flush=True)

    def progress(self, flows: Sequence[Notes]) -> None:
        """How far the orders are: a figure for each door, joined by a plus."""
        settled = sum(notes.settled for notes in flows)
        done = BAR_WIDTH * settled // sum(len(notes.orders) for notes in flows)
        counted = {
            "sent": [len(notes.sent) for notes in flows],
            "done": [len(notes.processed) for notes in flows],
            "retried": [notes.retried for notes in flows],
            "dead": [len(notes.dead) for notes in flows],
        }
        figures = ", ".join(f"{name} {'+'.join(map(str, each))}" for name, each in counted.items())
        text = f"{self._seconds():6.1f} s  [{'#' * done}{'.' * (BAR_WIDTH - done)}] {figures}"
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)
        elif time.monotonic() >= self._next_plain:
            self._next_plain = time.monotonic() + PLAIN_EVERY_SECONDS
            print(text, flush=True)

    def table(self, heads: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> None:
        """The first column to the left, figures to the right, the last a word on them."""
        self._clear()
        lines = (*heads, *rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        print()
        for line in lines:
            figures = (f"{cell:>{width}}" for cell, width in zip(line[1:-1], widths[1:-1], strict=True))
            print("  ".join(["", f"{line[0]:<{widths[0]}}", *figures, line[-1]]).rstrip())
        print(flush=True)

    def _clear(self) -> None:
        if self._moves:
            print("\r\x1b[K", end="")

    def _seconds(self) -> float:
        return time.monotonic() - self._began
