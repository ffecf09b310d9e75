"""The programs of the mission, unmodified, as a user runs them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.clients import connect, counts, receive
from tools.server_process import ServerProcess, environment

PROGRAMS = Path(__file__).parents[3] / "shared" / "seed_programs"
pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason=f"{PROGRAMS} is not there")
SECONDS = 60.0
ORDERS = 8
"""What sqs_orders.py sends: three orders and a batch of five."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own: the programs name their queues themselves."""
    server = ServerProcess(tmp_path / "data").start()
    yield server
    assert server.stop() == 0


def settings(server: ServerProcess) -> dict[str, str]:
    """The environment that the programs' README gives."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return environment(
        AWS_ENDPOINT_URL_SQS=server.url, NO_PROXY="127.0.0.1", PYTHONUNBUFFERED="1", PYTHONUTF8="1", **keys
    )


def run(program: str, server: ServerProcess) -> str:
    done = subprocess.run(
        [sys.executable, PROGRAMS / program],
        env=settings(server),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_producer_and_consumer(running: ServerProcess) -> None:
    sqs = connect(running.url)
    queue = sqs.create_queue(QueueName="pedidos")["QueueUrl"]
    assert run("sqs_producer.py", running).startswith("Mensagem enviada com ID: ")
    consumed = run("sqs_consumer.py", running).splitlines()
    assert consumed == ["Mensagem recebida: Olá, esta é uma mensagem para o SQS!", "Mensagem excluída da fila."]
    assert counts(sqs, queue) == (0, 0, 0)


def test_orders_loop_until_interrupted(running: ServerProcess) -> None:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, PROGRAMS / "sqs_orders.py"],
            env=settings(running),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=interruptible,
        )
        try:
            wait_for_orders(process, out.fileno())
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()
        out.seek(0)
        printed = out.read()
    assert "Lote enviado: 5 sucesso, 0 falhas" in printed
    assert "is_fifo: True" in printed
    assert "Processamento interrompido pelo usuário" in printed
    assert "DEMONSTRAÇÃO CONCLUÍDA" in printed
    assert "Erro" not in printed and "Traceback" not in printed and "Tem certeza" not in printed
    check_what_is_left(running, printed)


def interruptible() -> None:
    """Where a shell started the tests in the background, SIGINT is ignored, and so it would be in the program."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for_orders(process: "subprocess.Popen[bytes]", out: int) -> None:
    """Until each of the orders was worked on once; some fail, by chance, and come back after a minute."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        printed = os.pread(out, 1_000_000, 0).decode("utf-8", "replace")
        if printed.count("Processando pedido ORD-") >= ORDERS and "em processamento" in printed.rsplit("ORD-", 1)[1]:
            return
        time.sleep(0.05)
    raise AssertionError(os.pread(out, 1_000_000, 0).decode("utf-8", "replace"))


def check_what_is_left(server: ServerProcess, printed: str) -> None:
    """Those processed are gone, and those that failed are in flight."""
    sqs = connect(server.url)
    queue = sqs.get_queue_url(QueueName="pedidos-ecommerce.fifo")["QueueUrl"]
    failed = printed.count("será reprocessado")
    assert printed.count("processado com sucesso") == ORDERS - failed
    assert counts(sqs, queue) == (0, failed, 0)
    assert receive(sqs, queue, WaitTimeSeconds=0) == []
