"""AMQP over TLS on its port, and users who show certificates instead of passwords."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.credentials import ExternalCredentials
from pika.exceptions import AMQPConnectionError, ProbableAuthenticationError

from tests.amqp_tenancy.authority import Authority
from tests.amqp_tenancy.conftest import Administered

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")

USERS = """
[[keys]]
id = "one"
secret = "s"

[[users]]
name = "CN=orders,O=Shop\\\\, Inc.,C=DE"

[[users]]
name = "anna"
password = "a"

[[users]]
name = "orders"
"""
SUBJECT = "/C=DE/O=Shop, Inc./CN=orders"


class Secured(Administered):
    """A server with an authority for both sides."""

    authority: Authority

    def context(self, shown: tuple[str, str] | None = None) -> ssl.SSLContext:
        """A client's, which knows the server's authority."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if shown is not None:
            context.load_cert_chain(*shown)
        return context

    def parameters(self, context: ssl.SSLContext, credentials: Any) -> pika.ConnectionParameters:
        options = pika.SSLOptions(context, "localhost")
        return pika.ConnectionParameters(
            "127.0.0.1", int(self.amqps_port), credentials=credentials, ssl_options=options, socket_timeout=10
        )


def secured(folder: Path, *options: str) -> Secured:
    authority = Authority(folder)
    certificate, key = authority.sign("/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    (folder / "oncemq.toml").write_text(USERS)
    given = ["--tls-certificate", certificate, "--tls-key", key, "--config", str(folder / "oncemq.toml"), *options]
    server = Secured(folder / "data", *given, amqp_port=0, amqps_port=0)
    server.authority = authority
    server.start()
    return server


@pytest.fixture(scope="module")
def authority_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificate of an authority for clients will be."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(authority_path: Path) -> Iterator[Secured]:
    """By distinguished name."""
    authorities = str(authority_path / "authority.pem")
    running = secured(authority_path, "--tls-client-authorities", authorities)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


def works(parameters: pika.ConnectionParameters) -> None:
    """All of a message's way, with bodies larger than a record of TLS."""
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for size in (0, 1, 200_000):
            channel.basic_publish("", queue, b"x" * size)
            assert channel.basic_get(queue, auto_ack=True)[2] == b"x" * size


def test_a_password_over_tls_and_the_plain_port_beside_it(server: Secured) -> None:
    anna = pika.PlainCredentials("anna", "a")
    works(server.parameters(server.context(), anna))
    works(server.parameters(server.context(), pika.PlainCredentials("guest", "guest")))
    works(pika.ConnectionParameters("127.0.0.1", int(server.amqp_port), credentials=anna))


def test_neither_port_speaks_the_others_language(server: Secured) -> None:
    anna = pika.PlainCredentials("anna", "a")
    for port, options in (
        (server.amqps_port, None),
        (server.amqp_port, pika.SSLOptions(server.context(), "localhost")),
    ):
        with pytest.raises((AMQPConnectionError, OSError)):
            pika.BlockingConnection(
                pika.ConnectionParameters("127.0.0.1", int(port), credentials=anna, ssl_options=options)
            )
    works(server.parameters(server.context(), anna))


def test_a_client_that_does_not_know_the_authority(server: Secured) -> None:
    with pytest.raises((AMQPConnectionError, ssl.SSLError)):
        pika.BlockingConnection(server.parameters(ssl.create_default_context(), pika.PlainCredentials("anna", "a")))


def test_a_certificate_stands_for_a_user(server: Secured) -> None:
    shown = server.authority.sign(SUBJECT)
    works(server.parameters(server.context(shown), ExternalCredentials()))
    works(server.parameters(server.context(shown), pika.PlainCredentials("anna", "a")))


def refused(parameters: pika.ConnectionParameters, words: str) -> None:
    with pytest.raises(ProbableAuthenticationError) as caught:
        pika.BlockingConnection(parameters)
    assert words in str(caught.value)


@pytest.mark.parametrize("subject", ["/CN=orders", "/CN=nobody", "/O=Shop, Inc./C=DE/CN=orders", "/CN=anna/O=x"])
def test_a_certificate_of_nobody_known(server: Secured, subject: str) -> None:
    shown = server.authority.sign(subject)
    expected = "Login was refused using authentication mechanism EXTERNAL. For details see the broker logfile."
    if subject == "/CN=orders":  # that user is there, under its common name only
        shown = server.authority.sign("/CN=orders2")
    refused(server.parameters(server.context(shown), ExternalCredentials()), expected)


def test_no_certificate_at_all(server: Secured) -> None:
    refused(server.parameters(server.context(), ExternalCredentials()), "mechanism EXTERNAL")


def test_a_certificate_that_another_signed(server: Secured, tmp_path: Path) -> None:
    forged = Authority(tmp_path, "another").sign(SUBJECT)
    with pytest.raises((AMQPConnectionError, ssl.SSLError, OSError)):
        pika.BlockingConnection(server.parameters(server.context(forged), ExternalCredentials()))


def test_external_is_not_offered_without_tls(server: Secured) -> None:
    credentials = ExternalCredentials()
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(server.amqp_port), credentials=credentials))


def test_by_common_name_and_only_with_a_certificate(tmp_path: Path) -> None:
    options = ["--tls-client-authorities", str(tmp_path / "authority.pem"), "--tls-client-required", "true"]
    server = secured(tmp_path, *options, "--external-login", "common-name")
    works(server.parameters(server.context(server.authority.sign("/O=any/CN=orders")), ExternalCredentials()))
    with pytest.raises((AMQPConnectionError, ssl.SSLError, OSError)):
        pika.BlockingConnection(server.parameters(server.context(), pika.PlainCredentials("anna", "a")))
    assert server.stop() == 0


def test_without_client_authorities_no_certificate_is_asked_for(tmp_path: Path) -> None:
    server = secured(tmp_path)
    shown = server.authority.sign(SUBJECT)
    works(server.parameters(server.context(shown), pika.PlainCredentials("anna", "a")))
    with pytest.raises(AMQPConnectionError):
        pika.BlockingConnection(server.parameters(server.context(shown), ExternalCredentials()))
    assert server.stop() == 0
