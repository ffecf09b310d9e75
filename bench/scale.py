"""How long and how large: as the README's table wants it, or just enough to see that a measurement runs."""

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """`turns` of `seconds` are for the rows of the table, the short ones for curves and features."""

    turns: int = 5
    seconds: float = 5.0
    amqp_turns: int = 3
    short_turns: int = 3
    short_seconds: float = 0.7
    latency_messages: int = 25_000
    backlog_messages: int = 1_000_000
    deduplication_keys: int = 1_000_000
    connections: int = 1_000


WHOLE = Scale()
QUICK = Scale(
    turns=1,
    seconds=1.0,
    amqp_turns=1,
    short_turns=1,
    short_seconds=0.3,
    latency_messages=5_000,
    backlog_messages=20_000,
    deduplication_keys=10_000,
    connections=100,
)
"""Its figures mean nothing."""
