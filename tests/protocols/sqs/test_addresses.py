"""Queue URLs, regions, accounts, handles."""

import base64

import pytest

from oncemq.core.commands import CreateQueue, Lease, ListQueues, SendMessages
from oncemq.protocols.sqs.handles import Identity, read_task_handle, sequence_number
from oncemq.protocols.sqs.urls import Addresses
from tests.protocols.sqs import client
from tests.protocols.sqs.client import JSON, QUERY, URL, error_of


def _send(url: str) -> SendMessages:
    command = client.command_of(client.request("SendMessage", {"QueueUrl": url, "MessageBody": "x"}))
    assert isinstance(command, SendMessages)
    return command


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost:9324/000000000000/orders", "/"),
        ("https://sqs.eu-west-1.amazonaws.com/000000000000/orders", "/"),
        ("http://[::1]:1/111122223333/orders", "111122223333/us-east-1"),
        ("/111122223333/orders", "111122223333/us-east-1"),
    ],
)
def test_a_queue_url_names_its_queue_by_path(url: str, host: str) -> None:
    command = _send(url)
    assert (command.host, command.queue) == (host, "orders")


@pytest.mark.parametrize("protocol", [JSON, QUERY])
@pytest.mark.parametrize(
    "url",
    [
        "orders",
        "http://localhost/",
        "http://localhost/orders",
        "http://localhost/000000000000",
        "http://localhost/000000000000/",
        "http://localhost/00000000000/orders",
        "http://localhost/0000000000000/orders",
        "http://localhost/000000000000/orders/",
        "http://localhost/queue/000000000000/orders",
        "http://localhost/000000000000/../orders",
        "http://localhost/000000000000/..",
        "http://localhost/../000000000000/orders",
        "http://[/000000000000/orders",
    ],
)
def test_urls_that_are_no_queue_urls(url: str, protocol: str) -> None:
    code, message = error_of("SendMessage", {"QueueUrl": url, "MessageBody": "x"}, protocol)
    assert code == "InvalidAddress"
    assert message == f"The address {url} is not valid for this endpoint."


@pytest.mark.parametrize("name", ["%2e%2e", "a%2Fb", "a b", "x" * 81, "é"])
def test_names_that_no_queue_can_have(name: str) -> None:
    code, message = error_of("SendMessage", {"QueueUrl": f"http://h/000000000000/{name}", "MessageBody": "x"})
    assert (code, message) == ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/000000000000/../x", "//", "/%00"])
def test_paths_that_climb(path: str) -> None:
    raw = client.raw_request("GET", path + "?Action=GetQueueAttributes", {"Host": "a"})
    reply = client.Reply(client.only(client.open_connection(), raw).reply or b"")
    assert reply.parsed("GetQueueAttributes", QUERY)["Error"]["Code"] == "InvalidAddress"


def test_no_queue_url() -> None:
    expected = ("MissingParameter", "The request must contain the parameter QueueUrl.")
    assert error_of("SendMessage", {"MessageBody": "x"}) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:9324", "http://localhost:9324"),
        ("sqs.eu-west-1.amazonaws.com", "http://sqs.eu-west-1.amazonaws.com"),
        ("[::1]:9324", "http://[::1]:9324"),
        ("queues", "http://queues"),
        ("a b", "http://localhost:9324"),
        ("evil/path", "http://localhost:9324"),
        ("<script>", "http://localhost:9324"),
        ("", "http://localhost:9324"),
    ],
)
def test_queue_urls_follow_the_callers_host(host: str, expected: str) -> None:
    addresses = Addresses("000000000000", "us-east-1", "http", "localhost:9324")
    assert addresses.origin(host.encode()).base_url == expected


def test_queue_urls_follow_the_scheme() -> None:
    addresses = Addresses("000000000000", "us-east-1", "https", "localhost:9324")
    assert addresses.origin(b"a:1").base_url == "https://a:1"


@pytest.mark.parametrize(
    ("host", "region", "expected"),
    [
        ("localhost", None, "/"),
        ("sqs.eu-west-1.amazonaws.com", None, "000000000000/eu-west-1"),
        ("sqs.eu-west-1.localhost:9324", None, "000000000000/eu-west-1"),
        ("sqs.eu-west-1.localhost:9324", "us-west-2", "000000000000/us-west-2"),
        ("sqs.eu-west-1.localhost:9324", "us-east-1", "/"),
        ("sqs.eu-west-1.localhost:9324", "..x", "000000000000/eu-west-1"),
        ("localhost", "UPPER", "/"),
    ],
)
def test_regions(host: str, region: str | None, expected: str) -> None:
    headers, body = client.serialised("ListQueues", {})
    headers["Host"] = host
    if region is not None:
        credential = f"Credential=test/20261121/{region}/sqs/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
    command = client.command_of(client.raw_request("POST", "/", headers, body))
    assert isinstance(command, ListQueues) and command.host == expected


def test_a_url_follows_the_account_of_the_caller() -> None:
    headers, body = client.signed("CreateQueue", {"QueueName": "q"}, key=("111122223333", "x"))
    exchange = client.only(client.open_connection(), client.raw_request("POST", "/", headers, body))
    assert isinstance(exchange.command, CreateQueue)
    found = client.answered(exchange, "CreateQueue", client.queue_info("q"))
    assert found["QueueUrl"] == "http://localhost:9324/111122223333/q"


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns(region: str, partition: str) -> None:
    addresses = Addresses("000000000000", "us-east-1", "http", "localhost")
    arn = addresses.place("111122223333", region).arn("q.fifo")
    assert arn == f"arn:{partition}:sqs:{region}:111122223333:q.fifo"
    found = addresses.queue_of_arn(arn)
    assert found is not None and (found.place.host, found.queue) == (f"111122223333/{region}", "q.fifo")


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:sns:us-east-1:000000000000:q", "arn:aws:sqs:us-east-1:0:q"])
def test_arns_refused(arn: str) -> None:
    code, _ = error_of("StartMessageMoveTask", {"SourceArn": arn})
    assert code == ("InvalidParameterValue" if arn else "MissingParameter")


def test_caches_are_bounded() -> None:
    addresses = Addresses("000000000000", "us-east-1", "http", "localhost")
    for number in range(10_000):
        addresses.queue(f"http://h/000000000000/q{number}", "us-east-1")
        addresses.origin(b"h%d" % number)
        addresses.place(f"{number:012}", "us-east-1")
    for cache in ("_queues", "_origins", "_places"):
        assert len(getattr(addresses, cache)) <= 4_096


# Handles ------------------------------------------------------------------------------------------------------------

IDS = Identity(b"k" * 32).of_host("/")


def test_message_ids_are_uuids_that_tell_nothing() -> None:
    import uuid

    identifiers = [IDS.message_id(number) for number in range(1_000)]
    assert len(set(identifiers)) == 1_000
    for identifier in identifiers:
        read = uuid.UUID(identifier)
        assert str(read) == identifier and read.version == 4 and read.variant == uuid.RFC_4122
    assert Identity(b"k" * 32).of_host("/").message_id(1) == identifiers[1]
    assert Identity(b"j" * 32).of_host("/").message_id(1) != identifiers[1]
    assert Identity(b"k" * 32).of_host("a/b").message_id(1) != identifiers[1]


def test_sequence_numbers_grow_as_text() -> None:
    numbers = [sequence_number(number) for number in (0, 9, 10, 99, 10**9, 2**63)]
    assert numbers == sorted(numbers) and {len(number) for number in numbers} == {20}


def test_receipt_handles() -> None:
    lease = Lease(2**64 - 1, 2**63, 3)
    handle = IDS.receipt_handle(lease)
    assert IDS.lease(handle) == lease
    assert Identity(b"k" * 32).of_host("a/b").lease(handle) is None
    assert Identity(b"j" * 32).of_host("/").lease(handle) is None
    raw = bytearray(base64.b64decode(handle))
    for place in range(len(raw)):
        raw[place] ^= 1
        assert IDS.lease(base64.b64encode(raw).decode()) is None
        raw[place] ^= 1


@pytest.mark.parametrize("handle", ["x", "é" * 44, "A" * 44, "=" * 44, "A" * 43 + "\n", "A" * 10_000])
@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_malformed_receipt_handles(handle: str, protocol: str) -> None:
    code, message = error_of("DeleteMessage", {"QueueUrl": URL, "ReceiptHandle": handle}, protocol)
    assert code == "ReceiptHandleIsInvalid"
    assert message.endswith("is not a valid receipt handle.")


def test_a_malformed_handle_fails_its_entry_alone() -> None:
    from oncemq.core.outputs import Results

    entries = [{"Id": "bad", "ReceiptHandle": "x"}, {"Id": "good", "ReceiptHandle": client.handle()}]
    found = client.answer("DeleteMessageBatch", {"QueueUrl": URL, "Entries": entries}, Results([None]))
    assert [one["Id"] for one in found["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in found["Failed"]] == [("bad", "ReceiptHandleIsInvalid")]


def test_task_handles() -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    read = read_task_handle(IDS.task_handle(5, arn))
    assert read is not None and read.sourceArn == arn
    assert IDS.task(read.taskId) == 5
    for wrong in (read.taskId[:-1] + "z", "", "x" * 32, "-" + read.taskId[1:], "é" * 32):
        assert IDS.task(wrong) is None
    for handle in ("x", "", "e30=", base64.b64encode(b"[" * 100_000).decode()):
        assert read_task_handle(handle) is None


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_task_handles_that_are_refused(protocol: str) -> None:
    assert error_of("CancelMessageMoveTask", {"TaskHandle": "x"}, protocol) == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )
    made_up = base64.b64encode(b'{"taskId":"00","sourceArn":"arn:aws:sqs:us-east-1:000000000000:dead"}').decode()
    found = error_of("CancelMessageMoveTask", {"TaskHandle": made_up}, protocol)
    assert found == ("ResourceNotFoundException", "Task does not exist.")
    elsewhere = base64.b64encode(b'{"taskId":"00","sourceArn":"invalid"}').decode()
    assert error_of("CancelMessageMoveTask", {"TaskHandle": elsewhere}, protocol)[0] == "ResourceNotFoundException"
