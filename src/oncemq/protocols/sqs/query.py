"""The query protocol, version 2012-11-05: a form in, XML out.

Names follow the API reference: lists and maps are flattened under the singular name of their elements, counted from 1
(`AttributeName.1`, `Attribute.1.Name`, `SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.StringValue`).
"""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from oncemq.protocols.sqs.errors import INVALID_PARAMETER_VALUE, MALFORMED_QUERY, Rejected, SqsError
from oncemq.protocols.sqs.limits import FORM_DEPTH, FORM_FIELDS
from oncemq.protocols.sqs.requests import Request
from oncemq.protocols.sqs.responses import Response
from oncemq.protocols.sqs.xml import element, elements

HEADERS = b"Content-Type: text/xml\r\n"
NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

LISTS = {
    "AWSAccountIds": ("AWSAccountId",),
    "Actions": ("ActionName",),
    "AttributeNames": ("AttributeName",),
    "MessageAttributeNames": ("MessageAttributeName",),
    "MessageSystemAttributeNames": ("MessageSystemAttributeName",),
    "TagKeys": ("TagKey",),
    "StringListValues": ("StringListValue",),
    "BinaryListValues": ("BinaryListValue",),
}
"""Members that are lists, and their elements' names. `Entries` is `<Action>RequestEntry`."""

MAPS = {
    "Attributes": ("Attribute", "Name", "Value"),
    "MessageAttributes": ("MessageAttribute", "Name", "Value"),
    "MessageSystemAttributes": ("MessageSystemAttribute", "Name", "Value"),
    "Tags": ("Tag", "Key", "Value"),
    "tags": ("Tag", "Key", "Value"),
}
"""Members that are maps: name of an entry, of its key, of its value."""

_COLLECTIONS = frozenset({"Entries", *LISTS, *MAPS})
"""Under its own name a list or a map is only ever the mark of an empty one (`Entries=`)."""

Tree = dict[str, Any]
"""A form by the parts of its names: `A.1.B=x` is {"A": {"1": {"B": "x"}}}."""


def read_form(*sources: bytes) -> dict[str, str]:
    """The parameters of query strings and form bodies; a later one of the same name wins. Rejected when malformed."""
    form: dict[str, str] = {}
    for source in sources:
        if not source:
            continue
        try:
            pairs = parse_qsl(
                source.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS
            )
        except (UnicodeDecodeError, ValueError) as error:
            raise Rejected(MALFORMED_QUERY, f"The request's parameters cannot be read: {str(error)[:200]}.") from None
        form.update(pairs)
    return form


def read(request: type[Request], form: dict[str, str]) -> Request:
    """The request that a form makes. Rejected with InvalidParameterValue where a value is of the wrong type."""
    try:
        return msgspec.convert(_struct(_tree(form), request.__name__), request, strict=False)
    except msgspec.ValidationError as error:
        raise Rejected(INVALID_PARAMETER_VALUE, f"A parameter is invalid. Reason: {str(error)[:300]}.") from None


def _tree(form: dict[str, str]) -> Tree:
    tree: Tree = {}
    for name, value in form.items():
        parts = name.split(".", FORM_DEPTH)
        node = tree
        for part in parts[:-1]:
            below = node.get(part)
            if not isinstance(below, dict):
                below = node[part] = {}
            node = below
        if not isinstance(node.get(parts[-1]), dict):
            node[parts[-1]] = value
    return tree


def _struct(tree: Tree, action: str) -> Tree:
    """The members in a tree, under the names of the service model."""
    members: Tree = {name: value for name, value in tree.items() if isinstance(value, str) and name not in _COLLECTIONS}
    for member, (name,) in LISTS.items():
        if name in tree:
            members[member] = _in_order(tree[name])
    for member, (name, key, value) in MAPS.items():
        if name in tree:
            members[member] = _map(tree[name], key, value)
    entries = tree.get(f"{action}RequestEntry")
    if entries is not None:
        members["Entries"] = [_struct(entry, "") for entry in _in_order(entries) if isinstance(entry, dict)]
    return members


def _in_order(node: Any) -> list[Any]:
    """The elements of a flattened list. A list of one may leave its number out, as old programs do."""
    if isinstance(node, str):
        return [node]
    numbered = [(int(number), value) for number, value in node.items() if number.isascii() and number.isdigit()]
    return [value for _, value in sorted(numbered, key=lambda item: item[0])] or [node]


def _map(node: Any, key: str, value: str) -> Tree:
    read: Tree = {}
    for entry in _in_order(node):
        if isinstance(entry, dict) and isinstance(entry.get(key), str):
            found = entry.get(value, "")
            read[entry[key]] = _struct(found, "") if isinstance(found, dict) else found
    return read


def write(action: str, response: Response, request_id: str) -> bytes:
    """The XML that carries a response."""
    result = elements(response)
    body = f"<{action}Result>{result}</{action}Result>" if type(response) is not Response else ""
    metadata = f"<ResponseMetadata>{element('RequestId', request_id)}</ResponseMetadata>"
    text = f'<?xml version="1.0"?><{action}Response xmlns="{NAMESPACE}">{body}{metadata}</{action}Response>'
    return text.encode()


def write_error(error: SqsError, request_id: str) -> bytes:
    """The XML that carries an error."""
    fault = "Sender" if error.kind.sender else "Receiver"
    parts = element("Type", fault) + element("Code", error.kind.code) + element("Message", error.message) + "<Detail/>"
    request = element("RequestId", request_id)
    text = f'<?xml version="1.0"?><ErrorResponse xmlns="{NAMESPACE}"><Error>{parts}</Error>{request}</ErrorResponse>'
    return text.encode()
