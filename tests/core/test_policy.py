"""Queue policies: an Allow that matches and no Deny that does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oncemq.core.limits import POLICY_BYTES
from oncemq.core.policy import allows, checked, with_permission, without_permission
from oncemq.core.refusals import InvalidPolicy, PermissionDoesNotExist, PermissionExists, PolicyTooLarge

CALLER = "111111111111"
ARN = "arn:aws:sqs:us-east-1:000000000000:q"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(**fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": ARN} | fields


def may(*statements: dict[str, Any], action: str = "SendMessage", queue: str = "q") -> bool:
    return allows(policy(*statements), CALLER, action, queue)


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": CALLER}}, True),
        ({"Principal": {"AWS": ["222222222222", CALLER]}}, True),
        ({"Principal": {"AWS": f"arn:aws:iam::{CALLER}:root"}}, True),
        ({"Principal": {"AWS": f"arn:aws:iam::{CALLER}:user/someone"}}, True),
        ({"Principal": {"AWS": "222222222222"}}, False),
        ({"Principal": {"AWS": f"arn:aws:iam::{CALLER}1:root"}}, False),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Principal": {}}, False),
        ({"Principal": 5}, False),
        ({"Action": "*"}, True),
        ({"Action": "SQS:*"}, True),
        ({"Action": "sqs:Send*"}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": ["sqs:ReceiveMessage", "sqs:SendMessage"]}, True),
        ({"Action": "sqs:ReceiveMessage"}, False),
        ({"Action": "SendMessage"}, False),
        ({"Action": []}, False),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:sqs:*:*:q*"}, True),
        ({"Resource": "arn:aws:sqs:us-east-1:000000000000:other"}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"aws:SourceArn": "x"}}}, False),
    ],
)
def test_one_statement(fields: dict[str, Any], allowed: bool) -> None:
    assert may(statement(**fields)) is allowed


def test_a_deny_wins_wherever_it_stands() -> None:
    deny = statement(Effect="Deny", Action="sqs:*")
    assert not may(statement(), deny)
    assert not may(deny, statement())
    assert may(statement(), statement(Effect="Deny", Action="sqs:ReceiveMessage"))


def test_a_deny_with_a_condition_denies() -> None:
    deny = statement(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
    assert not may(statement(), deny)


def test_not_principal_and_not_action() -> None:
    without = statement()
    del without["Principal"], without["Action"]
    assert may(without | {"NotPrincipal": {"AWS": "222222222222"}, "NotAction": "sqs:DeleteQueue"})
    assert not may(without | {"NotPrincipal": {"AWS": CALLER}, "NotAction": "sqs:DeleteQueue"})
    assert not may(without | {"NotPrincipal": {"AWS": "222222222222"}, "NotAction": "sqs:*"})


def test_what_a_statement_does_not_say_it_does_not_allow() -> None:
    for name in ("Principal", "Action"):
        short = statement()
        del short[name]
        assert not may(short)
    everywhere = statement()
    del everywhere["Resource"]
    assert may(everywhere)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "5", '{"Statement": 5}', '{"Statement": ["x"]}', "[" * 100_000])
def test_no_policy_allows_nothing(text: str) -> None:
    assert not allows(text, CALLER, "SendMessage", "q")


@pytest.mark.parametrize(
    "text",
    ["no JSON", "[]", '{"Statement": 5}', '{"Statement": ["x"]}', '{"Statement": {"Effect": "allow"}}', "[" * 50_000],
)
def test_a_policy_of_the_wrong_shape_is_refused(text: str) -> None:
    assert isinstance(checked(text), InvalidPolicy)


def test_a_policy_of_the_right_shape_is_taken() -> None:
    assert checked(policy(statement())) is None
    assert checked(json.dumps({"Statement": statement()})) is None
    assert checked("{}") is None


def test_a_policy_at_the_limit_and_one_beyond() -> None:
    padding = POLICY_BYTES - len('{"Id":""}')
    assert checked('{"Id":"' + "x" * padding + '"}') is None
    assert checked('{"Id":"' + "x" * (padding + 1) + '"}') == PolicyTooLarge(POLICY_BYTES)


def test_permissions_are_added_and_removed_by_label() -> None:
    one = with_permission("", "one", [CALLER], ["SendMessage"], ARN)
    assert isinstance(one, str)
    assert allows(one, CALLER, "SendMessage", "q")
    assert not allows(one, CALLER, "ReceiveMessage", "q")
    assert with_permission(one, "one", [CALLER], ["*"], ARN) == PermissionExists("one")
    two = with_permission(one, "two", [CALLER, "222222222222"], ["*"], ARN)
    assert isinstance(two, str)
    assert allows(two, CALLER, "ReceiveMessage", "q")
    left = without_permission(two, "one")
    assert isinstance(left, str) and allows(left, "222222222222", "SendMessage", "q")
    assert without_permission(left, "one") == PermissionDoesNotExist("one")
    assert without_permission(left, "two") == ""


def test_twenty_statements_and_no_more() -> None:
    text: Any = ""
    for number in range(20):
        text = with_permission(text, str(number), [CALLER], ["SendMessage"], ARN)
    assert isinstance(with_permission(text, "one more", [CALLER], ["SendMessage"], ARN), PolicyTooLarge)
