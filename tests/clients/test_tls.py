"""TLS, with a certificate made for the test."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import SSLError

from tests.clients.clients import PROTOCOLS, bodies, connect, receive
from tools.server_process import ServerProcess

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Path]]:
    """A server that speaks TLS, and its certificate."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", *made, *files, *names], check=True, capture_output=True)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    server = ServerProcess(folder / "data", *options).start()
    yield server, certificate
    assert server.stop() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_that_knows_the_certificate(secured: tuple[ServerProcess, Path], name: str, protocol: str) -> None:
    server, certificate = secured
    assert server.url.startswith("https://127.0.0.1:")
    sqs = connect(server.url, protocol=protocol, verify=str(certificate))
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert queue == f"{server.url}/000000000000/{name}"
    for size in (1, 1_000_000):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * size)
        assert bodies(receive(sqs, queue)) == ["x" * size]


def test_a_client_that_does_not_know_it(secured: tuple[ServerProcess, Path]) -> None:
    with pytest.raises(SSLError):
        connect(secured[0].url).list_queues()


def test_a_client_that_speaks_plainly_or_not_at_all_harms_nobody(
    secured: tuple[ServerProcess, Path], name: str
) -> None:
    server, certificate = secured
    with socket.create_connection(("127.0.0.1", server.port)):
        for said in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x00\x05garbage", b"\0" * 4096):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
                plain.sendall(said)
                while plain_answer(plain):
                    pass
        sqs = connect(server.url, verify=str(certificate))
        assert sqs.create_queue(QueueName=name)["QueueUrl"]


def plain_answer(plain: socket.socket) -> bytes:
    try:
        return plain.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_connection_that_is_closed_in_the_middle_of_the_handshake_harms_nobody(
    secured: tuple[ServerProcess, Path], name: str
) -> None:
    server, certificate = secured
    context = ssl.create_default_context(cafile=str(certificate))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as half:
        half.sendall(outgoing.read())
        assert half.recv(5)
    assert connect(server.url, verify=str(certificate)).create_queue(QueueName=name)["QueueUrl"]
