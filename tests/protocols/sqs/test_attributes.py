"""Queue attributes: ranges, rules, and that what is set comes back letter for letter."""

from typing import Any

import pytest

from oncemq.core.commands import ChangeQueue, CreateQueue
from oncemq.core.settings import FIFO, RedriveAllow, Settings, changed
from tests.protocols.sqs import client
from tests.protocols.sqs.client import ARN, DEAD_ARN, FIFO_URL, JSON, QUERY, URL, error_of

FIFO_DEAD_ARN = DEAD_ARN + ".fifo"


def _set(url: str = URL, **attributes: str) -> dict[str, Any]:
    command = client.command_of(client.request("SetQueueAttributes", {"QueueUrl": url, "Attributes": attributes}))
    assert isinstance(command, ChangeQueue)
    return command.changes


def _refused(url: str = URL, **attributes: str) -> tuple[str, str]:
    return error_of("SetQueueAttributes", {"QueueUrl": url, "Attributes": attributes})


def _shown(settings: Settings, *asked: str, protocol: str = JSON, url: str = URL) -> dict[str, str]:
    parameters = {"QueueUrl": url, "AttributeNames": list(asked) or ["All"]}
    name = url.rpartition("/")[2]
    found: dict[str, str] = client.answer(
        "GetQueueAttributes", parameters, client.queue_info(name, settings), protocol
    ).get("Attributes", {})
    return found


COMPUTED = {
    "QueueArn": ARN,
    "ApproximateNumberOfMessages": "3",
    "ApproximateNumberOfMessagesNotVisible": "2",
    "ApproximateNumberOfMessagesDelayed": "1",
    "CreatedTimestamp": "1000",
    "LastModifiedTimestamp": "2000",
}
DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_defaults_as_aws_shows_them(protocol: str) -> None:
    assert _shown(Settings(), protocol=protocol) == {**COMPUTED, **DEFAULTS}
    fifo = _shown(Settings(kind=FIFO), protocol=protocol, url=FIFO_URL)
    assert fifo == {**COMPUTED, "QueueArn": ARN + ".fifo", **DEFAULTS, **FIFO_DEFAULTS}


@pytest.mark.parametrize(
    ("name", "minimum", "maximum"),
    [
        ("VisibilityTimeout", 0, 43_200),
        ("DelaySeconds", 0, 900),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("MaximumMessageSize", 1_024, 1_048_576),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ],
)
def test_ranges(name: str, minimum: int, maximum: int) -> None:
    for value in (str(minimum), str(maximum)):
        assert _shown(changed(Settings(), _set(**{name: value})), name) == {name: value}
    for value in (str(minimum - 1), str(maximum + 1), "x", "1.5", " 1", "1e2", "٣", "9" * 30):
        assert _refused(**{name: value}) == ("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def test_numbers_are_normalised() -> None:
    assert _set(VisibilityTimeout="0060") == {"visibility_timeout_ms": 60_000}
    assert _refused(VisibilityTimeout="")[0] == "InvalidAttributeValue"


REDRIVE = '{"deadLetterTargetArn": "' + DEAD_ARN + '", "maxReceiveCount": "5"}'
ALLOW = '{"redrivePermission":"byQueue",  "sourceQueueArns":["' + ARN + '"]}'
POLICY = '{ "Version": "2012-10-17", "Statement": [] }'
KEPT = {
    "Policy": POLICY,
    "RedrivePolicy": REDRIVE,
    "RedriveAllowPolicy": ALLOW,
    "KmsMasterKeyId": "alias/aws/sqs",
    "KmsDataKeyReusePeriodSeconds": "6000",
}


@pytest.mark.parametrize("protocol", [JSON, QUERY])
def test_what_is_set_comes_back_letter_for_letter(protocol: str) -> None:
    settings = changed(Settings(), _set(**KEPT))
    assert (settings.dead_letter_queue, settings.maximum_receives) == ("dead", 5)
    assert settings.redrive_allow == RedriveAllow("byQueue", ("orders",))
    shown = _shown(settings, protocol=protocol)
    assert {name: shown[name] for name in KEPT} == KEPT
    assert shown["SqsManagedSseEnabled"] == "false"
    for name, value in KEPT.items():
        assert _shown(settings, name, protocol=protocol) == {name: value}


def test_one_attribute_at_a_time_merges() -> None:
    settings = Settings()
    for name, value in KEPT.items():
        settings = changed(settings, _set(**{name: value}))
    shown = _shown(settings)
    assert {name: shown[name] for name in KEPT} == KEPT


def test_an_empty_text_removes_a_policy() -> None:
    settings = changed(changed(Settings(), _set(**KEPT)), _set(**dict.fromkeys(KEPT, "")))
    assert settings == Settings()
    assert _shown(settings) == {**COMPUTED, **DEFAULTS}


def test_a_policy_set_anew_is_the_one_that_is_shown() -> None:
    """AddPermission changes the policy in the core, by the field and by its text."""
    settings = changed(Settings(), {"policy": "{}", "text": {"Policy": "{}"}})
    settings = changed(settings, _set(Policy=POLICY))
    assert settings.policy == _shown(settings)["Policy"] == POLICY


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("x", "InvalidAttributeValue"),
        ("[]", "InvalidAttributeValue"),
        ("[" * 100_000, "InvalidAttributeValue"),
        ("{}", "deadLetterTargetArn"),
        ('{"deadLetterTargetArn":"' + DEAD_ARN + '"}', "maxReceiveCount"),
        ('{"deadLetterTargetArn":"dummy","maxReceiveCount":42}', "Invalid value for deadLetterTargetArn."),
        ('{"deadLetterTargetArn":7,"maxReceiveCount":42}', "Invalid value for deadLetterTargetArn."),
        (REDRIVE.replace("000000000000", "111122223333"), "Invalid value for deadLetterTargetArn."),
        (REDRIVE.replace("us-east-1", "eu-west-1"), "Invalid value for deadLetterTargetArn."),
        (REDRIVE.replace('"5"', "0"), "maxReceiveCount"),
        (REDRIVE.replace('"5"', "1001"), "maxReceiveCount"),
        (REDRIVE.replace('"5"', "true"), "maxReceiveCount"),
        (REDRIVE.replace('"5"', "1.5"), "maxReceiveCount"),
        (REDRIVE.replace('"5"', '"x"'), "maxReceiveCount"),
        (REDRIVE.replace("}", ',"x":1}'), "unknown attribute: x"),
    ],
)
def test_redrive_policies_refused(policy: str, reason: str) -> None:
    code, message = _refused(RedrivePolicy=policy)
    assert reason in (code, *message.split(" is invalid. Reason: ")) or reason in message
    assert code in ("InvalidAttributeValue", "InvalidParameterValue")


def test_max_receive_count_as_number_and_as_text() -> None:
    for count in ("1", "1000", '"1"', '"1000"'):
        changes = _set(RedrivePolicy=REDRIVE.replace('"5"', count))
        assert changes["maximum_receives"] == int(count.strip('"'))
        assert f'"maxReceiveCount": {count}' in changes["text"]["RedrivePolicy"]


@pytest.mark.parametrize(
    "policy",
    [
        "x",
        "{}",
        '{"redrivePermission":"some"}',
        '{"redrivePermission":"byQueue"}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":["x"]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[' + ",".join([f'"{ARN}"'] * 11) + "]}",
        '{"redrivePermission":"denyAll","sourceQueueArns":["' + ARN + '"]}',
        '{"redrivePermission":"denyAll","x":1}',
    ],
)
def test_redrive_allow_policies_refused(policy: str) -> None:
    assert _refused(RedriveAllowPolicy=policy)[0] in ("InvalidAttributeValue", "InvalidParameterValue")


def test_redrive_allow_policies() -> None:
    assert _set(RedriveAllowPolicy='{"redrivePermission":"denyAll"}')["redrive_allow"] == RedriveAllow("denyAll")
    assert _set(RedriveAllowPolicy="")["redrive_allow"] == RedriveAllow()


def test_policies_must_be_objects() -> None:
    for policy in ("x", "[]", "[" * 100_000, '"a"'):
        assert _refused(Policy=policy) == ("InvalidAttributeValue", "Invalid value for the parameter Policy.")


def test_encryption_of_two_sorts_at_once() -> None:
    code, message = _refused(KmsMasterKeyId="key", SqsManagedSseEnabled="true")
    assert code == "InvalidAttributeName"
    assert message.startswith("You can use one type of server-side encryption (SSE) at one time.")
    assert _shown(changed(Settings(), _set(SqsManagedSseEnabled="false")))["SqsManagedSseEnabled"] == "false"
    assert _refused(SqsManagedSseEnabled="yes")[0] == "InvalidAttributeValue"


def test_unknown_names() -> None:
    assert _refused(Colour="red") == ("InvalidAttributeName", "Unknown Attribute Colour.")
    for name in COMPUTED:
        assert _refused(**{name: "1"})[0] == "InvalidAttributeName"
    asked = {"QueueUrl": URL, "AttributeNames": ["All", "Colour"]}
    assert error_of("GetQueueAttributes", asked) == ("InvalidAttributeName", "Unknown Attribute Colour.")


def test_nothing_to_set() -> None:
    assert error_of("SetQueueAttributes", {"QueueUrl": URL, "Attributes": {}})[0] == "MissingParameter"


# FIFO ---------------------------------------------------------------------------------------------------------------


def _create(name: str, **attributes: str) -> CreateQueue:
    raw = client.request("CreateQueue", {"QueueName": name, "Attributes": attributes})
    command = client.command_of(raw)
    assert isinstance(command, CreateQueue)
    return command


def test_a_fifo_queue() -> None:
    throughput = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    command = _create("a.fifo", FifoQueue="true", ContentBasedDeduplication="true", **throughput)
    assert command.settings == {
        "kind": FIFO,
        "content_based_deduplication": True,
        "deduplication_scope": "messageGroup",
        "deduplicates_by_group": True,
        "throughput_limit": "perMessageGroupId",
    }
    shown = _shown(changed(Settings(), command.settings), url=FIFO_URL)
    assert {name: shown[name] for name in throughput} == throughput


def test_the_scope_is_shown_as_changed_and_done_as_created() -> None:
    assert _set(FIFO_URL, DeduplicationScope="messageGroup") == {"deduplication_scope": "messageGroup"}


@pytest.mark.parametrize("name", ["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"])
def test_what_is_for_fifo_queues_only(name: str) -> None:
    value = {"ContentBasedDeduplication": "true", "DeduplicationScope": "queue"}.get(name, "perQueue")
    assert _set(FIFO_URL, **{name: value})
    code, message = _refused(URL, **{name: value})
    assert (code, message) == (
        "InvalidAttributeName",
        f"You can specify the {name} only when FifoQueue is set to true.",
    )
    assert _refused(FIFO_URL, **{name: "other"})[0] == "InvalidAttributeValue"


def test_a_standard_queue_may_say_that_it_is_none() -> None:
    command = _create("a", FifoQueue="false", ContentBasedDeduplication="false")
    assert command.settings == {"kind": "standard"}


def test_the_type_of_a_queue_cannot_change() -> None:
    assert _refused(URL, FifoQueue="true")[0] == "InvalidParameterValue"
    assert _refused(FIFO_URL, FifoQueue="false")[0] == "InvalidParameterValue"
    assert _set(FIFO_URL, FifoQueue="true") == {}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 81, "é", "a.b", "a.fifo", ".fifo", "..", "a\n"])
def test_names_refused(name: str) -> None:
    code, _ = error_of("CreateQueue", {"QueueName": name})
    assert code == ("InvalidParameterValue" if name else "MissingParameter")


@pytest.mark.parametrize("name", ["a", "x" * 76 + ".fif", "a.fif", ".fifo", "x" * 76 + ".fifo"])
def test_fifo_names_refused(name: str) -> None:
    code, message = error_of("CreateQueue", {"QueueName": name, "Attributes": {"FifoQueue": "true"}})
    assert code == "InvalidParameterValue" and "must end with .fifo suffix" in message


def test_names_taken() -> None:
    assert _create("x" * 80).queue == "x" * 80
    assert _create("x" * 75 + ".fifo", FifoQueue="true").queue == "x" * 75 + ".fifo"
    assert _create("A-b_9").queue == "A-b_9"


def test_a_longer_deduplication_window() -> None:
    name = "oncemq.DeduplicationWindowSeconds"
    assert name not in _shown(Settings(kind=FIFO), url=FIFO_URL)
    assert _shown(Settings(kind=FIFO), name, url=FIFO_URL) == {name: "300"}
    settings = changed(Settings(kind=FIFO), _set(FIFO_URL, **{name: "86400"}))
    assert settings.deduplication_window_ms == 86_400_000
    assert _shown(settings, url=FIFO_URL)[name] == "86400"
    assert _refused(FIFO_URL, **{name: "0"})[0] == "InvalidAttributeValue"
    assert _refused(FIFO_URL, **{name: "1209601"})[0] == "InvalidAttributeValue"
    assert _refused(URL, **{name: "60"})[0] == "InvalidAttributeName"


# Tags and permissions -----------------------------------------------------------------------------------------------


def test_tags() -> None:
    def refused(tags: dict[str, str]) -> str:
        return error_of("TagQueue", {"QueueUrl": URL, "Tags": tags})[0]

    fifty = {str(number): "" for number in range(50)}
    assert client.command_of(client.request("TagQueue", {"QueueUrl": URL, "Tags": fifty}))
    assert client.command_of(client.request("TagQueue", {"QueueUrl": URL, "Tags": {"k" * 128: "v" * 256}}))
    assert refused({**fifty, "50": ""}) == "InvalidParameterValue"
    assert refused({"k" * 129: ""}) == "InvalidParameterValue"
    assert refused({"k": "v" * 257}) == "InvalidParameterValue"
    assert refused({"aws:k": "v"}) == "InvalidParameterValue"
    assert refused({"": "v"}) == "InvalidParameterValue"
    assert refused({"k": "\x00"}) == "InvalidParameterValue"
    assert refused({}) == "MissingParameter"
    assert error_of("UntagQueue", {"QueueUrl": URL, "TagKeys": []})[0] == "MissingParameter"
    assert error_of("CreateQueue", {"QueueName": "q", "tags": {"k" * 129: ""}})[0] == "InvalidParameterValue"


def test_permissions() -> None:
    good: dict[str, Any] = {
        "QueueUrl": URL,
        "Label": "x" * 80,
        "AWSAccountIds": ["111122223333"],
        "Actions": ["SendMessage"],
    }
    assert client.command_of(client.request("AddPermission", good))
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Label": "x" * 81}, "InvalidParameterValue"),
        ({"Label": "a b"}, "InvalidParameterValue"),
        ({"Label": ""}, "MissingParameter"),
        ({"AWSAccountIds": []}, "MissingParameter"),
        ({"AWSAccountIds": ["12"]}, "InvalidParameterValue"),
        ({"AWSAccountIds": ["111122223333"] * 51}, "OverLimit"),
        ({"Actions": []}, "MissingParameter"),
        ({"Actions": ["CreateQueue"]}, "InvalidParameterValue"),
        ({"Actions": ["SendMessage"] * 8}, "OverLimit"),
    ]
    for wrong, code in cases:
        assert error_of("AddPermission", {**good, **wrong})[0] == code, wrong
