"""What a client declares is kept in the journal: its arguments as values that can be."""

from typing import Any

from oncemq.protocols.amqp.tables import Decimal, Table, Timestamp, Value

LONGEST_MS = 1 << 53
"""Longer times are this long: 285,000 years."""


def storable(table: Table) -> dict[str, Any]:
    """A table without types of AMQP's own: octets that are not UTF-8 are bytes, a timestamp is its seconds."""
    return {_text(name): _storable(value) for name, value in table.items()}


def _storable(value: Value) -> Any:
    if isinstance(value, dict):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, Timestamp):
        return value.seconds
    if isinstance(value, Decimal):
        return value.value / 10**value.scale
    return value


def _text(name: str) -> str:
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
