"""ReceiveRequestAttemptIds of a FIFO queue: which leases an attempt was answered with, for five minutes.

A second receive with the same id is answered with the same messages and handles. An attempt is void once one of its
messages was deleted, moved or had its visibility changed.
"""

from collections.abc import Sequence

import msgspec

from oncemq.core.limits import ATTEMPT_WINDOW_MS, ATTEMPTS_PER_QUEUE


class Attempt(msgspec.Struct, array_like=True):
    """Entry i was leased under token first_token + i."""

    expires_ms: int
    entries: list[int]
    first_token: int


class Attempts:
    """The attempts of one queue, oldest first; at most one an entry."""

    __slots__ = ("by_entry", "by_key")

    def __init__(self) -> None:
        self.by_key: dict[bytes, Attempt] = {}
        self.by_entry: dict[int, bytes] = {}

    def find(self, key: bytes, now_ms: int) -> Attempt | None:
        """What this attempt was answered with, unless it is void or over."""
        attempt = self.by_key.get(key)
        return attempt if attempt is not None and attempt.expires_ms > now_ms else None

    def remember(self, key: bytes, entries: Sequence[int], first_token: int, now_ms: int) -> None:
        """This attempt was answered with these leases."""
        self._drop(key)
        while self.by_key:
            oldest = next(iter(self.by_key))
            if len(self.by_key) < ATTEMPTS_PER_QUEUE and self.by_key[oldest].expires_ms > now_ms:
                break
            self._drop(oldest)
        self.void(entries)
        self.restore(key, Attempt(now_ms + ATTEMPT_WINDOW_MS, list(entries), first_token))

    def restore(self, key: bytes, attempt: Attempt) -> None:
        """Take over an attempt as it was."""
        self.by_key[key] = attempt
        for entry in attempt.entries:
            self.by_entry[entry] = key

    def void(self, entries: Sequence[int]) -> None:
        """These entries are no longer as they were received."""
        if self.by_entry:
            for entry in entries:
                key = self.by_entry.get(entry)
                if key is not None:
                    self._drop(key)

    def _drop(self, key: bytes) -> None:
        attempt = self.by_key.pop(key, None)
        if attempt is not None:
            for entry in attempt.entries:
                if self.by_entry.get(entry) == key:
                    del self.by_entry[entry]
