"""`oncemq serve`: where its settings come from, how it ends, and everything it refuses to start with."""

import errno
import json
import os
import re
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.cli.commands import oncemq, refusal
from tools.server_process import ServerProcess, environment


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def region_of_new_queue(server: ServerProcess) -> str:
    """The region in the ARN that a caller gets who names none."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.CreateQueue"}

    def ask(action: str, **members: object) -> dict[str, object]:
        headers["X-Amz-Target"] = f"AmazonSQS.{action}"
        request = urllib.request.Request(server.url, json.dumps(members).encode(), headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    url = ask("CreateQueue", QueueName="q")["QueueUrl"]
    attributes = ask("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    assert isinstance(attributes, dict)
    return str(attributes["QueueArn"]).split(":")[3]


def test_prints_one_line_when_it_serves_and_ends_with_0_on_sigterm(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert server.stop() == 0
    events = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert events == ["server.recovered", "server.draining", "server.stopped"]


@pytest.mark.parametrize(
    ("in_file", "in_environment", "on_line", "region"),
    [
        (None, None, None, "us-east-1"),
        ("eu-west-1", None, None, "eu-west-1"),
        ("eu-west-1", "eu-west-2", None, "eu-west-2"),
        ("eu-west-1", "eu-west-2", "eu-west-3", "eu-west-3"),
        (None, "eu-west-2", "eu-west-3", "eu-west-3"),
    ],
)
def test_the_command_line_outweighs_the_environment_and_that_the_file(
    tmp_path: Path, in_file: str | None, in_environment: str | None, on_line: str | None, region: str
) -> None:
    text = 'sqs-auth = "open"\nlog-level = "warning"\n' + (f'region = "{in_file}"\n' if in_file else "")
    env = environment(ONCEMQ_CONFIG=str(write(tmp_path / "oncemq.toml", text)))
    if in_environment:
        env["ONCEMQ_REGION"] = in_environment
    options = ("--region", on_line) if on_line else ()
    server = ServerProcess(tmp_path / "data", *options, env=env).start()
    try:
        assert region_of_new_queue(server) == region
    finally:
        assert server.stop() == 0
    assert server.log.read_text() == ""


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    taken = free_port()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", taken))
        holder.listen()
        ended = oncemq(
            "serve", ONCEMQ_SQS_PORT=str(taken), ONCEMQ_DATA=str(tmp_path / "data"), ONCEMQ_DRAIN_SECONDS="1"
        )
    assert refusal(ended) == f"cannot listen on 127.0.0.1, port {taken}: Address already in use"
    assert (tmp_path / "data").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sqs-port", "70000"], "sqs-port must be a port, 0 for any free one, or off, not '70000'"),
        (["--sqs-port", "-1"], "sqs-port must be a port, 0 for any free one, or off, not '-1'"),
        (["--sqs-port", "nine"], "sqs-port must be a port, 0 for any free one, or off, not 'nine'"),
        (["--sqs-port", "off", "--amqp-port", "off"], "sqs-port and amqp-port are both off: there is nothing to serve"),
        (["--amqp-port", "70000"], "amqp-port must be a port, 0 for any free one, or off, not '70000'"),
        (["--amqp-port", "rabbit"], "amqp-port must be a port, 0 for any free one, or off, not 'rabbit'"),
        (["--amqps-port", "5671"], "amqps-port needs tls-certificate and tls-key"),
        (["--tls-client-authorities", "a.pem"], "tls-client-authorities needs tls-certificate and tls-key"),
        (["--tls-client-required", "true"], "tls-client-required needs tls-certificate and tls-key"),
        (
            ["--tls-client-required", "true", "--tls-certificate", "a.pem", "--tls-key", "b.pem"],
            "tls-client-required needs tls-client-authorities",
        ),
        (["--tls-client-required", "maybe"], "tls-client-required must be bool, not str"),
        (["--external-login", "dn"], "external-login: 'dn' is none"),
        (["--default-user", ""], "default-user and default-password must not be empty"),
        (["--default-password", ""], "default-user and default-password must not be empty"),
        (["--sqs-auth", "none"], "sqs-auth must be verify or open, not 'none'"),
        (["--log-level", "loud"], "log-level: 'loud' is none"),
        (["--region", "US East"], "region must be a name like us-east-1, not 'US East'"),
        (["--data", ""], "data must name a folder"),
        (["--host", ""], "host must be an address or a name"),
        (["--drain-seconds", "soon"], "drain-seconds must be int, not str"),
        (["--drain-seconds", "-1"], "drain-seconds must be 0 or more, not -1"),
        (["--disk-reserve-bytes", "-1"], "disk-reserve-bytes must be 0 or more, not -1"),
        (["--checkpoint-bytes", "0"], "checkpoint-bytes must be 1 or more, not 0"),
        (["--queue-name-reuse-seconds", "-60"], "queue-name-reuse-seconds must be 0 or more, not -60"),
        (["--tls-key", "key.pem"], "tls-certificate and tls-key go together"),
        (
            ["--host", "0.0.0.0"],
            "listening on 0.0.0.0 with the default key test/test would let anybody in: configure keys",
        ),
        (["--host", "::"], "listening on :: with the default key test/test would let anybody in: configure keys"),
        (
            ["--host", "0.0.0.0", "--sqs-auth", "open"],
            "sqs-auth open takes any caller: it listens on loopback only, not on 0.0.0.0",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_named_before_anything_is_touched(
    tmp_path: Path, options: list[str], message: str
) -> None:
    ended = oncemq("serve", "--sqs-port", "0", *options, cwd=tmp_path)
    assert refusal(ended) == message
    assert ended.status == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host", "oncemq.toml: Expected '=' after a key in a key/value pair (at end of document)"),
        ("host = 5", "host must be str, not int"),
        ('hosts = "a"', "the configuration contains unknown field hosts"),
        ("sqs-port = 1.5", "sqs-port must be int or str, not float"),
        ('[[keys]]\nid = "a"', "the configuration missing required field secret - at keys[0]"),
        ('[[keys]]\nid = "a"\nsecret = ""', "keys: id and secret must not be empty"),
        (
            '[[users]]\nname = "a"\npassword = ""',
            "users: the password of a must not be empty; without one, leave it out",
        ),
        ('[[users]]\nname = ""', "users: name must not be empty"),
        ('[[users]]\nname = "a"\n' * 2, "users: a is there twice"),
        ('[[vhosts]]\nname = "a"\n' * 2, "vhosts: a is there twice"),
        ('[[vhosts]]\nname = "000000000000/us-east-1"', "vhosts: 000000000000/us-east-1 is the virtual host /"),
        (
            '[[permissions]]\nuser = "guest"\nconfigure = ""\nwrite = ""',
            "the configuration missing required field read - at permissions[0]",
        ),
        (
            '[[keys]]\nid = "a"\nsecret = "b"\naccount = "12"',
            "keys: the account of a must have 12 digits, not '12'",
        ),
        ('[[keys]]\nid = "a"\nsecret = "b"\n' * 2, "keys: a is there twice"),
        ('sqs-auth = "open"\nhost = "192.0.2.1"\n[[keys]]\nid = "a"\nsecret = "b"', "sqs-auth open takes any caller"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "oncemq.toml", text)
    ended = oncemq("serve", "--config", "oncemq.toml", cwd=tmp_path)
    assert refusal(ended).startswith(message)
    assert ended.status == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[permissions]]\nuser = "none"\nconfigure = ""\nwrite = ""\nread = ""',
            "users, vhosts and permissions: there is no user none",
        ),
        (
            '[[permissions]]\nuser = "guest"\nvhost = "none"\nconfigure = ""\nwrite = ""\nread = ""',
            "users, vhosts and permissions: there is no virtual host none",
        ),
        (
            '[[permissions]]\nuser = "guest"\nconfigure = ""\nwrite = "*"\nread = ""',
            "users, vhosts and permissions: '*' is no regular expression: nothing to repeat at position 0",
        ),
        (
            '[[topic-permissions]]\nuser = "guest"\nexchange = ""\nwrite = ""\nread = ""',
            "users, vhosts and permissions: '' cannot be the name of an exchange",
        ),
    ],
)
def test_what_users_and_permissions_cannot_be_is_said_when_they_are_applied(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "oncemq.toml").write_text(text)
    ended = oncemq("serve", "--sqs-port", "0", "--amqp-port", "off", "--config", "oncemq.toml", cwd=tmp_path)
    assert refusal(ended) == message
    assert ended.status == 2


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(oncemq("serve", "--config", tmp_path / "none.toml"))
    assert "No such file" in refusal(oncemq("serve", ONCEMQ_CONFIG=str(tmp_path / "none.toml")))


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    options = ("--tls-certificate", "none.pem", "--tls-key", "none.pem", "--sqs-port", "0")
    message = refusal(oncemq("serve", "--data", tmp_path / "data", *options))
    assert message.startswith("tls-certificate none.pem, tls-key none.pem: ")


def test_an_address_that_is_not_here_is_named(tmp_path: Path) -> None:
    keys = write(tmp_path / "oncemq.toml", '[[keys]]\nid = "a"\nsecret = "b"\n')
    ports = ("--sqs-port", "0", "--amqp-port", "off")
    ended = oncemq("serve", "--config", keys, "--data", tmp_path / "data", "--host", "192.0.2.1", *ports)
    assert refusal(ended) == f"cannot listen on 192.0.2.1, port 0: {os.strerror(errno.EADDRNOTAVAIL)}"
    assert ended.status == 1


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "file", "")
    assert refusal(oncemq("serve", "--sqs-port", "0", "--data", file)) == f"{file}: File exists"
    assert str(file) in refusal(oncemq("serve", "--sqs-port", "0", "--data", file / "data"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    assert "Permission denied" in refusal(oncemq("serve", "--sqs-port", "0", "--data", folder))


def test_a_second_server_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        ended = oncemq("serve", "--sqs-port", "0", "--data", server.data)
        assert refusal(ended) == f"{server.data} is in use by process {server.process_id}"
        assert ended.status == 1
    finally:
        assert server.stop() == 0


def test_a_killed_server_does_not_hold_its_folder(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    server.kill()
    server.start()
    assert server.stop() == 0


def test_a_subcommand_that_is_none_is_refused() -> None:
    ended = oncemq("server")
    assert ended.status == 2
    assert "No such command 'server'" in ended.err
    assert oncemq("--version").out.startswith("oncemq")
    assert {"serve", "journal"} <= set(oncemq("--help").out.split())


def test_every_option_stands_in_the_operators_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    options = re.findall(r"^  (--[a-z-]+)", oncemq("serve", "--help").out, re.MULTILINE)
    assert "--data" in options
    assert [option for option in options if option != "--help" and f"`{option}" not in guide] == []
