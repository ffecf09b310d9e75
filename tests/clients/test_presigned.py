"""The query protocol by hand: a GET on the queue's URL that was signed ahead, as a link that anybody may follow."""

import urllib.error
import urllib.parse
import urllib.request
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.clients.clients import connect, receive
from tools.server_process import ServerProcess

SPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
CREDENTIALS = Credentials("test", "test")
VERSION = "2012-11-05"


def link(queue: str, seconds: int = 60, **parameters: str) -> str:
    """A presigned URL."""
    url = f"{queue}?{urllib.parse.urlencode({'Version': VERSION, **parameters})}"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(CREDENTIALS, "sqs", "us-east-1", expires=seconds).add_auth(request)
    return str(request.prepare().url)


def follow(url: str, headers: dict[str, str] | None = None) -> tuple[int, ElementTree.Element]:
    """Status and document of a GET."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
            return answer.status, ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ElementTree.fromstring(error.read())


@pytest.fixture
def here(server: ServerProcess, name: str) -> tuple[Any, str]:
    sqs = connect(server.url)
    return sqs, sqs.create_queue(QueueName=name)["QueueUrl"]


def test_a_presigned_send_and_receive(here: tuple[Any, str]) -> None:
    sqs, queue = here
    status, sent = follow(link(queue, Action="SendMessage", MessageBody="olá & <adeus>"))
    assert (status, sent.tag) == (200, f"{SPACE}SendMessageResponse")
    (message,) = receive(sqs, queue, VisibilityTimeout=0)
    assert message["Body"] == "olá & <adeus>"
    assert sent.findtext(f".//{SPACE}MessageId") == message["MessageId"]
    status, received = follow(link(queue, Action="ReceiveMessage"))
    assert (status, received.findtext(f".//{SPACE}Body")) == (200, "olá & <adeus>")


def test_a_get_signed_in_its_headers(here: tuple[Any, str]) -> None:
    _, queue = here
    url = f"{queue}?Action=GetQueueAttributes&AttributeName.1=QueueArn&Version={VERSION}"
    request = AWSRequest("GET", url)
    SigV4Auth(CREDENTIALS, "sqs", "us-east-1").add_auth(request)
    status, answer = follow(url, dict(request.headers))
    assert (status, answer.findtext(f".//{SPACE}Name")) == (200, "QueueArn")


@pytest.mark.parametrize("change", ["MessageBody=n", "X-Amz-Signature=00"])
def test_a_link_that_was_changed_is_refused(here: tuple[Any, str], change: str) -> None:
    sqs, queue = here
    url = link(queue, Action="SendMessage", MessageBody="m")
    name = change.partition("=")[0]
    changed = "&".join(change if part.startswith(name + "=") else part for part in url.split("&"))
    assert changed != url
    status, answer = follow(changed)
    assert (status, answer.findtext(f".//{SPACE}Code")) == (403, "SignatureDoesNotMatch")
    assert receive(sqs, queue) == []


def test_a_link_without_a_signature_is_refused(here: tuple[Any, str]) -> None:
    status, answer = follow(f"{here[1]}?Action=ReceiveMessage&Version={VERSION}")
    assert (status, answer.findtext(f".//{SPACE}Code")) == (403, "MissingAuthenticationToken")


def test_an_unknown_action_is_refused(here: tuple[Any, str]) -> None:
    status, answer = follow(link(here[1], Action="MakeCoffee"))
    assert (status, answer.findtext(f".//{SPACE}Code")) == (400, "InvalidAction")
