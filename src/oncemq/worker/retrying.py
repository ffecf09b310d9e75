"""When a failed message comes again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exponential:
    """The delay doubles: first_s, 2 first_s, … up to limit_s; after so many begun attempts the message is dead."""

    first_s: float = 1.0
    limit_s: float = 300.0
    attempts: int = 8

    def delay_s(self, attempt: int) -> float:
        """The delay after the attempt of this number, from 1, without jitter."""
        return float(min(self.limit_s, self.first_s * 2.0 ** min(attempt - 1, 60)))
