"""Bodies: JSON, typed by a msgspec Struct, a dataclass, a TypedDict, a pydantic model, or any type that msgspec knows.

`bytes` takes the body as it is.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from oncemq.worker.outcomes import WorkerError

Decode = Callable[[bytes], Any]


class InvalidBody(WorkerError):
    """It does not parse, or is not what the handler's type says."""


def decoder(kind: Any) -> Decode:
    """What makes a value of this type from a body. It raises InvalidBody."""
    if kind is bytes:
        return bytes
    if _is_pydantic(kind):
        return _of_pydantic(kind)
    json = msgspec.json.Decoder(Any if kind is dict else kind)

    def decode(body: bytes) -> Any:
        try:
            return json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidBody(str(error)) from error

    return decode


def encode(value: Any) -> bytes:
    """A body. bytes stay as they are."""
    return value if isinstance(value, bytes) else msgspec.json.encode(value, enc_hook=_other)


def _is_pydantic(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_validate_json")


def _of_pydantic(kind: Any) -> Decode:
    def decode(body: bytes) -> Any:
        try:
            return kind.model_validate_json(body)
        except ValueError as error:  # pydantic's ValidationError is one
            raise InvalidBody(str(error)) from error

    return decode


def _other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"a body cannot hold a {type(value).__name__}")
