"""Attributes that a client gives a message: their rules, and which of them a receive asks for.

An attribute is (name, type, value): str for String and Number, bytes for Binary. Rules: Amazon SQS Developer Guide,
"Amazon SQS message metadata". Rejected with InvalidParameterValue or InvalidMessageContents.
"""

import re
from decimal import Decimal, InvalidOperation

from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, UNSUPPORTED_OPERATION, Rejected
from oncemq.protocols.sqs.limits import (
    ATTRIBUTE_NAME_CHARACTERS,
    ATTRIBUTE_TYPE_CHARACTERS,
    MESSAGE_ATTRIBUTES,
    NUMBER_CHARACTERS,
    NUMBER_DIGITS,
    NUMBER_MAGNITUDE,
    TRACE_HEADER_CHARACTERS,
)
from oncemq.protocols.sqs.requests import AttributeValue
from oncemq.protocols.sqs.text import check_text

Attribute = tuple[str, str, str | bytes]

TRACE_HEADER = "AWSTraceHeader"
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
_TYPE = re.compile(r"(String|Number|Binary)(?:\..*)?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?", re.ASCII)
_RESERVED = ("aws.", "amazon.")


def read_attributes(given: dict[str, AttributeValue]) -> list[Attribute]:
    """The attributes of a message in the order of their names, checked."""
    if len(given) > MESSAGE_ATTRIBUTES:
        message = f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES}]."
        raise Rejected(INVALID_PARAMETER_VALUE, message)
    for name in given:
        _check_name(name)
    return [_read_value("message", name, given[name]) for name in sorted(given)]


def read_system_attributes(given: dict[str, AttributeValue]) -> list[Attribute]:
    """The system attributes of a message, checked: AWSTraceHeader is the only one that clients may set."""
    for name in given:
        if name != TRACE_HEADER:
            message = f"Message system attribute name '{name}' is invalid. The only valid name is {TRACE_HEADER}."
            raise Rejected(INVALID_PARAMETER_VALUE, message)
    read = [_read_value("message system", name, given[name]) for name in given]
    for _, type_name, value in read:
        if type_name != "String" or len(value) > TRACE_HEADER_CHARACTERS:
            message = f"The message system attribute '{TRACE_HEADER}' must be a String with a valid trace header."
            raise Rejected(INVALID_PARAMETER_VALUE, message)
    return read


def attributes_bytes(attributes: list[Attribute]) -> int:
    """What attributes add to the size of a message: names, types and values, in UTF-8."""
    return sum(
        len(name.encode()) + len(type_name.encode()) + len(value.encode() if isinstance(value, str) else value)
        for name, type_name, value in attributes
    )


class WantedAttributes:
    """Which attributes a receive asks for: `All` or `.*`, names, and prefixes such as `order.*`."""

    __slots__ = ("_all", "_names", "_prefixes")

    def __init__(self, asked: list[str]) -> None:
        self._all = "All" in asked or ".*" in asked
        self._names = frozenset(asked)
        self._prefixes = tuple(name[:-2] for name in asked if name.endswith(".*"))

    def of(self, attributes: list[Attribute]) -> list[Attribute]:
        """Those of `attributes` that are asked for."""
        if self._all:
            return attributes
        return [one for one in attributes if one[0] in self._names or one[0].startswith(self._prefixes)]


def _check_name(name: str) -> None:
    if len(name) > ATTRIBUTE_NAME_CHARACTERS:
        message = f"Length of message attribute name must be less than or equal to {ATTRIBUTE_NAME_CHARACTERS} bytes."
        raise Rejected(INVALID_PARAMETER_VALUE, message)
    if not _NAME.fullmatch(name):
        message = (
            "Message attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters; "
            "it can't start or end with a period, or have periods in succession."
        )
        raise Rejected(INVALID_PARAMETER_VALUE, message)
    if name.lower().startswith(_RESERVED):
        message = f"Message attribute name '{name}' is invalid: it can't start with a reserved prefix (AWS., Amazon.)."
        raise Rejected(INVALID_PARAMETER_VALUE, message)


def _read_value(what: str, name: str, given: AttributeValue) -> Attribute:
    if given.string_list_values or given.binary_list_values:
        message = f"{what.capitalize()} attribute list values in SendMessage operation are not supported."
        raise Rejected(UNSUPPORTED_OPERATION, message)
    type_name = given.data_type
    if not type_name:
        raise _refused(what, name, f"must contain a non-empty {what} attribute type.")
    match = _TYPE.fullmatch(type_name)
    if match is None or len(type_name) > ATTRIBUTE_TYPE_CHARACTERS:
        supported = "the set of supported type prefixes is Binary, Number, and String."
        raise _refused(what, name, f"has an invalid {what} attribute type, {supported}")
    check_text(type_name, type_name.encode())
    value = given.binary_value if match[1] == "Binary" else given.string_value
    if not value:
        raise _refused(
            what, name, f"must contain a non-empty {what} attribute value for {what} attribute type '{match[1]}'."
        )
    if isinstance(value, str):
        check_text(value, _utf8(value))
    if match[1] == "Number" and not _is_number(str(given.string_value)):
        raise Rejected(
            INVALID_PARAMETER_VALUE, f"Can't cast the value of {what} (user) attribute '{name}' to a number."
        )
    return name, type_name, value


def _utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _refused(what: str, name: str, why: str) -> Rejected:
    return Rejected(INVALID_PARAMETER_VALUE, f"The {what} attribute '{name}' {why}")


def _is_number(text: str) -> bool:
    if len(text) > NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        return False
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    return len(digits) <= NUMBER_DIGITS and (not digits or abs(value.adjusted()) < NUMBER_MAGNITUDE)
