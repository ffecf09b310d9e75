"""Who may log in: PLAIN, AMQPLAIN, passwords that change, guest from this machine only, many at once."""

import socket
from concurrent.futures import ThreadPoolExecutor

import amqp
import pytest
from amqp.exceptions import AccessRefused
from pamqp import commands, frame

from tests.amqp_clients.wire import HEADER, Wire
from tests.amqp_tenancy.conftest import Administered, started


def log_in(server: Administered, mechanism: str, user: str, password: str, host: str = "127.0.0.1") -> None:
    """With py-amqp, which speaks all mechanisms."""
    connection = amqp.Connection(
        f"{host}:{server.amqp_port}", user, password, login_method=mechanism, connect_timeout=10
    )
    connection.connect()
    connection.channel().queue_declare("", exclusive=True)
    connection.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
def test_a_user_and_its_password(server: Administered, mechanism: str) -> None:
    for user, password in (("guest", "guest"), ("ben", "b")):
        log_in(server, mechanism, user, password)
        log_in(server, mechanism, user, password)


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
@pytest.mark.parametrize(
    ("user", "password"),
    [("ben", "guest"), ("ben", ""), ("ben", "b "), ("nobody", "guest"), ("", ""), ("no-password", "")],
)
def test_what_lets_nobody_in(server: Administered, mechanism: str, user: str, password: str) -> None:
    for _ in range(2):
        with pytest.raises(AccessRefused) as caught:
            log_in(server, mechanism, user, password)
        expected = f"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        assert (caught.value.reply_code, expected in caught.value.reply_text) == (403, True)


def test_a_new_password_holds_at_once_and_the_old_one_no_more(own_server: Administered) -> None:
    log_in(own_server, "PLAIN", "ben", "b")
    settings = own_server.data.parent / "oncemq.toml"
    settings.write_text(settings.read_text().replace('password = "b"', 'password = "new"'))
    assert own_server.stop() == 0
    own_server.start()
    log_in(own_server, "PLAIN", "ben", "new")
    with pytest.raises(AccessRefused):
        log_in(own_server, "PLAIN", "ben", "b")
    own_server.administer(["SetUser", "ben", "", []])
    with pytest.raises(AccessRefused):
        log_in(own_server, "PLAIN", "ben", "new")


def test_many_that_log_in_at_once_are_looked_into_once(own_server: Administered) -> None:
    """A hash takes tens of milliseconds: a hundred of them would take seconds, and hold nobody else up."""

    def try_to(number: int) -> str:
        try:
            log_in(own_server, "PLAIN", "ben", "b" if number % 2 else f"wrong {number % 6}")
        except AccessRefused:
            return "refused"
        return "in"

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(try_to, range(100))) == ["refused", "in"] * 50


def address_of_this_machine() -> str | None:
    """One that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


@pytest.mark.skipif(address_of_this_machine() is None, reason="this machine has only loopback addresses")
def test_guest_is_for_this_machine_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    address = address_of_this_machine()
    assert address is not None
    keys = '[[keys]]\nid = "a"\nsecret = "b"\n'
    users = '[[users]]\nname = "ben"\npassword = "b"\n'
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "oncemq.toml").write_text(keys + users)
    server = Administered(folder / "data", "--config", str(folder / "oncemq.toml"), "--host", "0.0.0.0", amqp_port=0)
    server.start()
    log_in(server, "PLAIN", "ben", "b", address)
    log_in(server, "PLAIN", "guest", "guest")
    with pytest.raises(AccessRefused):
        log_in(server, "PLAIN", "guest", "guest", address)
    assert server.stop() == 0
    assert "nobody_may_log_in" not in server.log.read_text()
    (folder / "oncemq.toml").write_text('loopback-users = ["ben"]\n' + keys)
    server.start()
    log_in(server, "PLAIN", "guest", "guest", address)
    with pytest.raises(AccessRefused):
        log_in(server, "PLAIN", "ben", "b", address)
    assert server.stop() == 0


def test_the_first_administrator_may_be_another(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = started(
        tmp_path_factory.mktemp("another"), "--default-user", "root", "--default-password", "r", settings=""
    )
    log_in(server, "PLAIN", "root", "r")
    with pytest.raises(AccessRefused):
        log_in(server, "PLAIN", "guest", "guest")
    assert server.stop() == 0
    server.options = server.options[:2]
    server.start()  # what a new folder gets it gets once
    log_in(server, "PLAIN", "root", "r")
    with pytest.raises(AccessRefused):
        log_in(server, "PLAIN", "guest", "guest")
    assert server.stop() == 0


def test_no_first_administrator_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = started(tmp_path_factory.mktemp("none"), "--default-user", "off", settings="")
    for user in ("guest", "off"):
        with pytest.raises(AccessRefused):
            log_in(server, "PLAIN", user, "guest")
    assert server.stop() == 0


START_OK = commands.Connection.StartOk({}, "PLAIN", "\0ben\0b", "en_US")


def test_a_client_that_says_all_in_one_breath(own_server: Administered) -> None:
    """start-ok to queue.declare without waiting for an answer: all waits until it is known who asks."""
    said = (
        (0, START_OK),
        (0, commands.Connection.TuneOk(0, 0, 0)),
        (0, commands.Connection.Open("/")),
        (1, commands.Channel.Open()),
        (1, commands.Queue.Declare(queue="said at once", exclusive=True)),
    )
    whole = HEADER + b"".join(frame.marshal(method, channel) for channel, method in said)
    for pieces in ([whole], [whole[:40], whole[40:]], [whole[start : start + 7] for start in range(0, len(whole), 7)]):
        with Wire(own_server) as wire:
            for piece in pieces:
                wire.send(piece)
            assert wire.until(commands.Queue.DeclareOk).queue == "said at once"
            wire.method(0, commands.Connection.Close(200, "", 0, 0))
            wire.until(commands.Connection.CloseOk)


@pytest.mark.parametrize(("password", "answer"), [("b", commands.Connection.Tune), ("wrong", type(None))])
def test_a_client_that_says_much_before_it_is_let_in(
    own_server: Administered, password: str, answer: type[object]
) -> None:
    with Wire(own_server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        said = frame.marshal(commands.Connection.StartOk({}, "PLAIN", f"\0ben\0{password}", "en_US"), 0)
        wire.send(said + b"\x08\x00\x00\x00\x00\x00\x00\xce" * 10_000)
        assert isinstance(wire.read(), answer)
    own_server.connect("ben", "b").close()


@pytest.mark.parametrize("after", range(4))
def test_a_close_before_the_connection_is_open(server: Administered, after: int) -> None:
    steps = [
        (START_OK, commands.Connection.Tune),
        (commands.Connection.TuneOk(0, 0, 0), None),
        (commands.Connection.Open("/"), commands.Connection.OpenOk),
    ]
    with Wire(server) as wire:
        wire.send(HEADER)
        wire.until(commands.Connection.Start)
        for method, answer in steps[:after]:
            wire.method(0, method)
            if answer is not None:
                wire.until(answer)
        wire.method(0, commands.Connection.Close(200, "", 0, 0))
        if after == 0:
            assert wire.read() is None
        elif after < len(steps):
            assert wire.closed()[0] == 504
        else:
            wire.until(commands.Connection.CloseOk)
    server.connect().close()


def test_clients_that_leave_while_their_password_is_looked_into(server: Administered) -> None:
    for number in range(20):
        with Wire(server) as wire:
            wire.send(HEADER)
            wire.until(commands.Connection.Start)
            wire.method(0, commands.Connection.StartOk({}, "PLAIN", f"\0ben\0wrong {number}", "en_US"))
    server.connect("ben", "b").close()


def test_a_login_table_that_is_none(server: Administered) -> None:
    for response in ("", "x", "\x05LOGINS\xff\xff\xff\xff", "\x05LOGINt\x01\x08PASSWORDt\x01"):
        with Wire(server) as wire:
            wire.send(HEADER)
            wire.until(commands.Connection.Start)
            wire.method(0, commands.Connection.StartOk({}, "AMQPLAIN", response, "en_US"))
            while wire.read() is not None:
                pass
    server.connect().close()
