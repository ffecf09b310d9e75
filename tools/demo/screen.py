"""What a person sees: steps, one line that moves (plain lines where no terminal is), and the table at the end."""

import shutil
import sys
import time

from tools.demo.notes import Notes

BAR_WIDTH = 24
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

    def progress(self, notes: Notes) -> None:
        """How far the orders are."""
        total = len(notes.orders)
        done = BAR_WIDTH * notes.settled // total
        text = (
            f"{self._seconds():6.1f} s  [{'#' * done}{'.' * (BAR_WIDTH - done)}] "
            f"sent {len(notes.sent)}/{total}, processed {len(notes.processed)}, "
            f"retried {notes.retried}, dead-lettered {len(notes.dead)}"
        )
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)
        elif time.monotonic() >= self._next_plain:
            self._next_plain = time.monotonic() + PLAIN_EVERY_SECONDS
            print(text, flush=True)

    def table(self, rows: list[tuple[str, str, str]]) -> None:
        """Name, figure, and a word on it."""
        self._clear()
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        print()
        for name, figure, remark in rows:
            print(f"  {name:<{widths[0]}}  {figure:>{widths[1]}}  {remark}".rstrip())
        print(flush=True)

    def _clear(self) -> None:
        if self._moves:
            print("\r\x1b[K", end="")

    def _seconds(self) -> float:
        return time.monotonic() - self._began
