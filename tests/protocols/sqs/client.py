"""A client made of botocore's serialisers, signers and parsers, and of a core's outputs made by hand."""

import base64
import datetime
from typing import Any
from unittest import mock

import botocore.parsers
import botocore.serialize
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel

from oncemq.core.commands import Command, Lease
from oncemq.core.model import CONTENT_SQS, Content
from oncemq.core.outputs import MoveTaskInfo, Output, QueueInfo, ReceivedMessage
from oncemq.core.refusals import Refusal
from oncemq.core.settings import Settings
from oncemq.protocols.sqs.access import OPEN, VERIFY, Access
from oncemq.protocols.sqs.connection import SqsConnection
from oncemq.protocols.sqs.door import SqsDoor
from oncemq.protocols.sqs.exchange import Exchange

NOW_MS = 1_795_298_400_000
KEY = b"k" * 32
URL = "http://localhost:9324/000000000000/orders"
FIFO_URL = "http://localhost:9324/000000000000/orders.fifo"
ARN = "arn:aws:sqs:us-east-1:000000000000:orders"
DEAD_ARN = "arn:aws:sqs:us-east-1:000000000000:dead"

JSON = "json"
QUERY = "query"

_LOCATION_NAMES = {
    ("AWSAccountIdList", "member"): "AWSAccountId",
    ("ActionNameList", "member"): "ActionName",
    ("AttributeNameList", "member"): "AttributeName",
    ("MessageAttributeNameList", "member"): "MessageAttributeName",
    ("MessageSystemAttributeList", "member"): "MessageSystemAttributeName",
    ("TagKeyList", "member"): "TagKey",
    ("QueueUrlList", "member"): "QueueUrl",
    ("MessageList", "member"): "Message",
    ("StringList", "member"): "StringListValue",
    ("BinaryList", "member"): "BinaryListValue",
    ("BatchResultErrorEntryList", "member"): "BatchResultErrorEntry",
    ("ListMessageMoveTasksResultEntryList", "member"): "ListMessageMoveTasksResultEntry",
}
_MAPS = {
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}


def json_description() -> dict[str, Any]:
    """The service model of today, in AWS JSON."""
    description: dict[str, Any] = Loader().load_service_model("sqs", "service-2")
    return description


def query_description() -> dict[str, Any]:
    """The service model as it was in the query protocol: the same shapes, with the names of elements put back."""
    description = json_description()
    metadata = description["metadata"]
    for name in ("awsQueryCompatible", "jsonVersion", "targetPrefix", "protocols"):
        metadata.pop(name, None)
    metadata.update(protocol="query", xmlNamespace="http://queue.amazonaws.com/doc/2012-11-05/")
    for operation in description["operations"].values():
        if "output" in operation:
            operation["output"]["resultWrapper"] = operation["output"]["shape"]
    for name, shape in description["shapes"].items():
        if shape["type"] == "list":
            entry = shape["member"]["shape"]
            shape["member"]["locationName"] = _LOCATION_NAMES.get((name, "member"), entry)
        elif shape["type"] == "map":
            _, shape["key"]["locationName"], shape["value"]["locationName"] = _MAPS[name]
        elif shape["type"] == "structure":
            for member in shape["members"].values():
                if member["shape"] in _MAPS:
                    member["locationName"] = _MAPS[member["shape"]][0]
    return description


MODELS = {JSON: ServiceModel(json_description(), "sqs"), QUERY: ServiceModel(query_description(), "sqs")}


def open_door() -> SqsDoor:
    return SqsDoor(Access(mode=OPEN), KEY)


def verifying_door(keys: dict[str, tuple[str, str]] | None = None) -> SqsDoor:
    return SqsDoor(Access(mode=VERIFY, keys=keys or {}), KEY)


def open_connection() -> SqsConnection:
    return open_door().connection(peer_is_loopback=True)


def raw_request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of an HTTP request."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def serialised(action: str, parameters: dict[str, Any], protocol: str = JSON) -> tuple[dict[str, str], bytes]:
    """Headers and body as botocore makes them, unsigned."""
    model = MODELS[protocol]
    serializer = botocore.serialize.create_serializer(model.metadata["protocol"], include_validation=False)
    made = serializer.serialize_to_request(parameters, model.operation_model(action))
    body = made["body"]
    if isinstance(body, dict):
        body = AWSRequest("POST", "http://localhost:9324/", data=body).prepare().body
    headers = {"Host": "localhost:9324", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    headers.update(made["headers"])
    return headers, body.encode() if isinstance(body, str) else body


def request(action: str, parameters: dict[str, Any], protocol: str = JSON) -> bytes:
    """A whole unsigned request."""
    headers, body = serialised(action, parameters, protocol)
    return raw_request("POST", "/", headers, body)


def json_request(action: str, body: bytes) -> bytes:
    """A whole unsigned request in AWS JSON with a body made by hand."""
    headers = {"Host": "localhost:9324", "X-Amz-Target": f"AmazonSQS.{action}"}
    return raw_request("POST", "/", headers, body)


def signing_time(at_ms: int) -> Any:
    """botocore signs with its own clock: this sets it."""
    moment = datetime.datetime.fromtimestamp(at_ms / 1_000, datetime.UTC)
    return mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None))


def signed(
    action: str,
    parameters: dict[str, Any],
    protocol: str = JSON,
    key: tuple[str, str] = ("test", "test"),
    at_ms: int = NOW_MS,
    token: str | None = None,
    region: str = "us-east-1",
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request signed in its Authorization header."""
    headers, body = serialised(action, parameters, protocol)
    made = AWSRequest("POST", "http://localhost:9324/", headers=headers, data=body)
    with signing_time(at_ms):
        SigV4Auth(Credentials(*key, token), "sqs", region).add_auth(made)
    return dict(made.headers.items()), body


def presigned(
    url: str, key: tuple[str, str] = ("test", "test"), at_ms: int = NOW_MS, expires: int = 300, method: str = "GET"
) -> bytes:
    """A whole presigned request."""
    made = AWSRequest(method, url, headers={})
    with signing_time(at_ms):
        SigV4QueryAuth(Credentials(*key), "sqs", "us-east-1", expires=expires).add_auth(made)
    target = made.url.removeprefix("http://localhost:9324")
    return raw_request(method, target, {"Host": "localhost:9324"})


def only(connection: SqsConnection, raw: bytes, now_ms: int = NOW_MS) -> Exchange:
    """The one exchange that these bytes make."""
    exchanges = connection.feed(raw, now_ms)
    assert len(exchanges) == 1
    return exchanges[0]


def command_of(raw: bytes) -> Command:
    """The command that a request to a fresh open connection makes."""
    exchange = only(open_connection(), raw)
    assert exchange.command is not None, exchange.reply
    return exchange.command


class Reply:
    """An HTTP response, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1"
        self.status = int(status)
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        assert int(self.headers["content-length"]) == len(self.body)

    def parsed(self, action: str, protocol: str = JSON) -> dict[str, Any]:
        """What botocore makes of it."""
        model = MODELS[protocol]
        output = model.operation_model(action).output_shape
        parser = botocore.parsers.create_parser(model.metadata["protocol"])
        answer = {"body": self.body, "headers": self.headers, "status_code": self.status}
        found: dict[str, Any] = parser.parse(answer, output)
        return found


def answer(
    action: str, parameters: dict[str, Any], output: Output | Refusal | None, protocol: str = JSON
) -> dict[str, Any]:
    """Asks and answers over a fresh open connection; what botocore reads from the answer."""
    exchange = only(open_connection(), request(action, parameters, protocol))
    return answered(exchange, action, output, protocol)


def answered(exchange: Exchange, action: str, output: Output | Refusal | None, protocol: str = JSON) -> dict[str, Any]:
    if exchange.reply is not None:
        return Reply(exchange.reply).parsed(action, protocol)
    assert output is not None
    return Reply(exchange.render(output)).parsed(action, protocol)


def error_of(action: str, parameters: dict[str, Any], protocol: str = JSON) -> tuple[str, str]:
    """Code and message of a request that the protocol itself refuses."""
    exchange = only(open_connection(), request(action, parameters, protocol))
    assert exchange.reply is not None, exchange.command
    error = Reply(exchange.reply).parsed(action, protocol)["Error"]
    return error["Code"], error["Message"]


def queue_info(name: str = "orders", settings: Settings | None = None, **changes: Any) -> QueueInfo:
    shown: dict[str, Any] = {"tags": {}, "created_ms": 1_000_500, "changed_ms": 2_000_900}
    shown.update({"ready": 3, "leased": 2, "delayed": 1, "number": 7, **changes})
    return QueueInfo(name=name, settings=settings or Settings(), **shown)


def received(body: str = "hello", properties: bytes = b"", **changes: Any) -> ReceivedMessage:
    shown: dict[str, Any] = {"message": 42, "position": 0, "length_bytes": 0, "sent_ms": 1_000, "deliveries": 2}
    shown.update({"first_delivery_ms": 1_500, "fifo": False, "source": None, **changes})
    return ReceivedMessage(Lease(7, 8, 9), content=Content(CONTENT_SQS, properties, body.encode()), **shown)


def move_task(**changes: Any) -> MoveTaskInfo:
    shown: dict[str, Any] = {"task": 5, "source": "dead", "destination": None, "rate_per_second": None, "moved": 4}
    shown.update({"status": "RUNNING", "to_move": 10, "failure": None, "started_ms": 123_456, **changes})
    return MoveTaskInfo(**shown)


def handle(lease: Lease | None = None) -> str:
    """A receipt handle of the door's own."""
    return open_door().identity.of_host("/").receipt_handle(lease or Lease(7, 8, 9))


def base64_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
