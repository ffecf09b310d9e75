"""Responses as XML elements, flattened as the query protocol has them.

Message texts hold only what XML 1.0 can carry, but names and values that clients gave through JSON may hold more: what
XML cannot carry is shown as U+FFFD. A carriage return is written as a reference, or readers would drop it.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec

LIST_ELEMENTS = {
    "Successful": "",
    "Failed": "",
    "Messages": "Message",
    "QueueUrls": "QueueUrl",
    "queueUrls": "QueueUrl",
    "Results": "ListMessageMoveTasksResultEntry",
}
"""Names of the elements of lists; "": the name of the element's type."""

MAP_ELEMENTS = {
    "Attributes": ("Attribute", "Name", "Value"),
    "MessageAttributes": ("MessageAttribute", "Name", "Value"),
    "Tags": ("Tag", "Key", "Value"),
}
"""Names of the entries of maps, of their keys and of their values."""

_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def escaped(text: str) -> str:
    """Text as the content of an element."""
    return _SPECIAL.sub(lambda match: _REFERENCES.get(match[0], "\ufffd"), text)


def element(name: str, value: Any) -> str:
    """One element: text, number, flag, bytes in base64, or what a Struct holds."""
    if isinstance(value, str):
        inner = escaped(value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    elif isinstance(value, bytes):
        inner = base64.b64encode(value).decode("ascii")
    elif isinstance(value, msgspec.Struct):
        inner = elements(value)
    else:
        inner = str(value)
    return f"<{name}>{inner}</{name}>"


def elements(struct: msgspec.Struct) -> str:
    """The members of a Struct, one after another; those that are None are left out."""
    parts: list[str] = []
    for field, name in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True):
        value = getattr(struct, field)
        if value is None:
            continue
        if isinstance(value, list):
            parts.extend(element(LIST_ELEMENTS[name] or type(item).__name__, item) for item in value)
        elif isinstance(value, Mapping):
            entry, key, of_key = MAP_ELEMENTS[name]
            parts.extend(f"<{entry}>{element(key, k)}{element(of_key, v)}</{entry}>" for k, v in value.items())
        else:
            parts.append(element(name, value))
    return "".join(parts)
