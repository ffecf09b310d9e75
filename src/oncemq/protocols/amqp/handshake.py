"""How a connection comes to be open.

    protocol header → start, start-ok → who is it, is that the password → tune, tune-ok → open, may it → open-ok

While the core or a password's hash is waited for, nothing more is taken in (`AmqpConnection.pause`).
"""

from functools import partial
from typing import TYPE_CHECKING

from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal as CoreRefusal
from oncemq.core.system_commands import FindUser, OpenConnection
from oncemq.core.system_outputs import Granted, UserInfo
from oncemq.protocols.amqp import errors
from oncemq.protocols.amqp.asked import Answer, Asked
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.limits import CHANNELS_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MIN
from oncemq.protocols.amqp.refused import refused
from oncemq.protocols.amqp.specification.connection import (
    ConnectionOpen,
    ConnectionOpenOk,
    ConnectionStart,
    ConnectionStartOk,
    ConnectionTune,
    ConnectionTuneOk,
)
from oncemq.protocols.amqp.states import OPEN, RUNNING, SECURE, START, TUNE
from oncemq.protocols.amqp.tables import Table, decode_table

if TYPE_CHECKING:
    from oncemq.protocols.amqp.connection import AmqpConnection

CAPABILITIES: Table = {
    "publisher_confirms": True,
    "exchange_exchange_bindings": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "consumer_priorities": True,
    "authentication_failure_close": True,
    "per_consumer_qos": True,
    "direct_reply_to": True,
}
PLAIN, AMQPLAIN, EXTERNAL = "PLAIN", "AMQPLAIN", "EXTERNAL"


def greet(connection: "AmqpConnection") -> None:
    """connection.start"""
    door = connection.door
    properties: Table = {
        "capabilities": CAPABILITIES,
        "product": door.product,
        "version": door.version,
        "platform": "OnceMQ",
        "copyright": "OnceMQ contributors",
        "information": "OnceMQ, speaking AMQP 0-9-1 as RabbitMQ does",
    }
    mechanisms = [PLAIN, AMQPLAIN] + [EXTERNAL] * connection.takes_certificates
    connection.state = START
    connection.send(0, ConnectionStart(0, 9, properties, " ".join(mechanisms).encode(), b"en_US"))


# Who it is ------------------------------------------------------------------------------------------------------


def log_in(connection: "AmqpConnection", method: ConnectionStartOk, asked: list[Asked]) -> None:
    """connection.start-ok"""
    connection.client_properties = method.client_properties
    connection.mechanism = method.mechanism
    user, password = _credentials(connection, method)
    connection.user = user
    connection.pause(SECURE)
    asked.append((FindUser(user), Answer(connection, partial(_found, connection, password))))


def _credentials(connection: "AmqpConnection", method: ConnectionStartOk) -> tuple[str, str | None]:
    """User, and password or None where a certificate stands for it."""
    if method.mechanism == PLAIN:
        _, _, rest = method.response.partition(b"\0")
        user, _, password = rest.partition(b"\0")
        return user.decode("utf-8", "replace"), password.decode("utf-8", "replace")
    if method.mechanism == AMQPLAIN:
        size = len(method.response).to_bytes(4, "big")
        table, _ = decode_table(size + method.response)
        return str(table.get("LOGIN", "")), str(table.get("PASSWORD", ""))
    if method.mechanism == EXTERNAL and connection.takes_certificates:
        return connection.certificate_user, None
    raise FrameFault(errors.unknown_mechanism(method.mechanism), method.NUMBER)


def _found(connection: "AmqpConnection", password: str | None, output: Output | CoreRefusal) -> None:
    local_only = connection.user in connection.door.loopback_users and not connection.peer_is_loopback
    if not isinstance(output, UserInfo) or local_only:
        _refuse(connection)
    elif password is None:
        _checked(connection, True)
    else:
        connection.door.passwords.check(password, output.password_hash, partial(_checked, connection))


def _checked(connection: "AmqpConnection", right: bool) -> None:
    if connection.gone or connection.state != SECURE:
        return
    if not right:
        _refuse(connection)
        return
    connection.send(0, ConnectionTune(CHANNELS_MAX, FRAME_BYTES_MAX, connection.door.heartbeat_seconds))
    connection.resume(TUNE)
    connection.flush()


def _refuse(connection: "AmqpConnection") -> None:
    if connection.can("authentication_failure_close"):
        connection.close(errors.login_refused(connection.mechanism), ConnectionStartOk.NUMBER)
    else:
        connection.end()
    connection.flush()


# How, and where -------------------------------------------------------------------------------------------------


def tune(connection: "AmqpConnection", method: ConnectionTuneOk) -> None:
    """connection.tune-ok"""
    wanted = method.frame_max or FRAME_BYTES_MAX
    if wanted < FRAME_BYTES_MIN:
        fault = errors.negotiation_failed("frame_max", wanted, FRAME_BYTES_MIN, lower=True)
        raise FrameFault(fault, method.NUMBER)
    if wanted > FRAME_BYTES_MAX:
        fault = errors.negotiation_failed("frame_max", wanted, FRAME_BYTES_MAX, lower=False)
        raise FrameFault(fault, method.NUMBER)
    if method.channel_max > CHANNELS_MAX:
        fault = errors.negotiation_failed("channel_max", method.channel_max, CHANNELS_MAX, lower=False)
        raise FrameFault(fault, method.NUMBER)
    connection.channels_max = method.channel_max or CHANNELS_MAX
    connection.frame_bytes_max = connection.reader.frame_bytes_max = wanted
    connection.heartbeat_seconds = method.heartbeat
    connection.state = OPEN


def open_host(connection: "AmqpConnection", method: ConnectionOpen, asked: list[Asked]) -> None:
    """connection.open"""
    connection.host = connection.door.host_of(method.virtual_host)
    connection.pause(OPEN)
    command = OpenConnection(connection.host, connection.user, connection)
    asked.append((command, Answer(connection, partial(_opened, connection))))


def _opened(connection: "AmqpConnection", output: Output | CoreRefusal) -> None:
    if isinstance(output, CoreRefusal):
        shown, connection.host = refused(output, connection.host), ""
        connection.close(shown, ConnectionOpen.NUMBER)
        return
    assert isinstance(output, Granted)
    if connection.state != OPEN:  # the server is about to end
        return
    connection.access = connection.door.access(connection.user, connection.host, output)
    connection.send(0, ConnectionOpenOk())
    connection.resume(RUNNING)
