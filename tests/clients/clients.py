"""boto3 clients for a server under test, in today's protocol (AWS JSON) and in the older one (Query, XML)."""

import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from tests.protocols.sqs.client import query_description

JSON = "json"
QUERY = "query"
PROTOCOLS = (JSON, QUERY)

OWNER = ("owner-key", "owner-secret", "111111111111")
GUEST = ("guest-key", "guest-secret", "222222222222")
DEFAULT = ("test", "test", "000000000000")


_PREFIXED = (
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "MessageNotInflight",
    "PurgeQueueInProgress",
    "QueueDeletedRecently",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
)
CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    **{name: f"AWS.SimpleQueueService.{name}" for name in _PREFIXED},
}
"""Codes of errors that are not their names, as the older model gave them."""


@cache
def _models() -> Path:
    """A folder with the service model as it was when SQS spoke the query protocol only."""
    folder = Path(mkdtemp(prefix="oncemq-query-model-"))
    model = folder / "sqs" / "2012-11-05" / "service-2.json"
    model.parent.mkdir(parents=True)
    description = query_description()
    for name, code in CODES.items():
        description["shapes"][name]["error"] = {"code": code, "httpStatusCode": 400, "senderFault": True}
    model.write_text(json.dumps(description))
    return folder


def connect(
    url: str, who: tuple[str, str, str] = DEFAULT, protocol: str = JSON, region: str = "us-east-1", **more: Any
) -> Any:
    """A client that asks once."""
    core = botocore.session.Session()
    if protocol == QUERY:
        core.get_component("data_loader").search_paths.insert(0, str(_models()))
    session = boto3.session.Session(
        aws_access_key_id=who[0], aws_secret_access_key=who[1], region_name=region, botocore_session=core
    )
    config = Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=30)
    client = session.client("sqs", endpoint_url=url, config=config, **more)
    assert client.meta.service_model.resolved_protocol == protocol
    return client


def wait_until(true: Callable[[], Any], seconds: float = 10) -> Any:
    """What `true` answers once it is something; fails after some seconds. For what happens in other processes."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return found


def attributes_of(sqs: Any, queue: str) -> dict[str, str]:
    """All attributes of a queue."""
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    return found


def arn_of(sqs: Any, queue: str) -> str:
    """The queue's ARN."""
    return attributes_of(sqs, queue)["QueueArn"]


def counts(sqs: Any, queue: str) -> tuple[int, int, int]:
    """Messages that are ready, in flight, delayed."""
    found = attributes_of(sqs, queue)
    ready, leased, delayed = (
        int(found[f"ApproximateNumberOfMessages{suffix}"]) for suffix in ("", "NotVisible", "Delayed")
    )
    return ready, leased, delayed


def receive(sqs: Any, queue: str, maximum: int = 10, **more: Any) -> list[dict[str, Any]]:
    """The messages of one receive, with all that can be known of them."""
    answer = sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=maximum,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        **more,
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    """Their bodies, in order."""
    return [message["Body"] for message in messages]


def dead_letter_pair(sqs: Any, name: str, receives: int = 1, fifo: bool = False) -> tuple[str, str]:
    """A queue whose messages go to a second one after so many receives; their URLs."""
    suffix, kind = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
    dead = sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=kind)["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": receives})
    attributes = {**kind, "VisibilityTimeout": "0" if not fifo else "30", "RedrivePolicy": policy}
    return sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=attributes)["QueueUrl"], dead
