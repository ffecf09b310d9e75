"""Scenarios: frames that are wrong, in the wrong place, or lie; channels and connections in the wrong state; logins."""

from typing import Any

from pamqp.commands import Basic, Channel, Connection

from tests.amqp_clients.comparison.messages import TO_QUEUE
from tests.amqp_clients.comparison.topology import queue
from tests.amqp_clients.comparison.transcript import Handshake, Scenario, content, octets
from tests.amqp_clients.wire import HEADER, raw_frame

PUBLISH = octets(TO_QUEUE)
QOS = octets(Basic.Qos())


def head(size: int, class_id: int = 60, flags: bytes = b"\0\0", weight: int = 0) -> bytes:
    """A content header on channel 1."""
    payload = class_id.to_bytes(2, "big") + weight.to_bytes(2, "big") + size.to_bytes(8, "big") + flags
    return raw_frame(2, 1, payload)


def declare(table: bytes, length: int | None = None) -> bytes:
    """queue.declare of a name with a table as it is; `length` lies about it."""
    size = len(table) if length is None else length
    return raw_frame(1, 1, b"\0\x32\0\x0a\0\0\x04diff\0" + size.to_bytes(4, "big") + table)


def nested(depth: int) -> bytes:
    """Pairs of a table in a table in a table …"""
    table = b""
    for _ in range(depth):
        table = b"\x01tF" + len(table).to_bytes(4, "big") + table
    return table


FRAMES: dict[str, bytes] = {
    "unknown class": raw_frame(1, 1, b"\x00\x63\x00\x0a"),
    "unknown method": raw_frame(1, 1, b"\x00\x3c\x00\xff"),
    "unknown class on channel 0": raw_frame(1, 0, b"\x00\x63\x00\x0a"),
    "a server's method": octets(Basic.ConsumeOk("tag")),
    "deliver from a client": octets(Basic.Deliver("tag", 1, False, "", "")),
    "a server's method on channel 0": octets((0, Connection.Tune(0, 0, 0))),
    "unknown frame": raw_frame(7, 1, b""),
    "unknown frame with a payload": raw_frame(4, 1, b"payload"),
    "frame end": raw_frame(1, 1, b"\x00\x3c\x00\x0a\0\0\0\0\0\0\0", end=0),
    "frame end of a heartbeat": raw_frame(8, 0, b"", end=0),
    "too large": b"\x01\x00\x01\x7f\xff\xff\xff\x00",
    "a little too large": raw_frame(3, 1, bytes(131_073)),
    "half a method": raw_frame(1, 1, b"\x00\x3c\x00\x0a\x00"),
    "less than a method's number": raw_frame(1, 1, b"\x00\x3c"),
    "more than a method": raw_frame(1, 1, b"\x00\x3c\x00\x0a\0\0\0\0\0\0\0extra"),
    "a short string that lies": raw_frame(1, 1, b"\x00\x3c\x00\x46\0\0\xffq\0"),
    "not UTF-8": raw_frame(1, 1, b"\x00\x3c\x00\x46\0\0\x02\xff\xfe\0"),
    "content without a method": head(5),
    "body without a method": raw_frame(3, 1, b"body"),
    "body without a header": PUBLISH + raw_frame(3, 1, b"body"),
    "a method instead of a header": PUBLISH + QOS,
    "a method instead of a body": PUBLISH + head(5) + QOS,
    "a header instead of a body": PUBLISH + head(5) + head(5),
    "header of another class": PUBLISH + head(5, 10),
    "header with a weight": PUBLISH + head(0, weight=1),
    "short header": PUBLISH + raw_frame(2, 1, b"\0\x3c\0\0"),
    "flags that lie": PUBLISH + head(0, flags=b"\x80\x00"),
    "a flag that is none": PUBLISH + head(0, flags=b"\x00\x02"),
    "more flags": PUBLISH + head(0, flags=b"\x00\x01\x00\x00"),
    "too much body": PUBLISH + head(2) + raw_frame(3, 1, b"body"),
    "too much body in two": PUBLISH + head(5) + raw_frame(3, 1, b"bod") + raw_frame(3, 1, b"ies"),
    "an empty body frame": PUBLISH + head(4) + raw_frame(3, 1, b"") + raw_frame(3, 1, b"body"),
    "2**63 bytes": PUBLISH + head(2**63),
    "content on channel 0": raw_frame(2, 0, bytes(14)),
    "body on channel 0": raw_frame(3, 0, b"body"),
    "publish on channel 0": octets((0, TO_QUEUE)),
    "a heartbeat on a channel": raw_frame(8, 1, b""),
    "a heartbeat with a payload": raw_frame(8, 0, b"beat"),
    "a heartbeat": raw_frame(8, 0, b""),
    "content of a closed channel": octets((9, TO_QUEUE)),
    "a table that lies": declare(b"\x01tF\0\0\0\x08", 7),
    "a table longer than the method": declare(b"", 50),
    "a key that lies": declare(b"\x50tF"),
    "a field of no type": declare(b"\x01tZ\0\0\0\0"),
    "a text that lies": declare(b"\x01tS\0\0\1\0abc"),
    "ten tables": declare(nested(10)),
    "a thousand tables": declare(nested(1_000)),
    "the same key twice": declare(b"\x01tt\x01\x01tt\x00"),
    "bits beyond those there are": raw_frame(1, 1, b"\0\x32\0\x0a\0\0\x04diff\xe0\0\0\0\0"),
}

NOT_OPEN = ("not open", "close what is not open")
METHODS: dict[str, list[Any]] = {
    "not open": [(9, Basic.Qos())],
    "close what is not open": [(9, Channel.Close(0, "", 0, 0))],
    "close-ok of what is not open": [(9, Channel.CloseOk())],
    "close-ok that nobody waits for": [Channel.CloseOk()],
    "close-ok on channel 0 that nobody waits for": [(0, Connection.CloseOk())],
    "second open": [Channel.Open()],
    "open 0": [(0, Channel.Open())],
    "close 0": [(0, Channel.Close(0, "", 0, 0))],
    "close, then open": [Channel.Close(200, "", 0, 0), Channel.Open()],
    "connection.open again": [(0, Connection.Open("/"))],
    "tune-ok again": [(0, Connection.TuneOk(0, 131_072, 0))],
    "start-ok again": [(0, Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US"))],
    "secure-ok": [(0, Connection.SecureOk("guest"))],
    "update-secret": [(0, Connection.UpdateSecret("guest", "no reason"))],
    "connection.open on a channel": [(1, Connection.Open("/"))],
    "connection.close on a channel": [(1, Connection.Close(200, "", 0, 0))],
    "basic on channel 0": [(0, Basic.Qos())],
    "queue on channel 0": [(0, queue("diff", passive=True))],
    "connection.close": [(0, Connection.Close(200, "", 0, 0))],
    "flow-ok": [Channel.FlowOk(True)],
    "credit": [raw_frame(1, 1, b"\0\x3c\0\x0c" + bytes(12))],
    "a closed channel's publish": [Basic.Get(queue="diff-none"), content(TO_QUEUE), Basic.Ack(9), Basic.Get(queue="")],
}


def login(response: str, mechanism: str = "PLAIN", told: bool = True) -> tuple[int, Any]:
    """start-ok"""
    properties: Any = {"capabilities": {"authentication_failure_close": told}}
    start_ok: Any = Connection.StartOk(properties, mechanism, response, "en_US")
    return 0, start_ok


START_OK = login("\0guest\0guest")


def opened(tune: Connection.TuneOk, *more: Any) -> Handshake:
    """A handshake up to tune-ok with open, whose answer is the last."""
    open_frame = b"".join(octets(step) for step in more) or octets((0, Connection.Open("/")))
    return Handshake([HEADER, START_OK, octets((0, tune)) + open_frame])


USUAL_TUNE = Connection.TuneOk(2047, 131_072, 0)

HANDSHAKES: dict[str, Handshake] = {
    "http": Handshake([b"GET / HTTP/1.1\r\n\r\n"]),
    "AMQP 1.0": Handshake([b"AMQP\x00\x01\x00\x00"]),
    "AMQP 1.0 with SASL": Handshake([b"AMQP\x03\x01\x00\x00"]),
    "AMQP 0-8": Handshake([b"AMQP\x01\x01\x08\x00"]),
    "AMQP 0-9": Handshake([b"AMQP\x01\x01\x00\x09"]),
    "AMQP 0-10": Handshake([b"AMQP\x01\x01\x00\x0a"]),
    "nothing but open": Handshake([HEADER, (0, Connection.Open("/"))]),
    "a frame that is none": Handshake([HEADER, raw_frame(7, 0, b"")]),
    "a channel before its time": Handshake([HEADER, (1, Channel.Open())]),
    "a wrong password": Handshake([HEADER, login("\0guest\0wrong")]),
    "a wrong password, not told": Handshake([HEADER, login("\0guest\0wrong", told=False)]),
    "nobody": Handshake([HEADER, login("\0nobody\0guest")]),
    "no name": Handshake([HEADER, login("\0\0")]),
    "an empty response": Handshake([HEADER, login("")]),
    "a response without a password": Handshake([HEADER, login("\0guest")]),
    "an authorization identity": Handshake([HEADER, login("guest\0guest\0guest")]),
    "an unknown mechanism": Handshake([HEADER, login("abracadabra", "SPELL")]),
    "AMQPLAIN without a table": Handshake([HEADER, login("guest", "AMQPLAIN")]),
    "AMQPLAIN, a wrong password": Handshake(
        [HEADER, login("\5LOGINS\0\0\0\5guest\x08PASSWORDS\0\0\0\5wrong", "AMQPLAIN")]
    ),
    "AMQPLAIN": Handshake([HEADER, login("\5LOGINS\0\0\0\5guest\x08PASSWORDS\0\0\0\5guest", "AMQPLAIN")]),
    "frames too small": opened(Connection.TuneOk(2047, 1_024, 0)),
    "frames of 4096": opened(Connection.TuneOk(2047, 4_096, 0)),
    "frames too large": opened(Connection.TuneOk(2047, 200_000, 0)),
    "frames without a limit": opened(Connection.TuneOk(2047, 0, 0)),
    "too many channels": opened(Connection.TuneOk(3_000, 131_072, 0)),
    "channels without a limit": opened(Connection.TuneOk(0, 131_072, 0)),
    "no such host": opened(USUAL_TUNE, (0, Connection.Open("diff-none"))),
    "no host": opened(USUAL_TUNE, (0, Connection.Open(""))),
    "a channel before open": opened(USUAL_TUNE, (1, Channel.Open())),
    "basic before open": opened(USUAL_TUNE, (0, Basic.Qos())),
    "start-ok twice": Handshake([HEADER, octets(START_OK), START_OK]),
    "close before open": opened(USUAL_TUNE, (0, Connection.Close(200, "", 0, 0))),
    "more channels than agreed on": Handshake(
        [
            HEADER,
            START_OK,
            octets((0, Connection.TuneOk(1, 131_072, 0))) + octets((0, Connection.Open("/"))),
            (1, Channel.Open()),
            (2, Channel.Open()),
        ]
    ),
    "a channel beyond what is agreed on": Handshake(
        [
            HEADER,
            START_OK,
            octets((0, Connection.TuneOk(1, 131_072, 0))) + octets((0, Connection.Open("/"))),
            (2, Channel.Open()),
        ]
    ),
    "a frame larger than agreed on": Handshake(
        [
            HEADER,
            START_OK,
            octets((0, Connection.TuneOk(1, 4_096, 0))) + octets((0, Connection.Open("/"))),
            (1, Channel.Open()),
            PUBLISH + head(5_000) + raw_frame(3, 1, bytes(5_000)),
        ]
    ),
}

WIRE: dict[str, Scenario | Handshake] = (
    {f"frame: {what}": Scenario([data], [queue()]) for what, data in FRAMES.items()}
    | {f"method: {what}": Scenario(script, [queue()], closes=what in NOT_OPEN) for what, script in METHODS.items()}
    | {f"handshake: {what}": handshake for what, handshake in HANDSHAKES.items()}
)
