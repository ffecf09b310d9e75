"""Nothing of the service model is missing: actions, members, enumerations, errors."""

from typing import Any

import pytest

from oncemq.protocols.sqs import errors, requests, responses
from oncemq.protocols.sqs.actions import ACTIONS
from oncemq.protocols.sqs.attributes import NAMES, WINDOW_ATTRIBUTE
from oncemq.protocols.sqs.message_attributes import TRACE_HEADER
from oncemq.protocols.sqs.receive import SYSTEM_ATTRIBUTES
from tests.protocols.sqs.client import json_description

MODEL: dict[str, Any] = json_description()
SHAPES: dict[str, Any] = MODEL["shapes"]
RESPONSE_NAMES = {"MessageAttributeValue": "ReceivedAttributeValue"}


def _members(struct: Any) -> set[str]:
    return set(struct.__struct_encode_fields__)


def test_actions() -> None:
    assert set(ACTIONS) == set(MODEL["operations"])


@pytest.mark.parametrize("action", sorted(MODEL["operations"]))
def test_request_members(action: str) -> None:
    operation = MODEL["operations"][action]
    assert _members(getattr(requests, action)) == set(SHAPES[operation["input"]["shape"]]["members"])


@pytest.mark.parametrize("action", sorted(name for name, o in MODEL["operations"].items() if "output" in o))
def test_response_members(action: str) -> None:
    shape = MODEL["operations"][action]["output"]["shape"]
    assert _members(getattr(responses, shape)) == set(SHAPES[shape]["members"])


@pytest.mark.parametrize(
    "shape",
    [
        "SendMessageBatchRequestEntry",
        "DeleteMessageBatchRequestEntry",
        "ChangeMessageVisibilityBatchRequestEntry",
    ],
)
def test_members_of_batch_entries(shape: str) -> None:
    assert _members(getattr(requests, shape)) == set(SHAPES[shape]["members"])


@pytest.mark.parametrize(
    "shape",
    [
        "BatchResultErrorEntry",
        "SendMessageBatchResultEntry",
        "DeleteMessageBatchResultEntry",
        "ChangeMessageVisibilityBatchResultEntry",
        "ListMessageMoveTasksResultEntry",
        "Message",
    ],
)
def test_members_of_results(shape: str) -> None:
    assert _members(getattr(responses, shape)) == set(SHAPES[shape]["members"])


def test_members_of_attribute_values() -> None:
    assert _members(requests.AttributeValue) == set(SHAPES["MessageAttributeValue"]["members"])
    assert _members(requests.AttributeValue) == set(SHAPES["MessageSystemAttributeValue"]["members"])


def test_queue_attributes() -> None:
    assert set(SHAPES["QueueAttributeName"]["enum"]) - {"All"} == NAMES - {WINDOW_ATTRIBUTE}


def test_message_system_attributes() -> None:
    assert set(SHAPES["MessageSystemAttributeName"]["enum"]) - {"All"} == SYSTEM_ATTRIBUTES
    assert SHAPES["MessageSystemAttributeNameForSends"]["enum"] == [TRACE_HEADER]


def test_errors() -> None:
    modelled = {name for name, shape in SHAPES.items() if shape.get("exception")}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, errors.Kind)]
    ours = {kind.type.removeprefix(errors.SQS) for kind in kinds if kind.type.startswith(errors.SQS)}
    assert ours == modelled


def test_types_of_members() -> None:
    """Strings, integers and blobs are told apart as the model tells them."""
    kinds = {"string": "str", "integer": "int", "long": "int", "blob": "bytes", "boolean": "bool"}
    for operation in MODEL["operations"].values():
        shape = SHAPES[operation["input"]["shape"]]
        struct = getattr(requests, operation["name"])
        fields = dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
        annotations = {
            name: str(hint) for base in struct.__mro__ for name, hint in vars(base).get("__annotations__", {}).items()
        }
        for member, reference in shape["members"].items():
            kind = SHAPES[reference["shape"]]["type"]
            if kind in kinds:
                assert kinds[kind] in annotations[fields[member]], (operation["name"], member)
