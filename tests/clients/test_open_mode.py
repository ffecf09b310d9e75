"""Open mode: any caller, any signature or none; an access key of 12 digits is an account, and regions are apart."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.clients.clients import PROTOCOLS, arn_of, bodies, connect, receive
from tools.server_process import ServerProcess

SHOP = ("123456789012", "any", "123456789012")
ANYBODY = ("somebody", "any", "000000000000")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_access_key_of_12_digits_is_an_account(open_server: ServerProcess, name: str, protocol: str) -> None:
    shop, anybody = connect(open_server.url, SHOP, protocol), connect(open_server.url, ANYBODY, protocol)
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for sqs in (shop, anybody)]
    assert urls == [f"{open_server.url}/{account}/{name}" for account in ("123456789012", "000000000000")]
    assert arn_of(shop, urls[0]) == f"arn:aws:sqs:us-east-1:123456789012:{name}"
    anybody.send_message(QueueUrl=urls[0], MessageBody="no policy is asked")
    assert receive(anybody, urls[1]) == []
    assert bodies(receive(shop, urls[0])) == ["no policy is asked"]


def test_regions_are_apart(open_server: ServerProcess, name: str) -> None:
    here, there = connect(open_server.url, region="us-east-1"), connect(open_server.url, region="eu-central-1")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for sqs in (here, there)]
    assert urls[0] == urls[1]
    here.send_message(QueueUrl=urls[0], MessageBody="here")
    assert receive(there, urls[1]) == []
    assert bodies(receive(here, urls[0])) == ["here"]
    assert arn_of(there, urls[1]) == f"arn:aws:sqs:eu-central-1:000000000000:{name}"


def ask(server: ServerProcess, action: str, members: dict[str, Any], **headers: str) -> dict[str, Any]:
    common = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}
    request = urllib.request.Request(server.url, json.dumps(members).encode(), common | headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_no_signature_is_asked_for(open_server: ServerProcess, name: str) -> None:
    url = ask(open_server, "CreateQueue", {"QueueName": name})["QueueUrl"]
    assert url == f"{open_server.url}/000000000000/{name}"


def test_queue_urls_follow_the_host_that_was_asked(open_server: ServerProcess, name: str) -> None:
    url = ask(open_server, "CreateQueue", {"QueueName": name}, Host="queues.example:1234")["QueueUrl"]
    assert url == f"http://queues.example:1234/000000000000/{name}"
    ask(open_server, "SendMessage", {"QueueUrl": url, "MessageBody": "m"})
    assert ask(open_server, "ReceiveMessage", {"QueueUrl": url})["Messages"][0]["Body"] == "m"


def test_a_page_in_a_browser_is_refused(open_server: ServerProcess, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(open_server, "CreateQueue", {"QueueName": name}, Origin="https://page.example")
