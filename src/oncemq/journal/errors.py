"""What can be wrong with a journal, a checkpoint or the folder they lie in: one type each, each naming its place.

None of them is answered by trying again. The server prints the message and refuses to start, or ends.
"""

from __future__ import annotations


class JournalError(Exception):
    """Any of the errors below."""


class FolderLocked(JournalError):
    """Another process serves this folder. `process_id` is None when the holder has not written it yet."""

    def __init__(self, path: str, process_id: int | None) -> None:
        self.path = path
        self.process_id = process_id
        holder = "another process" if process_id is None else f"process {process_id}"
        super().__init__(f"{path} is in use by {holder}")


class JournalCorrupt(JournalError):
    """A batch that was durable is damaged or missing, so what clients were told cannot be restored from here on.

    `segment_name` and `offset_bytes` are where the batch should begin, `expected_number` is its number (None where
    the numbers before it are unknown), `why` says what was found there and what proves that it had been durable.
    """

    def __init__(self, segment_name: str, offset_bytes: int, expected_number: int | None, why: str) -> None:
        self.segment_name = segment_name
        self.offset_bytes = offset_bytes
        self.expected_number = expected_number
        self.why = why
        batch = "a batch" if expected_number is None else f"batch {expected_number}"
        super().__init__(f"the journal is corrupt: {segment_name}, offset {offset_bytes}, {batch}: {why}")


class JournalVersion(JournalError):
    """A batch or a manifest was written by a version of OnceMQ that this one does not know."""

    def __init__(self, file_name: str, offset_bytes: int, version: int, flags: int = 0) -> None:
        self.file_name = file_name
        self.offset_bytes = offset_bytes
        self.version = version
        self.flags = flags
        super().__init__(f"{file_name}, offset {offset_bytes}: format version {version} (flags {flags:#x}) is unknown")


class JournalFailed(JournalError):
    """A write or a sync failed before: this journal takes nothing more, the process has to end."""


class SegmentGone(JournalError):
    """The segment that was to be read has been deleted, or never was."""

    def __init__(self, segment_name: str) -> None:
        self.segment_name = segment_name
        super().__init__(f"{segment_name} is not in the journal")


class ReadBeyondEnd(JournalError):
    """A read asked for bytes behind the end of its segment."""

    def __init__(self, segment_name: str, offset_bytes: int, length_bytes: int) -> None:
        self.segment_name = segment_name
        self.offset_bytes = offset_bytes
        self.length_bytes = length_bytes
        super().__init__(f"{segment_name} ends before offset {offset_bytes} + {length_bytes} bytes")


class CheckpointCorrupt(JournalError):
    """A published checkpoint cannot be read: `file_name` and `offset_bytes` name the place, `why` the damage."""

    def __init__(self, file_name: str, offset_bytes: int, why: str) -> None:
        self.file_name = file_name
        self.offset_bytes = offset_bytes
        self.why = why
        super().__init__(f"the checkpoint is corrupt: {file_name}, offset {offset_bytes}: {why}")
