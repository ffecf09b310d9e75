"""A small SQS client over AWS JSON, unsigned, for what a measurement needs besides its load."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

ACCOUNT = "000000000000"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
)
"""Not a signature, but moto reads the service out of it."""


class Client:
    """One connection to a server in open mode."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one action. Raises RuntimeError on a refusal."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": AUTHORIZATION,
        }
        self._connection.request("POST", "/", json.dumps(parameters), headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{action}: {response.status} {body!r}")
        answer: dict[str, Any] = json.loads(body) if body else {}
        return answer

    def create_queue(self, name: str, **attributes: str) -> str:
        """Returns the queue's URL."""
        self.ask("CreateQueue", QueueName=name, Attributes=attributes)
        return f"{self.url}/{ACCOUNT}/{name}"
