"""What `oncemq journal verify` prints."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from oncemq.journal.inventory import Inventory
from oncemq.journal.verify import VerifyReport

FLAWS_SHOWN = 10


def report_lines(folder: Path, report: VerifyReport, inventory: Inventory) -> Iterator[str]:
    """One fact a line, the verdict last."""
    identity = report.identity.hex() if report.identity else "nothing written yet"
    yield f"folder       {folder}"
    yield f"journal      {identity}"
    yield f"segments     {report.segments}"
    numbers = "" if report.last_number is None else f", numbers {report.first_number} to {report.last_number}"
    yield f"batches      {report.batches:,}{numbers}, {report.payload_bytes:,} bytes"
    by_name = sorted((record.__name__, count) for record, count in inventory.records.items())
    kinds = ", ".join(f"{name} {count:,}" for name, count in by_name)
    yield f"records      {inventory.records.total():,}{': ' if kinds else ''}{kinds}"
    yield f"contents     {inventory.contents:,}, {inventory.content_bytes:,} bytes"
    for found in report.checkpoints:
        yield (
            f"checkpoint   {found.number}, as after batch {found.batch_number} ({iso_time(found.now_ms)}), "
            f"{found.pieces} pieces, {found.piece_bytes:,} bytes"
        )
    if report.torn is not None:
        place = f"{report.torn.segment_name}, offset {report.torn.offset_bytes}"
        yield f"torn tail    {place}: the next start cuts it there"
    yield from _verdict(report, inventory)


def _verdict(report: VerifyReport, inventory: Inventory) -> Iterator[str]:
    damage = [str(error) for error in (report.corruption, report.checkpoint_corruption) if error is not None]
    damage += inventory.flaws[:FLAWS_SHOWN]
    hidden = len(inventory.flaws) - FLAWS_SHOWN
    for line in damage:
        yield f"DAMAGE       {line}"
    if hidden > 0:
        yield f"DAMAGE       and {hidden:,} more"
    yield "CORRUPT" if damage else "whole"


def iso_time(milliseconds: int) -> str:
    """2026-01-31T12:00:00.000Z"""
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
