"""A scenario played to a server over a socket, and what the server said, as lines that can be compared.

before the scenario    connection open, channel 1 open; `elsewhere` and `before` asked, each answer awaited
the scenario           `script`, sent in one piece
after it               basic.qos on channel 1, as a probe: its answer says that nothing was refused. A channel that is
                       closed is opened again; of a connection that is closed the end of the socket is awaited.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pamqp import body, commands, frame, header

from tests.amqp_clients.wire import HEADER, Server, Wire

QUEUE, OTHER_QUEUE, EXCHANGE, OTHER_EXCHANGE = "diff", "diff-other", "diff-exchange", "diff-exchange-other"

Step = Any
"""Bytes as they are; a method, on channel 1; (channel, method)."""


class Scenario(NamedTuple):
    """What is done to a server."""

    script: Sequence[Step]
    before: Sequence[Step] = ()
    """Methods on channel 1 that are answered."""
    elsewhere: Sequence[Step] = ()
    """The same on a connection of their own that stays open."""
    stepwise: bool = False
    """Whether an answer is awaited before the next step: RabbitMQ's consumers are told by their queues."""
    closes: bool = False
    """Whether it must end with a close, of which RabbitMQ thinks while it answers the probe."""


class Handshake(NamedTuple):
    """What is said instead of a handshake: each step once the server has said something, or closed."""

    steps: Sequence[Step]


def octets(step: Step) -> bytes:
    """What is sent."""
    if isinstance(step, bytes):
        return step
    channel, method = step if isinstance(step, tuple) else (1, step)
    return bytes(frame.marshal(method, channel))


def content(method: Any, text: bytes = b"m", **properties: Any) -> bytes:
    """A publish with its content on channel 1."""
    given = commands.Basic.Properties()
    for name, value in properties.items():  # not its constructor, which refuses what is wrong
        setattr(given, name, value)
    said = header.ContentHeader(0, len(text), given)
    parts = [method, said, *([body.ContentBody(text)] if text else [])]
    return b"".join(frame.marshal(part, 1) for part in parts)


def play(server: Server, scenario: Scenario | Handshake) -> list[str]:
    """What the server said."""
    with Wire(server) as wire, Wire(server) as other:
        if isinstance(scenario, Handshake):
            return _shake(wire, scenario)
        if scenario.elsewhere:
            other.open()
            _ask(other, scenario.elsewhere)
        wire.open()
        _ask(wire, scenario.before)
        said = _ask(wire, scenario.script[:-1]) if scenario.stepwise else []
        script = scenario.script[-1:] if scenario.stepwise else scenario.script
        wire.send(b"".join(octets(step) for step in script))
        said += _listen(wire, 1 if scenario.stepwise else 0, probing=not scenario.closes)
    _clean(server)
    return said


def _ask(wire: Wire, methods: Sequence[Step]) -> list[str]:
    said = []
    for method in methods:
        wire.send(octets(method))
        answer = wire.read()
        assert not isinstance(answer, commands.Channel.Close | commands.Connection.Close | None), answer
        said.append(line(answer))
    return said


def _shake(wire: Wire, scenario: Handshake) -> list[str]:
    said: list[str] = []
    wire.socket.settimeout(20)  # RabbitMQ waits before it closes what it could not agree with
    for step in scenario.steps:
        wire.send(octets(step))
        answer = _raw_answer(wire) if step is scenario.steps[0] and not octets(step).startswith(HEADER) else wire.read()
        said.append(line(answer))
        if isinstance(answer, commands.Connection.Close):
            wire.method(0, commands.Connection.CloseOk())
            said.append(line(wire.read()))
        if said[-1] == line(None):
            break
    return said


def _raw_answer(wire: Wire) -> Any:
    try:
        data = wire.socket.recv(65536)
    except ConnectionResetError:
        return None
    return data if data.startswith(b"AMQP") else frame.unmarshal(data)[2] if data else None


def _listen(wire: Wire, answers: int, probing: bool) -> list[str]:
    """All that is said from here on; the probe goes out once that many answers have come."""
    said: list[str] = []
    while True:
        if probing and len(said) == answers:
            wire.send(octets(commands.Basic.Qos(0, 0, False)))
            probing = False
        found = wire.read()
        if isinstance(found, commands.Basic.QosOk):
            return said
        said.append(line(found))
        if isinstance(found, commands.Connection.Close):
            wire.method(0, commands.Connection.CloseOk())
        elif isinstance(found, commands.Channel.Close):
            wire.method(1, commands.Channel.CloseOk())
            wire.method(1, commands.Channel.Open())
            said.append(line(wire.until(commands.Channel.OpenOk)))
            return said
        elif found is None or isinstance(found, commands.Connection.CloseOk):
            return said


def line(found: Any) -> str:
    """A frame as text; what no two servers say alike is left out."""
    if found is None:
        return "socket closed"
    if isinstance(found, bytes):
        return f"octets {found!r}"
    if isinstance(found, header.ContentHeader):
        return f"header of {found.body_size} bytes"
    if isinstance(found, body.ContentBody):
        return f"body {bytes(found.value or b'')!r}"
    if isinstance(found, commands.Connection.Start):
        return "Connection.Start"
    fields = ", ".join(f"{name}={value!r}" for name, value in dict(found).items())
    return f"{found.name}({fields})"


def _clean(server: Server) -> None:
    with Wire(server).open() as wire:
        for queue in (QUEUE, OTHER_QUEUE):
            wire.method(1, commands.Queue.Delete(queue=queue))
            assert isinstance(wire.read(), commands.Queue.DeleteOk)
        for exchange in (EXCHANGE, OTHER_EXCHANGE):
            wire.method(1, commands.Exchange.Delete(exchange=exchange))
            assert isinstance(wire.read(), commands.Exchange.DeleteOk)
        wire.method(0, commands.Connection.Close(200, "", 0, 0))
        wire.until(commands.Connection.CloseOk)
