"""Values to test the wire with: of every type of table, every property, every method."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.properties import Properties
from oncemq.protocols.amqp.specification import METHODS
from oncemq.protocols.amqp.tables import Decimal, LongString, Table, Timestamp, Value
from tools.amqp_methods.generate import Field, read

NOT_UTF8 = b"\xff\xfe"

_names = st.text(max_size=20)
_plain: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    _names,
    st.binary(max_size=20),
    st.builds(Decimal, st.integers(0, 255), st.integers(-(2**31), 2**31 - 1)),
    st.builds(Timestamp, st.integers(0, 2**64 - 1)),
    st.just(LongString(NOT_UTF8)),
)
values: st.SearchStrategy[Value] = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
tables: st.SearchStrategy[Table] = st.dictionaries(_names, values, max_size=5)
_octets = st.integers(0, 255)

_texts: dict[str, st.SearchStrategy[object]] = {name: st.none() | _names for name in Properties.__struct_fields__}
_others: dict[str, st.SearchStrategy[object]] = {
    "headers": st.none() | tables,
    "delivery_mode": st.none() | _octets,
    "priority": st.none() | _octets,
    "timestamp": st.none() | st.integers(0, 2**64 - 1),
}


def _make_properties(fields: dict[str, Any]) -> Properties:
    return Properties(**fields)


properties: st.SearchStrategy[Properties] = st.fixed_dictionaries(_texts | _others).map(_make_properties)

_KINDS: dict[str, st.SearchStrategy[object]] = {
    "bit": st.booleans(),
    "octet": _octets,
    "short": st.integers(0, 2**16 - 1),
    "long": st.integers(0, 2**32 - 1),
    "longlong": st.integers(0, 2**64 - 1),
    "shortstr": _names,
    "longstr": st.binary(max_size=300),
    "table": tables,
}
_EXAMPLES: dict[str, object] = {
    "octet": 9,
    "short": 0x0102,
    "long": 0x0304_0506,
    "longlong": 0x0708_090A_0B0C_0D0E,
    "shortstr": "näme",
    "longstr": b"PLAIN AMQPLAIN",
    "table": {"x-max-length": 5, "x-queue-type": "quorum", "nested": {"yes": True}, "big": 2**40},
}

FIELDS: dict[int, list[Field]] = {each.class_id << 16 | each.method_id: each.fields for each in read()}
"""Of each method: its fields, reserved ones too."""


def methods(number: int) -> st.SearchStrategy[Method]:
    """Any values for a method's fields."""
    kinds = {field.name: _KINDS[field.kind] for field in FIELDS[number] if not field.reserved}
    return st.fixed_dictionaries(kinds).map(lambda fields: METHODS[number].type(**fields))


def examples(number: int) -> Iterator[Method]:
    """The method with nothing set, with everything, and with each bit alone."""
    fields = [field for field in FIELDS[number] if not field.reserved]
    kind = METHODS[number].type
    yield kind()
    full = {field.name: _EXAMPLES.get(field.kind, True) for field in fields}
    yield kind(**full)
    bits = [field.name for field in fields if field.kind == "bit"]
    for bit in bits:
        yield kind(**full | {each: each == bit for each in bits})
