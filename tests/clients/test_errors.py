"""Errors arrive as the classes and codes that programs catch."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import CODES, DEFAULT, JSON, arn_of, connect, receive
from tools.server_process import ServerProcess

Call = Callable[[Any, str, str], Any]

MODELLED: dict[str, Call] = {
    "QueueDoesNotExist": lambda sqs, queue, fifo: sqs.send_message(QueueUrl=queue + "-none", MessageBody="m"),
    "QueueNameExists": lambda sqs, queue, fifo: sqs.create_queue(
        QueueName=queue.rsplit("/", 1)[1], Attributes={"DelaySeconds": "5"}
    ),
    "InvalidAttributeName": lambda sqs, queue, fifo: sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["No"]),
    "InvalidAttributeValue": lambda sqs, queue, fifo: sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"DelaySeconds": "901"}
    ),
    "InvalidMessageContents": lambda sqs, queue, fifo: sqs.send_message(QueueUrl=queue, MessageBody="\ufffe"),
    "ReceiptHandleIsInvalid": lambda sqs, queue, fifo: sqs.delete_message(QueueUrl=queue, ReceiptHandle="no"),
    "EmptyBatchRequest": lambda sqs, queue, fifo: sqs.delete_message_batch(QueueUrl=queue, Entries=[]),
    "PurgeQueueInProgress": lambda sqs, queue, fifo: [sqs.purge_queue(QueueUrl=queue) for _ in range(2)],
    "ResourceNotFoundException": lambda sqs, queue, fifo: sqs.list_message_move_tasks(
        SourceArn=arn_of(sqs, queue) + "-none"
    ),
    "OverLimit": lambda sqs, queue, fifo: sqs.add_permission(
        QueueUrl=queue, Label="l", AWSAccountIds=["222222222222"], Actions=["SendMessage"] * 8
    ),
}
COMMON: dict[str, tuple[str, Call]] = {
    "no group": ("MissingParameter", lambda sqs, queue, fifo: sqs.send_message(QueueUrl=fifo, MessageBody="m")),
    "too many wanted": (
        "InvalidParameterValue",
        lambda sqs, queue, fifo: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=11),
    ),
    "wait": (
        "InvalidParameterValue",
        lambda sqs, queue, fifo: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=21),
    ),
    "name": ("InvalidParameterValue", lambda sqs, queue, fifo: sqs.create_queue(QueueName="no spaces")),
    "delay of one message": (
        "InvalidParameterValue",
        lambda sqs, queue, fifo: sqs.send_message(
            QueueUrl=fifo, MessageBody="m", MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=1
        ),
    ),
    "tags": (
        "InvalidParameterValue",
        lambda sqs, queue, fifo: sqs.tag_queue(QueueUrl=queue, Tags={str(n): "v" for n in range(51)}),
    ),
}


@pytest.mark.parametrize("error", MODELLED)
def test_an_error_of_the_model_is_its_class(sqs: Any, queue: str, error: str) -> None:
    with pytest.raises(getattr(sqs.exceptions, error)) as caught:
        MODELLED[error](sqs, queue, queue)
    answer = caught.value.response
    assert answer["Error"]["Code"] == CODES.get(error, error)
    assert answer["Error"]["Message"]
    assert 400 <= answer["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("case", COMMON)
def test_an_error_common_to_all_services_has_its_code(sqs: Any, queue: str, name: str, case: str) -> None:
    code, call = COMMON[case]
    fifo = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    with pytest.raises(ClientError) as caught:
        call(sqs, queue, fifo)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (("nobody", "test", ""), "InvalidClientTokenId"),
        (("test", "wrong", ""), "SignatureDoesNotMatch"),
    ],
)
@pytest.mark.parametrize("protocol", ["json", "query"])
def test_a_caller_who_cannot_sign_is_refused(
    server: ServerProcess, who: tuple[str, str, str], code: str, protocol: str
) -> None:
    with pytest.raises(ClientError) as caught:
        connect(server.url, who, protocol).list_queues()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Code"] in (code, "UnrecognizedClientException", "InvalidSignatureException")


def test_list_queues_has_pages(sqs: Any, name: str) -> None:
    urls = [sqs.create_queue(QueueName=f"{name}-{number:02d}")["QueueUrl"] for number in range(7)]
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{name}-", PaginationConfig={"PageSize": 3})
    assert [page.get("QueueUrls", []) for page in pages] == [urls[:3], urls[3:6], urls[6:]]


def test_sources_of_a_dead_letter_queue_have_pages(sqs: Any, queue: str, name: str) -> None:
    policy = f'{{"deadLetterTargetArn":"{arn_of(sqs, queue)}","maxReceiveCount":1}}'
    urls = [
        sqs.create_queue(QueueName=f"{name}-{number}", Attributes={"RedrivePolicy": policy})["QueueUrl"]
        for number in range(3)
    ]
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(
        QueueUrl=queue, PaginationConfig={"PageSize": 2}
    )
    assert [page.get("queueUrls", []) for page in pages] == [urls[:2], urls[2:]]


def test_a_queue_url_with_another_host_names_the_queue_by_its_path(server: ServerProcess, name: str) -> None:
    sqs = connect(server.url, DEFAULT, JSON)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert queue.startswith(server.url + "/")
    elsewhere = f"https://sqs.us-east-1.amazonaws.com/000000000000/{name}"
    sqs.send_message(QueueUrl=elsewhere, MessageBody="m")
    assert receive(sqs, queue)[0]["Body"] == "m"
