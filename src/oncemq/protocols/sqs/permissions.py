"""AddPermission and RemovePermission."""

import re

from oncemq.core import commands
from oncemq.protocols.sqs import requests
from oncemq.protocols.sqs.call import Asked, Call
from oncemq.protocols.sqs.errors import OVER_LIMIT, Rejected, invalid_parameter, missing_parameter
from oncemq.protocols.sqs.limits import PERMISSION_ACCOUNTS, PERMISSION_ACTIONS
from oncemq.protocols.sqs.queues import nothing
from oncemq.protocols.sqs.urls import ACCOUNT

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
SHARED_ACTIONS = frozenset(
    {
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    }
)
"""What a queue's owner can let others do with AddPermission; the batch actions go with the single ones."""


def add_permission(call: Call, request: requests.AddPermission) -> Asked:
    """AddPermission: lets other accounts do some actions; answers nothing."""
    target = call.queue(request.queue_url)
    label = _label(request.label)
    accounts = request.aws_account_ids
    if not accounts:
        raise missing_parameter("AWSAccountIds")
    actions = request.actions
    if not actions:
        raise missing_parameter("Actions")
    for account in accounts:
        if not ACCOUNT.fullmatch(account):
            raise invalid_parameter(account, "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in SHARED_ACTIONS:
            reason = "Please refer to the appropriate WSDL for a list of valid actions. "
            raise invalid_parameter(f"SQS:{action[:256]}", "ActionName", reason)
    if len(actions) > PERMISSION_ACTIONS:
        raise Rejected(OVER_LIMIT, f"{len(actions)} actions were found, maximum allowed is {PERMISSION_ACTIONS}.")
    if len(accounts) > PERMISSION_ACCOUNTS:
        raise Rejected(OVER_LIMIT, f"{len(accounts)} accounts were found, maximum allowed is {PERMISSION_ACCOUNTS}.")
    place = target.place
    arn = place.arn(target.queue)
    return commands.AddPermission(place.host, target.queue, call.caller, label, accounts, actions, arn), nothing


def remove_permission(call: Call, request: requests.RemovePermission) -> Asked:
    """RemovePermission: answers nothing."""
    target = call.queue(request.queue_url)
    label = _label(request.label)
    return commands.RemovePermission(target.place.host, target.queue, call.caller, label), nothing


def _label(label: str | None) -> str:
    if not label:
        raise missing_parameter("Label")
    if not _LABEL.fullmatch(label):
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise invalid_parameter(label, "Label", reason)
    return label
