"""A server that is killed and started again has forgotten nothing."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.clients import JSON, arn_of, attributes_of, bodies, connect, counts, dead_letter_pair, receive
from tools.server_process import ServerProcess

CHECKPOINTS = {"none": (), "many": ("--checkpoint-bytes", "500")}


@pytest.fixture(params=CHECKPOINTS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A server of the test's own, that makes no checkpoint or many."""
    server = ServerProcess(tmp_path / "data", *CHECKPOINTS[request.param]).start()
    yield server
    assert server.stop() == 0


def restarted(server: ServerProcess, kill: bool = True) -> Any:
    """A client of the server, which was stopped one way or the other and started again on its port."""
    before = server.url
    if kill:
        server.kill()
    else:
        assert server.stop() == 0
    server.start()
    assert server.url == before
    return connect(server.url, protocol=JSON)


@pytest.mark.parametrize("kill", [True, False])
def test_queues_settings_tags_and_counts_stay(running: ServerProcess, kill: bool) -> None:
    sqs = connect(running.url)
    queue, _ = dead_letter_pair(sqs, "q", receives=3)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "60", "VisibilityTimeout": "77"})
    sqs.tag_queue(QueueUrl=queue, Tags={"team": "orders"})
    sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=["222222222222"], Actions=["*"])
    sqs.send_message(QueueUrl=queue, MessageBody="delayed")
    sqs.send_message_batch(
        QueueUrl=queue, Entries=[{"Id": str(n), "MessageBody": "ready", "DelaySeconds": 0} for n in range(5)]
    )
    receive(sqs, queue, 2)
    before = attributes_of(sqs, queue)
    assert counts(sqs, queue) == (3, 2, 1)
    sqs = restarted(running, kill)
    assert attributes_of(sqs, queue) == before
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"team": "orders"}
    assert sqs.list_queues()["QueueUrls"] == [queue, f"{queue}-dead"]


def test_a_lease_goes_on_and_so_does_its_handle(running: ServerProcess) -> None:
    sqs = connect(running.url)
    queue = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "300"})[
        "QueueUrl"
    ]
    for number in range(3):
        sqs.send_message(
            QueueUrl=queue, MessageBody=f"m{number}", MessageGroupId="g", MessageDeduplicationId=str(number)
        )
    (held,) = receive(sqs, queue, 1, ReceiveRequestAttemptId="attempt")
    sqs = restarted(running)
    assert receive(sqs, queue) == []
    (again,) = receive(sqs, queue, 1, ReceiveRequestAttemptId="attempt")
    assert (again["ReceiptHandle"], again["MessageId"]) == (held["ReceiptHandle"], held["MessageId"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=held["ReceiptHandle"])
    sqs = restarted(running)
    assert bodies(receive(sqs, queue)) == ["m1", "m2"]


def test_a_duplicate_is_still_one(running: ServerProcess) -> None:
    sqs = connect(running.url)
    queue = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    message = {"QueueUrl": queue, "MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sqs.send_message(**message)
    (received,) = receive(sqs, queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
    sqs = restarted(running)
    again = sqs.send_message(**message)
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert counts(sqs, queue) == (0, 0, 0)


def test_receives_are_still_counted(running: ServerProcess) -> None:
    sqs = connect(running.url)
    queue, dead = dead_letter_pair(sqs, "q", receives=2)
    sqs.send_message(QueueUrl=queue, MessageBody="poison")
    for _ in range(2):
        assert bodies(receive(sqs, queue)) == ["poison"]
        sqs = restarted(running)
    assert receive(sqs, queue) == []
    (message,) = receive(sqs, dead)
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, queue)


def test_what_was_deleted_stays_deleted(running: ServerProcess) -> None:
    sqs = connect(running.url)
    for name in ("gone", "purged", "drained"):
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="m")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="gone")["QueueUrl"])
    purged, drained = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("purged", "drained"))
    sqs.purge_queue(QueueUrl=purged)
    (message,) = receive(sqs, drained)
    sqs.delete_message(QueueUrl=drained, ReceiptHandle=message["ReceiptHandle"])
    sqs = restarted(running)
    assert sqs.list_queues()["QueueUrls"] == [drained, purged]
    assert (counts(sqs, purged), counts(sqs, drained)) == ((0, 0, 0), (0, 0, 0))


def test_a_move_task_goes_on(running: ServerProcess) -> None:
    sqs = connect(running.url)
    queue, dead = dead_letter_pair(sqs, "q")
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
    sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    for _ in range(2):
        receive(sqs, queue)
    arn = arn_of(sqs, dead)
    handle = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    sqs = restarted(running)
    (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
    assert (task["Status"], task["TaskHandle"], task["MaxNumberOfMessagesPerSecond"]) == ("RUNNING", handle, 1)
    assert counts(sqs, queue)[0] + counts(sqs, dead)[0] == 10
    sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_disk_that_is_nearly_full_takes_no_sends_and_all_else(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    sqs = connect(server.url)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="before")
    assert server.stop() == 0
    server.options = ("--disk-reserve-bytes", str(1 << 62))
    server.start()
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=queue, MessageBody="too much")
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    (message,) = receive(sqs, queue)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert counts(sqs, queue) == (0, 0, 0)
    assert server.stop() == 0
