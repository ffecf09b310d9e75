"""What one account may do with the queues of another: policies, and AddPermission."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import GUEST, OWNER, PROTOCOLS, arn_of, bodies, connect, receive
from tools.server_process import ServerProcess


@pytest.fixture(scope="module", params=PROTOCOLS)
def owner(request: pytest.FixtureRequest, server: ServerProcess) -> Any:
    return connect(server.url, OWNER, request.param)


@pytest.fixture(scope="module")
def guest(owner: Any, server: ServerProcess) -> Any:
    return connect(server.url, GUEST, owner.meta.service_model.resolved_protocol)


@pytest.fixture
def owned(owner: Any, name: str) -> str:
    """URL of a queue of the owner."""
    url: str = owner.create_queue(QueueName=name)["QueueUrl"]
    return url


def denied(ask: Callable[[], Any]) -> bool:
    """Whether the answer is AccessDenied; otherwise it must be a success."""
    try:
        ask()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
        return True
    return False


def statement(owner: Any, owned: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    given = {"Effect": effect, "Principal": {"AWS": GUEST[2]}, "Action": "sqs:*", "Resource": arn_of(owner, owned)}
    return given | more


def set_policy(owner: Any, owned: str, *statements: dict[str, Any]) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    owner.set_queue_attributes(QueueUrl=owned, Attributes={"Policy": policy})


def test_an_account_has_its_own_queues(owner: Any, guest: Any, owned: str, name: str) -> None:
    assert f"/{OWNER[2]}/{name}" in owned
    assert "QueueUrls" not in guest.list_queues(QueueNamePrefix=name)
    with pytest.raises(guest.exceptions.QueueDoesNotExist):
        guest.get_queue_url(QueueName=name)


def test_without_a_policy_nobody_else_may(owner: Any, guest: Any, owned: str, name: str) -> None:
    assert denied(lambda: guest.send_message(QueueUrl=owned, MessageBody="m"))
    assert denied(lambda: guest.receive_message(QueueUrl=owned))
    assert denied(lambda: guest.delete_queue(QueueUrl=owned))
    assert denied(lambda: guest.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=OWNER[2]))
    assert not denied(lambda: owner.send_message(QueueUrl=owned, MessageBody="m"))


def test_a_policy_allows_what_it_says(owner: Any, guest: Any, owned: str, name: str) -> None:
    set_policy(owner, owned, statement(owner, owned, Action=["sqs:SendMessage", "SQS:GetQueueUrl"]))
    assert guest.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=OWNER[2])["QueueUrl"] == owned
    guest.send_message(QueueUrl=owned, MessageBody="from the guest")
    batch = guest.send_message_batch(QueueUrl=owned, Entries=[{"Id": "a", "MessageBody": "batch"}])
    assert len(batch["Successful"]) == 1
    assert denied(lambda: receive(guest, owned))
    messages = receive(owner, owned)
    assert sorted(bodies(messages)) == ["batch", "from the guest"]
    assert {message["Attributes"]["SenderId"] for message in messages} == {GUEST[2]}


def test_a_denial_outweighs_what_is_allowed(owner: Any, guest: Any, owned: str) -> None:
    deny = statement(owner, owned, "Deny", Principal="*", Action="sqs:PurgeQueue")
    set_policy(owner, owned, statement(owner, owned), deny)
    assert not denied(lambda: guest.send_message(QueueUrl=owned, MessageBody="m"))
    assert denied(lambda: guest.purge_queue(QueueUrl=owned))


def test_everybody_may_where_the_policy_says_so(owner: Any, guest: Any, owned: str) -> None:
    set_policy(owner, owned, statement(owner, owned, Principal="*"))
    assert not denied(lambda: guest.receive_message(QueueUrl=owned))
    owner.set_queue_attributes(QueueUrl=owned, Attributes={"Policy": ""})
    assert denied(lambda: guest.receive_message(QueueUrl=owned))


def test_add_and_remove_permission(owner: Any, guest: Any, owned: str) -> None:
    owner.add_permission(QueueUrl=owned, Label="receivers", AWSAccountIds=[GUEST[2]], Actions=["ReceiveMessage"])
    assert not denied(lambda: guest.receive_message(QueueUrl=owned))
    assert denied(lambda: guest.send_message(QueueUrl=owned, MessageBody="m"))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        owner.add_permission(QueueUrl=owned, Label="receivers", AWSAccountIds=[GUEST[2]], Actions=["SendMessage"])
    owner.remove_permission(QueueUrl=owned, Label="receivers")
    assert denied(lambda: guest.receive_message(QueueUrl=owned))
