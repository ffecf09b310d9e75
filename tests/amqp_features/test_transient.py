"""Transient messages and queues on a real server: what they cost the disk, and what is left of them after a kill."""

from pathlib import Path
from typing import Any

import pika

from tests.clients.clients import connect
from tools.server_process import ServerProcess

PERSISTENT = pika.BasicProperties(delivery_mode=2)
MIB = 1024 * 1024


def _channel(server: ServerProcess) -> Any:
    connection = pika.BlockingConnection(pika.ConnectionParameters(port=int(server.amqp_port)))
    channel = connection.channel()
    channel.confirm_delivery()
    return channel


def _bodies(channel: Any, queue: str) -> list[bytes]:
    found = []
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append(got[2])
    return found


def _used_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def test_after_a_kill_what_was_transient_is_gone_and_all_else_is_there(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--sqs-auth", "open", amqp_port=0).start()
    channel = _channel(server)
    channel.queue_declare("durable", durable=True)
    channel.queue_declare("passing")
    channel.queue_declare("mine", durable=True, exclusive=True)
    channel.exchange_declare("all", "fanout", durable=True)
    channel.exchange_declare("all.passing", "fanout")
    for queue in ("durable", "passing", "mine"):
        channel.queue_bind(queue, "all")
    for number in range(100):
        channel.basic_publish("all", "", b"%d" % number, PERSISTENT if number % 2 else None)
    handle = None
    sqs = connect(server.url)
    url = sqs.get_queue_url(QueueName="durable")["QueueUrl"]
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, VisibilityTimeout=900)["Messages"]:
        if message["Body"] == "0":
            handle = message["ReceiptHandle"]
    server.kill()
    server.start()
    channel = _channel(server)
    assert channel.queue_declare("durable", passive=True).method.message_count == 49
    sqs = connect(server.url)
    url = sqs.get_queue_url(QueueName="durable")["QueueUrl"]
    channel.basic_publish("", "durable", b"new")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert _bodies(channel, "durable") == [*(b"%d" % number for number in range(3, 100, 2)), b"new"]
    for queue in ("passing", "mine"):
        again = _channel(server)
        try:
            again.queue_declare(queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker as closed:
            assert closed.reply_code == 404
        else:
            raise AssertionError(f"{queue} is still there")
    assert server.stop() == 0


def test_more_than_memory_is_to_hold_spills_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = ServerProcess(
        folder, "--transient-memory-bytes", str(MIB), "--segment-bytes", str(MIB), amqp_port=0
    ).start()
    channel = _channel(server)
    channel.queue_declare("passing")
    before = _used_bytes(folder)
    bodies = [bytes([number]) * (256 * 1024) for number in range(40)]
    for body in bodies:
        channel.basic_publish("", "passing", body)
    assert _used_bytes(folder) == before, "nothing was journalled, and what spilled has no name"
    assert _bodies(channel, "passing") == bodies
    server.kill()
    assert "transient" not in [path.name for path in folder.iterdir()]
