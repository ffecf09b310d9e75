"""The programs of the mission's book, unmodified, on port 5672: skipped where they or the port are not to be had."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.amqp_clients.clients import connect, counts, until
from tools.server_process import ServerProcess

PROGRAMS = Path(os.environ.get("SEED_PROGRAMS", Path(__file__).resolve().parents[3] / "shared" / "seed_programs"))
PORT = 5672
CONSUMERS = {
    "rabbitmq_hello_consumer.py": ("", "ola_mundo"),
    "rabbitmq_basic_consumer.py": ("", "minha_fila"),
    "rabbitmq_work_queue_consumer.py": ("", "fila_de_tarefas"),
    "rabbitmq_direct_consumer.py": ("direct_logs", "info"),
    "rabbitmq_pubsub_consumer.py": ("notificacoes", ""),
}
PRODUCERS = (
    "rabbitmq_hello_producer.py",
    "rabbitmq_basic_producer.py",
    "rabbitmq_direct_producer.py",
    "rabbitmq_json_producer.py",
    "rabbitmq_persistent_producer.py",
    "rabbitmq_dlx.py",
)

pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason="the programs are not here")


@pytest.fixture(scope="module")
def usual_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server where pika looks for one."""
    with socket.socket() as tried:
        if tried.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip("port 5672 is in use")
    running = ServerProcess(tmp_path_factory.mktemp("usual") / "data", amqp_port=PORT).start()
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("program", PRODUCERS)
def test_producers_run_to_their_end(usual_server: ServerProcess, program: str) -> None:
    done = subprocess.run([sys.executable, PROGRAMS / program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    if program == "rabbitmq_dlx.py":
        assert done.stdout == "DLX: rejected\n"
        with connect(usual_server) as connection:
            connection.channel().queue_delete("minha_fila")


@pytest.mark.parametrize("program", CONSUMERS)
def test_consumers_print_what_is_sent(usual_server: ServerProcess, program: str) -> None:
    exchange, key = CONSUMERS[program]
    running = subprocess.Popen(
        [sys.executable, "-u", PROGRAMS / program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert running.stdout is not None
    try:
        assert "guardando" in running.stdout.readline()
        with connect(usual_server) as connection:
            channel = connection.channel()
            if not exchange:
                until(lambda: counts(channel, key)[1] == 1)
            channel.confirm_delivery()
            until(lambda: _is_routed(channel, exchange, key))
        assert "Olá" in running.stdout.readline()
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def _is_routed(channel: pika.adapters.blocking_connection.BlockingChannel, exchange: str, key: str) -> bool:
    try:
        channel.basic_publish(exchange, key, "Olá".encode(), mandatory=True)
    except pika.exceptions.UnroutableError:
        return False
    return True
