"""AWS JSON 1.0: `X-Amz-Target: AmazonSQS.<Action>`, a JSON object each way."""

import re

import msgspec

from oncemq.protocols.sqs.errors import SERIALIZATION, Kind, Rejected, SqsError
from oncemq.protocols.sqs.requests import Request
from oncemq.protocols.sqs.responses import Response

HEADERS = b"Content-Type: application/x-amz-json-1.0\r\n"

_encode = msgspec.json.Encoder().encode
_WRONG_TYPE = re.compile(r"Expected `([^`]*)`, got `([^`]*)`(?: - at `(.*)`)?", re.DOTALL)
_FOUND = {
    "int": "NUMBER_VALUE",
    "float": "DECIMAL_VALUE",
    "str": "STRING_VALUE",
    "bool": "BOOLEAN_VALUE",
    "null": "NULL_VALUE",
}
_EXPECTED = {"int": "Integer", "str": "String", "bytes": "Blob"}


class _Fault(msgspec.Struct):
    type: str = msgspec.field(name="__type")
    message: str


def read(decoder: msgspec.json.Decoder[Request], body: bytes) -> Request:
    """The request in a body. An empty body is an empty object. Rejected with SerializationException."""
    if not body:
        body = b"{}"
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Rejected(SERIALIZATION, _wrong_type(str(error))) from None
    except msgspec.DecodeError as error:
        raise Rejected(SERIALIZATION, f"The request's body is not valid JSON: {str(error)[:200]}.") from None
    except UnicodeDecodeError:
        raise Rejected(SERIALIZATION, "The request's body is not valid UTF-8.") from None
    except RecursionError:
        raise Rejected(SERIALIZATION, "The request's body is nested too deeply.") from None


def write(response: Response) -> bytes:
    """The body that carries a response."""
    return _encode(response)


def write_error(error: SqsError) -> bytes:
    """The body that carries an error."""
    return _encode(_Fault(error.kind.type, error.message))


def error_header(kind: Kind) -> bytes:
    """The header that gives clients the code of the query protocol, which older programs look for."""
    return b"x-amzn-query-error: %b;%b\r\n" % (kind.code.encode(), b"Sender" if kind.sender else b"Receiver")


def _wrong_type(found: str) -> str:
    match = _WRONG_TYPE.search(found)
    if match is None:
        return found[:300]
    expected, got, path = match[1].split(" ")[0], match[2], match[3] or "$"
    if got == "object":
        return f"Start of structure or map found where not expected, at {path[:200]}."
    if got == "array":
        return f"Start of list found where not expected, at {path[:200]}."
    return f"{_FOUND.get(got, got)} cannot be converted to {_EXPECTED.get(expected, expected)}, at {path[:200]}."
