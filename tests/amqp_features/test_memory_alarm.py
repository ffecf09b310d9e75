"""A flood of publishes that nobody consumes: memory is bounded, publishers wait, consumers go on."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from botocore.exceptions import ClientError

from tests.amqp_clients.clients import connect as connect_amqp
from tests.amqp_clients.clients import until
from tests.clients.clients import connect, receive
from tools.server_process import ServerProcess

HEADROOM_BYTES = 24 * 1024 * 1024
MARGIN_BYTES = 24 * 1024 * 1024
"""What a second of the flood may take before the server looks again."""
BODY = b"x" * 4096


def _used_bytes(server: ServerProcess) -> int:
    return int(Path(f"/proc/{server.process_id}/statm").read_text().split()[1]) * 4096


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """One that may use little more than it does at rest."""
    at_rest = ServerProcess(tmp_path / "rest", amqp_port=0).start()
    limit = _used_bytes(at_rest) + HEADROOM_BYTES
    assert at_rest.stop() == 0
    options = ("--sqs-auth", "open", "--memory-limit-bytes", str(limit))
    running = ServerProcess(tmp_path / "data", *options, amqp_port=0).start()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


class Flood:
    """Publishes transient messages without end, from a thread of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self.said: list[str] = []
        self.ended = threading.Event()
        self.connection = connect_amqp(server, blocked_connection_timeout=None, socket_timeout=60)
        heard = self.connection._impl  # the blocking connection tells nothing while a publish waits
        heard.add_on_connection_blocked_callback(lambda _, method: self.said.append(method.method.reason))
        heard.add_on_connection_unblocked_callback(lambda *_: self.said.append("unblocked"))
        self.thread = threading.Thread(target=self._publish)
        self.thread.start()

    def _publish(self) -> None:
        channel: Any = self.connection.channel()
        channel.confirm_delivery()
        while not self.ended.is_set():
            channel.basic_publish("", "q", BODY, pika.BasicProperties(delivery_mode=1))
        self.connection.close()


def test_a_flood_waits_and_consumers_go_on(server: ServerProcess) -> None:
    limit = int(server.options[-1])
    sqs = connect(server.url)
    with connect_amqp(server) as consumer:
        channel = consumer.channel()
        channel.queue_declare("q", durable=True)
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        flood = Flood(server)
        try:
            until(lambda: flood.said, 60)
            assert flood.said == ["low on memory"]
            assert _used_bytes(server) < limit + MARGIN_BYTES
            with pytest.raises(ClientError, match="short of memory") as refused:
                sqs.send_message(QueueUrl=url, MessageBody="m")
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            (message,) = receive(sqs, url, 1)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            assert channel.basic_get("q", auto_ack=True)[2] == BODY
            channel.queue_purge("q")
            until(lambda: flood.said[-1] == "unblocked", 30)
        finally:
            channel.queue_delete("q")
            flood.ended.set()
            flood.thread.join(60)
        assert not flood.thread.is_alive()
        sqs.create_queue(QueueName="after")
