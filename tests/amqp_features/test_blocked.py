"""While the disk is nearly full publishers wait and are told so; consumers go on."""

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pika

from tests.clients.clients import wait_until
from tools.server_process import ServerProcess

MARGIN_BYTES = 4_000_000_000
"""Other tests write to the same disk meanwhile."""


def _connect(server: ServerProcess) -> Any:
    return pika.BlockingConnection(pika.ConnectionParameters(port=int(server.amqp_port)))


def test_publishers_wait_until_there_is_room(tmp_path: Path) -> None:
    reserve = shutil.disk_usage(tmp_path).free - MARGIN_BYTES
    server = ServerProcess(tmp_path / "data", "--disk-reserve-bytes", str(reserve), amqp_port=0).start()
    ballast = tmp_path / "ballast"
    said: list[str] = []
    consumer, publisher = _connect(server), _connect(server)
    publisher.add_on_connection_blocked_callback(lambda *_: said.append("blocked"))
    publisher.add_on_connection_unblocked_callback(lambda *_: said.append("unblocked"))
    channel, other = publisher.channel(), consumer.channel()
    channel.confirm_delivery()
    channel.queue_declare("q", durable=True)
    channel.basic_publish("", "q", b"before")
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 * MARGIN_BYTES)
    threading.Event().wait(1.5)  # the server looks once a second
    publishing = threading.Thread(target=lambda: channel.basic_publish("", "q", b"after"))
    publishing.start()
    wait_until(lambda: other.basic_get("q", auto_ack=True)[2] == b"before")
    threading.Event().wait(0.3)
    assert publishing.is_alive()
    ballast.unlink()
    publishing.join(10)
    assert not publishing.is_alive()
    publisher.process_data_events(0)
    assert said == ["blocked", "unblocked"]
    assert other.basic_get("q", auto_ack=True)[2] == b"after"
    publisher.close()
    consumer.close()
    assert server.stop() == 0
