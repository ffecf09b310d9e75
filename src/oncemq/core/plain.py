"""Values of AMQP tables as plain data, which the journal gives back as it took it.

A timestamp becomes its seconds, a decimal a float; octets of a kind of their
own become bytes; text that is no UTF-8 has its strange octets replaced.
"""

from typing import Any

import msgspec


def plain(value: Any) -> Any:
    """None, bool, int, float, str, bytes, and lists and dicts of these."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, dict):
        return {_text(name): plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return _number(msgspec.structs.asdict(value))
    return value


def _number(fields: dict[str, Any]) -> Any:
    if fields.keys() == {"scale", "value"}:
        return fields["value"] / 10 ** fields["scale"]
    (only,) = fields.values()
    return only


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
