"""How the names of members are written on the wire: `queue_url` here is `QueueUrl` there."""

_IRREGULAR = {
    "aws_account_ids": "AWSAccountIds",
    "lower_tags": "tags",
    "lower_queue_urls": "queueUrls",
    "md5_of_body": "MD5OfBody",
    "md5_of_message_attributes": "MD5OfMessageAttributes",
    "md5_of_message_body": "MD5OfMessageBody",
    "md5_of_message_system_attributes": "MD5OfMessageSystemAttributes",
    "queue_owner_aws_account_id": "QueueOwnerAWSAccountId",
}


def member_name(field: str) -> str:
    """The wire name of a Struct's field, as the SQS service model spells it."""
    return _IRREGULAR.get(field) or "".join(word.capitalize() for word in field.split("_"))
