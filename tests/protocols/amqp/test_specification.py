"""Methods: bytes beside pamqp's and pika's, round trips, lengths that lie, the generated files beside their data."""

import inspect
from typing import Any

import pamqp.base
import pamqp.commands
import pika.spec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.protocols.amqp import specification
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.specification import DECODERS, METHODS, BasicPublish
from tests.protocols.amqp import samples
from tools.amqp_methods import generate

NUMBERS = sorted(METHODS)


def _id(number: int) -> str:
    return METHODS[number].name


def _values(method: Method, number: int) -> list[object]:
    """In the order of the wire; a reserved field's is its zero."""
    zeros = {"bit": False, "shortstr": "", "longstr": b""}
    return [
        zeros.get(field.kind, 0) if field.reserved else getattr(method, field.name) for field in samples.FIELDS[number]
    ]


def test_the_generated_files_are_up_to_date() -> None:
    files = generate.generate()
    found = {path.name: path.read_text() for path in generate.TARGET.glob("*.py")}
    assert found == files, "run: python -m tools.amqp_methods.generate"


def test_no_method_is_missing() -> None:
    assert set(pamqp.commands.INDEX_MAPPING) <= set(METHODS)
    assert set(pika.spec.methods) <= set(METHODS)
    assert set(DECODERS) == set(METHODS)
    assert len(METHODS) == 66


@pytest.mark.parametrize("number", sorted(pamqp.commands.INDEX_MAPPING), ids=_id)
def test_pamqp_agrees_about_senders_replies_and_content(number: int) -> None:
    theirs: Any = pamqp.commands.INDEX_MAPPING[number]
    ours = METHODS[number]
    assert ours.name.replace("-", "").replace(".", "") == theirs.name.replace(".", "").lower()
    replies = [METHODS[reply].name.replace("-", "").replace(".", "") for reply in ours.replies]
    assert replies == [reply.replace(".", "").lower() for reply in theirs.valid_responses]


@pytest.mark.parametrize("number", sorted(pika.spec.methods), ids=_id)
def test_pika_agrees_about_content(number: int) -> None:
    assert METHODS[number].content == pika.spec.has_content(number)


@pytest.mark.parametrize("number", sorted(pika.spec.methods), ids=_id)
def test_pika_writes_and_reads_the_same_bytes(number: int) -> None:
    kind = pika.spec.methods[number]
    names = list(inspect.signature(kind.__init__).parameters)[1:]
    for method in samples.examples(number):
        theirs = kind.__new__(kind)
        for name, value in zip(names, _values(method, number), strict=True):
            setattr(theirs, name, value)
        payload = number.to_bytes(4, "big") + b"".join(theirs.encode())
        assert payload == method.encode()
        assert METHODS[number].type.decode(payload) == method
        if kind is pika.spec.Connection.UpdateSecret:  # which pika decodes into another field
            continue
        read = kind.__new__(kind).decode(method.encode(), 4)
        for name, value in zip(names, _values(method, number), strict=True):
            found = getattr(read, name)
            assert found == (value.decode() if isinstance(value, bytes) and isinstance(found, str) else value)


@pytest.mark.parametrize("number", sorted(pamqp.commands.INDEX_MAPPING), ids=_id)
def test_pamqp_writes_and_reads_the_same_bytes(number: int) -> None:
    kind: Any = pamqp.commands.INDEX_MAPPING[number]
    names = kind.attributes()
    for method in samples.examples(number):
        values = [value.decode() if isinstance(value, bytes) else value for value in _values(method, number)]
        theirs = _Unchecked(kind)
        for name, value in zip(names, values, strict=True):
            setattr(theirs, name, value)
        payload = number.to_bytes(4, "big") + kind.marshal(theirs)
        assert METHODS[number].type.decode(payload) == method
        if not any(field.kind == "table" for field in samples.FIELDS[number]):  # pamqp's integers are narrower
            assert payload == method.encode()
        read = kind.__new__(kind)
        read.unmarshal(method.encode()[4:])
        assert [getattr(read, name) for name in names] == values


class _Unchecked:
    """A method of pamqp's, whose values it is not to judge: it takes no names but ASCII."""

    def __init__(self, kind: type[pamqp.base.Frame]) -> None:
        self.__slots__ = kind.__slots__
        self.amqp_type = kind.amqp_type

    def validate(self) -> None:
        """Nothing is refused."""


@pytest.mark.parametrize("number", NUMBERS, ids=_id)
def test_methods_survive_a_round_trip(number: int) -> None:
    @given(samples.methods(number))
    @settings(max_examples=15, deadline=None)
    def survives(method: Method) -> None:
        payload = method.encode()
        assert int.from_bytes(payload[:4], "big") == number == method.NUMBER
        assert DECODERS[number](payload) == method

    survives()


@pytest.mark.parametrize("number", NUMBERS, ids=_id)
def test_a_payload_that_is_too_short_or_too_long_is_a_frame_error(number: int) -> None:
    for method in samples.examples(number):
        payload = method.encode()
        for wrong in [payload[:size] for size in range(4, len(payload))] + [payload + b"\x00"]:
            with pytest.raises(FrameFault) as caught:
                DECODERS[number](wrong)
            assert caught.value.reply_code == 501
            assert caught.value.scope == "connection"


@given(st.sampled_from(NUMBERS), st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_bytes_decode_or_are_refused(number: int, fields: bytes) -> None:
    try:
        method = DECODERS[number](number.to_bytes(4, "big") + fields)
    except FrameFault as fault:
        assert fault.reply_code in (501, 502)
    else:
        assert DECODERS[number](method.encode()) == method


def test_text_that_is_not_utf8_is_refused_in_rabbitmqs_words() -> None:
    payload = BasicPublish("a", "b").encode().replace(b"\x01b", b"\x01\xff")
    with pytest.raises(FrameFault, match=r"^FRAME_ERROR - Malformed UTF-8 in shortstr$") as caught:
        BasicPublish.decode(payload)
    assert caught.value.method_id == BasicPublish.NUMBER


def test_every_method_has_its_name_in_the_package() -> None:
    for definition in METHODS.values():
        assert getattr(specification, definition.type.__name__) is definition.type
        assert definition.from_client or definition.from_server
