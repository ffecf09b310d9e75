"""HTTP: pipelining, chunks, expectations, limits crossed by one, garbage; any bytes, split anywhere."""

from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.protocols.sqs import limits
from oncemq.protocols.sqs.exchange import Exchange
from oncemq.protocols.sqs.http import CONTINUE
from tests.protocols.sqs import client
from tests.protocols.sqs.client import NOW_MS, QUERY, URL

SEND = client.request("SendMessage", {"QueueUrl": URL, "MessageBody": "hello"})
LIST = client.request("ListQueues", {}, QUERY)
BAD = client.json_request("Nothing", b"{}")


def _feed(*pieces: bytes) -> list[Exchange]:
    connection = client.open_connection()
    return [exchange for piece in pieces for exchange in connection.feed(piece, NOW_MS)]


def _status(exchange: Exchange) -> int:
    assert exchange.reply is not None
    return client.Reply(exchange.reply).status


def _post(body: bytes, extra: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: {size}\r\n{extra}\r\n"
    return head.encode() + body


def test_pipelined_requests_make_exchanges_in_order() -> None:
    exchanges = _feed(SEND + LIST + BAD + SEND)
    assert [type(exchange.command).__name__ for exchange in exchanges] == [
        "SendMessages",
        "ListQueues",
        "NoneType",
        "SendMessages",
    ]
    assert not any(exchange.close for exchange in exchanges)


def test_a_stream_split_at_every_byte_makes_the_same_exchanges() -> None:
    chunked = (
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nExpect: 100-continue\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n"
    )
    stream = SEND + LIST + chunked + BAD + SEND
    whole = [(exchange.command, exchange.reply, exchange.close) for exchange in _feed(stream)]
    assert len(whole) == 6
    for place in range(1, len(stream)):
        parts = [
            (exchange.command, exchange.reply, exchange.close) for exchange in _feed(stream[:place], stream[place:])
        ]
        assert parts == whole
    single = _feed(*(stream[place : place + 1] for place in range(len(stream))))
    assert [(exchange.command, exchange.reply, exchange.close) for exchange in single] == whole


def test_expect_continue_is_answered_before_the_body() -> None:
    connection = client.open_connection()
    head, body = _post(b"{}", "Expect: 100-continue\r\n").split(b"\r\n\r\n")
    interim = client.only(connection, head + b"\r\n\r\n")
    assert interim.reply == CONTINUE and interim.command is None and not interim.close
    assert client.only(connection, body).command is not None
    refused = client.only(client.open_connection(), _post(b"{}", "Expect: tea\r\n"))
    assert _status(refused) == 417 and refused.close


def test_trailers_are_not_headers() -> None:
    raw = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n{}\r\n0\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n\r\n"
    )
    assert client.only(client.open_connection(), raw).command is None


def test_http_1_0_closes_unless_it_says_otherwise() -> None:
    body = b"{}"
    head = b"POST / HTTP/1.0\r\nX-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 2\r\n"
    closing = client.only(client.open_connection(), head + b"\r\n" + body)
    assert closing.close and closing.command is not None
    keeping = client.only(client.open_connection(), head + b"Connection: keep-alive\r\n\r\n" + body)
    assert not keeping.close


def test_connection_close_ends_the_connection() -> None:
    connection = client.open_connection()
    exchange = client.only(connection, _post(b"{}", "Connection: close\r\n"))
    assert exchange.close
    assert connection.feed(SEND, NOW_MS) == []


def test_other_methods_are_not_allowed() -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"):
        exchange = client.only(client.open_connection(), f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert exchange.reply is not None and not exchange.close
        reply = client.Reply(exchange.reply)
        assert reply.status == 405 and reply.headers["allow"] == "GET, POST"
    assert _feed(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")[0].close


def test_an_upgrade_is_not_made() -> None:
    exchanges = _feed(_post(b"{}", "Connection: upgrade\r\nUpgrade: h2c\r\n") + SEND)
    assert [type(exchange.command).__name__ for exchange in exchanges] == ["ListQueues", "SendMessages"]
    stream = _post(b"{}", "Connection: upgrade, x\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n") + SEND
    for place in range(1, len(stream)):
        exchanges = _feed(stream[:place], stream[place:])
        assert [type(exchange.command).__name__ for exchange in exchanges] == ["NoneType", "ListQueues", "SendMessages"]
        assert exchanges[0].reply == CONTINUE


def test_garbage_closes() -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"AMQP\x00\x00\x09\x01", b"GET\r\n\r\n", b"\x00" * 100):
        connection = client.open_connection()
        exchange = client.only(connection, garbage)
        assert _status(exchange) == 400 and exchange.close
        assert connection.feed(SEND, NOW_MS) == []


def test_requests_that_could_be_read_two_ways_are_refused() -> None:
    both = _post(b"{}", "Transfer-Encoding: chunked\r\n")
    assert _status(_feed(both)[0]) == 400
    twice = _post(b"{}", "Content-Length: 3\r\n")
    assert _status(_feed(twice)[0]) == 400


def test_what_was_whole_before_garbage_is_answered() -> None:
    exchanges = _feed(SEND + b"\x00garbage")
    assert exchanges[0].command is not None and _status(exchanges[1]) == 400


def test_body_limit() -> None:
    body = b"{}" + b" " * (limits.BODY_BYTES - 2)
    assert client.only(client.open_connection(), _post(body)).command is not None
    too_large = client.only(client.open_connection(), _post(b"", length=limits.BODY_BYTES + 1))
    assert _status(too_large) == 413 and too_large.close
    assert _status(_feed(_post(b"", length=10**30))[0]) in (400, 413)


def test_chunked_body_limit() -> None:
    connection = client.open_connection()
    connection.feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", NOW_MS)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(8):
        assert connection.feed(chunk, NOW_MS) == []
    assert _status(client.only(connection, b"1\r\nx\r\n")) == 413


def test_header_limits() -> None:
    def with_headers(count: int) -> bytes:
        return b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(count)) + b"\r\n"

    assert _status(_feed(with_headers(limits.HEADERS))[0]) == 400  # no Action
    assert _status(_feed(with_headers(limits.HEADERS + 1))[0]) == 431
    same = b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (limits.HEADERS + 1) + b"\r\n"
    assert _status(_feed(same)[0]) == 431
    long = b"GET / HTTP/1.1\r\nX: " + b"y" * limits.HEAD_BYTES + b"\r\n\r\n"
    assert _status(_feed(long)[0]) == 431


def test_heads_and_trailers_that_never_end_are_bounded() -> None:
    for begin in (
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=",
    ):
        connection = client.open_connection()
        assert connection.feed(begin, NOW_MS) == []
        fed_bytes = 0
        exchanges: list[Exchange] = []
        while not exchanges:
            exchanges = connection.feed(b"y" * 65_536, NOW_MS)
            fed_bytes += 65_536
            assert fed_bytes <= limits.HEAD_BYTES + limits.FRAMING_BYTES + 2 * 65_536
        assert _status(exchanges[0]) in (400, 413, 431) and exchanges[0].close


def test_a_request_id_and_a_date_with_every_answer() -> None:
    exchanges = _feed(BAD + LIST + b"garbage\r\n\r\n")
    from oncemq.core.outputs import QueueNames

    replies = [client.Reply(exchange.reply or exchange.render(QueueNames([], False))) for exchange in exchanges]
    identifiers = {reply.headers["x-amzn-requestid"] for reply in replies}
    assert len(identifiers) == 3
    assert all(reply.headers["date"].endswith(" GMT") for reply in replies)


def _check_replies(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        assert (exchange.command is None) != (exchange.reply is None)
        if exchange.reply is not None and exchange.reply != CONTINUE:
            client.Reply(exchange.reply)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_bytes(pieces: list[bytes]) -> None:
    _check_replies(_feed(*pieces))


TEMPLATES = [
    SEND,
    LIST,
    client.request("ReceiveMessage", {"QueueUrl": URL, "AttributeNames": ["All"], "MaxNumberOfMessages": 2}),
    client.request(
        "SendMessage",
        {"QueueUrl": URL, "MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "1"}}},
        QUERY,
    ),
    client.request("CreateQueue", {"QueueName": "a.fifo", "Attributes": {"FifoQueue": "true"}, "tags": {"k": "v"}}),
    client.request("DeleteMessageBatch", {"QueueUrl": URL, "Entries": [{"Id": "a", "ReceiptHandle": "x"}]}, QUERY),
    client.raw_request("POST", "/", *client.signed("SendMessage", {"QueueUrl": URL, "MessageBody": "x"})),
    client.presigned(URL + "?Action=GetQueueAttributes&AttributeName.1=All"),
]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_mutated_requests_split_anywhere(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(TEMPLATES)))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        length = data.draw(st.integers(0, 8))
        raw[place : place + length] = data.draw(st.binary(max_size=8))
        if not raw:
            return
    cut = data.draw(st.integers(0, len(raw)))
    for door in (client.open_door(), client.verifying_door()):
        connection = door.connection(True)
        _check_replies(connection.feed(bytes(raw[:cut]), NOW_MS) + connection.feed(bytes(raw[cut:]), NOW_MS))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
MEMBERS = ["QueueUrl", "MessageBody", "Entries", "Attributes", "tags", "Tags", "MessageAttributes", "ReceiptHandle"]
MEMBERS += [
    "QueueName",
    "AttributeNames",
    "TaskHandle",
    "SourceArn",
    "NextToken",
    "MaxResults",
    "DelaySeconds",
    "Label",
]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(client.MODELS["json"].operation_names)), st.data())
def test_any_json(action: str, data: st.DataObject) -> None:
    import json

    members = st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES | st.just(URL), max_size=5)
    body = json.dumps(data.draw(members)).encode()
    _check_replies(_feed(client.json_request(action, body)))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text("ActioneEntryQueueUrl.123MsgBodyV", max_size=30), st.text(max_size=20), max_size=8))
def test_any_form(form: dict[str, str]) -> None:
    from urllib.parse import urlencode

    for action in ("SendMessageBatch", "CreateQueue", "ReceiveMessage"):
        body = urlencode({**form, "Action": action}).encode()
        _check_replies(_feed(client.raw_request("POST", "/", {"Host": "a"}, body)))
