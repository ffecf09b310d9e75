"""Queue policies: who of another account may do what (the part of IAM's policy language that Amazon SQS queues use).

Effect, Principal (also NotPrincipal), Action (also NotAction), Resource by queue name. A statement with a Condition
allows nothing, since the facts that conditions ask about are not known here; with one it denies all the same, which
is the safe side.
"""

import json
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from oncemq.core.limits import POLICY_BYTES, POLICY_STATEMENTS
from oncemq.core.refusals import InvalidPolicy, PermissionDoesNotExist, PermissionExists, PolicyTooLarge, Refusal

Statement = dict[str, Any]


def allows(policy: str, caller: str, action: str, queue: str) -> bool:
    """Whether an Allow matches and no Deny does. `action` is an SQS action name."""
    allowed = False
    for statement in _statements(policy):
        if _matches(statement, caller, action, queue):
            if statement.get("Effect") == "Deny":
                return False
            allowed = allowed or (statement.get("Effect") == "Allow" and not statement.get("Condition"))
    return allowed


@lru_cache(maxsize=256)
def _statements(policy: str) -> tuple[Statement, ...]:
    if not policy:
        return ()
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        return ()
    return tuple(_listed(document.get("Statement"))) if isinstance(document, dict) else ()


def checked(policy: str) -> Refusal | None:
    """None if `policy` is a JSON object of statements that has a place."""
    if len(policy) > POLICY_BYTES:
        return PolicyTooLarge(POLICY_BYTES)
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError):
        return InvalidPolicy("it is not JSON")
    if not isinstance(document, dict) or not isinstance(document.get("Statement", []), (list, dict)):
        return InvalidPolicy("it is not an object with statements")
    for statement in _listed(document.get("Statement")):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return InvalidPolicy("a statement has no Effect of Allow or Deny")
    return None


def with_permission(policy: str, label: str, accounts: list[str], actions: list[str], resource: str) -> str | Refusal:
    """The policy with one statement more (AddPermission)."""
    document = json.loads(policy) if policy else {"Version": "2012-10-17", "Id": f"{resource}/SQSDefaultPolicy"}
    statements = _listed(document.get("Statement"))
    if any(statement.get("Sid") == label for statement in statements):
        return PermissionExists(label)
    if len(statements) >= POLICY_STATEMENTS:
        return PolicyTooLarge(POLICY_STATEMENTS)
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_all([f"SQS:{action}" for action in actions]),
        "Resource": resource,
    }
    document["Statement"] = [*statements, statement]
    return json.dumps(document, separators=(",", ":"))


def without_permission(policy: str, label: str) -> str | Refusal:
    """The policy without the statement of that label (RemovePermission)."""
    document = json.loads(policy) if policy else {}
    statements = _listed(document.get("Statement"))
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        return PermissionDoesNotExist(label)
    document["Statement"] = left
    return json.dumps(document, separators=(",", ":")) if left else ""


def _matches(statement: Statement, caller: str, action: str, queue: str) -> bool:
    return (
        isinstance(statement, dict)
        and _either(statement, "Principal", lambda value: _is_principal(value, caller))
        and _either(statement, "Action", lambda value: _is_action(value, action))
        and _either(statement, "Resource", lambda value: _is_resource(value, queue))
    )


def _either(statement: Statement, name: str, match: Any) -> bool:
    if f"Not{name}" in statement:
        return not match(statement[f"Not{name}"])
    if name not in statement:
        return name == "Resource"
    return bool(match(statement[name]))


def _is_principal(value: Any, caller: str) -> bool:
    names = value.get("AWS", []) if isinstance(value, dict) else value
    return any(
        name == "*" or name == caller or (isinstance(name, str) and name.startswith("arn:") and f"::{caller}:" in name)
        for name in _listed(names)
    )


def _is_action(value: Any, action: str) -> bool:
    wanted = f"sqs:{action}".lower()
    return any(isinstance(name, str) and (name == "*" or fnmatchcase(wanted, name.lower())) for name in _listed(value))


def _is_resource(value: Any, queue: str) -> bool:
    return any(isinstance(name, str) and fnmatchcase(queue, name.rsplit(":", 1)[-1]) for name in _listed(value))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
