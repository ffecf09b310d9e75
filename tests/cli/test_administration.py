"""`oncemq users`, `vhosts` and `permissions`, on what a real server has left, and what a server then makes of it."""

import subprocess
from pathlib import Path

import pika
import pytest
from pika.exceptions import ProbableAccessDeniedError, ProbableAuthenticationError

from tests.cli.commands import Ended, oncemq, refusal
from tools.server_process import COMMAND, ServerProcess, environment


@pytest.fixture
def server(tmp_path: Path) -> ServerProcess:
    """Started once, with a queue in two virtual hosts, and killed."""
    (tmp_path / "oncemq.toml").write_text('[[vhosts]]\nname = "shop"\n')
    server = ServerProcess(tmp_path / "data", "--config", str(tmp_path / "oncemq.toml"), amqp_port=0).start()
    connect(server).channel().queue_declare("kept", durable=True)
    server.kill()
    server.options = ()
    return server


def connect(
    server: ServerProcess, user: str = "guest", password: str = "guest", host: str = "/"
) -> pika.BlockingConnection:
    credentials = pika.PlainCredentials(user, password)
    return pika.BlockingConnection(
        pika.ConnectionParameters("127.0.0.1", int(server.amqp_port), host, credentials, socket_timeout=10)
    )


def run(server: ServerProcess, *arguments: str) -> str:
    ended = oncemq(*arguments, ONCEMQ_DATA=str(server.data))
    assert (ended.status, ended.err) == (0, ""), ended
    return ended.out


def with_password(server: ServerProcess, name: str, password: str) -> Ended:
    arguments = [str(COMMAND), "users", "set", "--data", str(server.data), name, "--password-stdin"]
    done = subprocess.run(arguments, input=password, capture_output=True, text=True, timeout=30, env=environment())
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_user_is_made_changed_and_deleted(server: ServerProcess) -> None:
    assert run(server, "users", "list") == "guest\tadministrator\n"
    assert with_password(server, "anna", "sécret\n") == Ended(0, "", "")
    run(server, "users", "set", "anna", "--tag", "monitoring", "--tag", "impersonator")
    run(server, "permissions", "set", "anna", "shop", "^a", "", ".*")
    run(server, "permissions", "set-topic", "anna", "shop", "amq.topic", "^a", ".*")
    assert run(server, "users", "list") == "guest\tadministrator\nanna\timpersonator,monitoring\n"
    listed = "guest\t/\t.*\t.*\t.*\nanna\tshop\t^a\t\t.*\nanna\tshop\ttopic amq.topic\t^a\t.*\n"
    assert run(server, "permissions", "list") == listed
    server.start()
    connect(server).channel().queue_declare("kept", passive=True)
    channel = connect(server, "anna", "sécret", "shop").channel()
    channel.queue_declare("a")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        channel.queue_declare("b")
    assert server.stop() == 0
    run(server, "permissions", "clear-topic", "anna", "shop")
    run(server, "permissions", "clear", "anna", "shop")
    assert run(server, "permissions", "list") == "guest\t/\t.*\t.*\t.*\n"
    run(server, "users", "delete", "guest")
    server.start()
    with pytest.raises(ProbableAccessDeniedError):
        connect(server, "anna", "sécret", "shop")
    with pytest.raises(ProbableAuthenticationError):
        connect(server)
    assert server.stop() == 0
    run(server, "users", "set", "anna", "--no-password", "--no-tags")
    assert run(server, "users", "list") == "anna\t\n"
    server.start()
    with pytest.raises(ProbableAuthenticationError):
        connect(server, "anna", "sécret", "shop")
    assert server.stop() == 0


def test_a_virtual_host_is_made_described_and_deleted(server: ServerProcess) -> None:
    run(server, "vhosts", "set", "shop", "--description", "what is sold", "--tag", "b")
    run(server, "vhosts", "set", "shop", "--tag", "c")
    run(server, "vhosts", "set", "other")
    assert run(server, "vhosts", "list") == "/\t\t\nshop\tc\twhat is sold\nother\t\t\n"
    run(server, "vhosts", "delete", "shop")
    assert run(server, "vhosts", "list") == "/\t\t\nother\t\t\n"
    run(server, "vhosts", "delete", "/")
    server.start()
    with pytest.raises(ProbableAccessDeniedError):
        connect(server)
    assert server.stop() == 0
    assert run(server, "vhosts", "list") == "other\t\t\n"


def test_what_cannot_be_is_said(server: ServerProcess) -> None:
    for arguments, words in (
        (("users", "delete", "none"), "there is no user none"),
        (("vhosts", "delete", "none"), "there is no virtual host none"),
        (("permissions", "set", "guest", "none", "", "", ""), "there is no virtual host none"),
        (("permissions", "clear", "none", "/"), "there is no user none"),
        (
            ("permissions", "set", "guest", "/", "*", "", ""),
            "'*' is no regular expression: nothing to repeat at position 0",
        ),
        (("vhosts", "set", ""), "'' cannot be the name of a vhost"),
    ):
        assert refusal(oncemq(*arguments, ONCEMQ_DATA=str(server.data))) == words
    assert with_password(server, "anna", "").status == 2
    assert run(server, "users", "list") == "guest\tadministrator\n"


def test_a_server_that_runs_is_left_alone(server: ServerProcess) -> None:
    server.start()
    ended = oncemq("users", "list", ONCEMQ_DATA=str(server.data))
    assert str(server.process_id) in refusal(ended)
    assert server.stop() == 0


def test_a_folder_that_is_none_stays_none(tmp_path: Path) -> None:
    ended = oncemq("users", "list", "--data", str(tmp_path / "none"))
    assert refusal(ended) == f"{tmp_path / 'none'}: no server has been started on it"
    assert list(tmp_path.iterdir()) == []
