"""Every error that this door answers: its name in AWS JSON, its code in the query protocol, its HTTP status.

Names and codes follow the SQS service model (`awsQueryCompatible`); those with a coral prefix are common to all of AWS.
"""

import msgspec

from oncemq.protocols.sqs.limits import SHOWN_CHARACTERS

SQS = "com.amazonaws.sqs#"
CORAL = "com.amazon.coral.service#"
QUERY_PREFIX = "AWS.SimpleQueueService."


class Kind(msgspec.Struct, frozen=True):
    """A sort of error. `sender` says that the fault is the caller's."""

    type: str
    """`__type` in AWS JSON."""
    code: str
    """`Code` in the query protocol, in batch results and in the header x-amzn-query-error."""
    status: int
    sender: bool = True


class SqsError(msgspec.Struct, frozen=True):
    """One error as it is answered."""

    kind: Kind
    message: str


class Rejected(Exception):
    """Ends the reading of one request (or one batch entry) with the error that answers it."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.error = SqsError(kind, message)


def _of_sqs(name: str, code: str | None = None, status: int = 400) -> Kind:
    return Kind(SQS + name, code or name, status)


def _of_coral(name: str, code: str, status: int = 400) -> Kind:
    return Kind(CORAL + name, code, status)


QUEUE_DOES_NOT_EXIST = _of_sqs("QueueDoesNotExist", QUERY_PREFIX + "NonExistentQueue")
QUEUE_NAME_EXISTS = _of_sqs("QueueNameExists", "QueueAlreadyExists")
QUEUE_DELETED_RECENTLY = _of_sqs("QueueDeletedRecently", QUERY_PREFIX + "QueueDeletedRecently")
PURGE_QUEUE_IN_PROGRESS = _of_sqs("PurgeQueueInProgress", QUERY_PREFIX + "PurgeQueueInProgress", 403)
BATCH_ENTRY_IDS_NOT_DISTINCT = _of_sqs("BatchEntryIdsNotDistinct", QUERY_PREFIX + "BatchEntryIdsNotDistinct")
BATCH_REQUEST_TOO_LONG = _of_sqs("BatchRequestTooLong", QUERY_PREFIX + "BatchRequestTooLong")
EMPTY_BATCH_REQUEST = _of_sqs("EmptyBatchRequest", QUERY_PREFIX + "EmptyBatchRequest")
INVALID_BATCH_ENTRY_ID = _of_sqs("InvalidBatchEntryId", QUERY_PREFIX + "InvalidBatchEntryId")
TOO_MANY_ENTRIES = _of_sqs("TooManyEntriesInBatchRequest", QUERY_PREFIX + "TooManyEntriesInBatchRequest")
MESSAGE_NOT_IN_FLIGHT = _of_sqs("MessageNotInflight", QUERY_PREFIX + "MessageNotInflight")
UNSUPPORTED_OPERATION = _of_sqs("UnsupportedOperation", QUERY_PREFIX + "UnsupportedOperation")
INVALID_ADDRESS = _of_sqs("InvalidAddress", status=404)
INVALID_ATTRIBUTE_NAME = _of_sqs("InvalidAttributeName")
INVALID_ATTRIBUTE_VALUE = _of_sqs("InvalidAttributeValue")
INVALID_ID_FORMAT = _of_sqs("InvalidIdFormat")
INVALID_MESSAGE_CONTENTS = _of_sqs("InvalidMessageContents")
INVALID_SECURITY = _of_sqs("InvalidSecurity", status=403)
OVER_LIMIT = _of_sqs("OverLimit", status=403)
RECEIPT_HANDLE_IS_INVALID = _of_sqs("ReceiptHandleIsInvalid", status=404)
REQUEST_THROTTLED = _of_sqs("RequestThrottled", status=403)
RESOURCE_NOT_FOUND = _of_sqs("ResourceNotFoundException", status=404)
KMS_ACCESS_DENIED = _of_sqs("KmsAccessDenied", "KMS.AccessDeniedException")
KMS_DISABLED = _of_sqs("KmsDisabled", "KMS.DisabledException")
KMS_INVALID_KEY_USAGE = _of_sqs("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException")
KMS_INVALID_STATE = _of_sqs("KmsInvalidState", "KMS.InvalidStateException")
KMS_NOT_FOUND = _of_sqs("KmsNotFound", "KMS.NotFoundException")
KMS_OPT_IN_REQUIRED = _of_sqs("KmsOptInRequired", "KMS.OptInRequired", 403)
KMS_THROTTLED = _of_sqs("KmsThrottled", "KMS.ThrottlingException")
"""The KMS errors are never answered (nothing is encrypted with KMS here); the table keeps the model whole."""

INVALID_PARAMETER_VALUE = _of_coral("InvalidParameterValueException", "InvalidParameterValue")
MISSING_PARAMETER = _of_coral("MissingRequiredParameterException", "MissingParameter")
SERIALIZATION = _of_coral("SerializationException", "SerializationException")
MALFORMED_QUERY = _of_coral("MalformedQueryStringException", "MalformedQueryString")
UNKNOWN_OPERATION = _of_coral("UnknownOperationException", "InvalidAction")
MISSING_ACTION = _of_coral("MissingActionException", "MissingAction")
ACCESS_DENIED = _of_coral("AccessDeniedException", "AccessDenied", 403)
INCOMPLETE_SIGNATURE = _of_coral("IncompleteSignatureException", "IncompleteSignature", 403)
MISSING_AUTHENTICATION_TOKEN = _of_coral("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403)
INVALID_CLIENT_TOKEN_ID = _of_coral("UnrecognizedClientException", "InvalidClientTokenId", 403)
SIGNATURE_DOES_NOT_MATCH = _of_coral("InvalidSignatureException", "SignatureDoesNotMatch", 403)
REQUEST_EXPIRED = _of_coral("RequestExpiredException", "RequestExpired", 403)
SERVICE_UNAVAILABLE = Kind(CORAL + "ServiceUnavailableException", "ServiceUnavailable", 503, sender=False)


def missing_parameter(name: str) -> Rejected:
    """MissingParameter, worded as AWS does."""
    return Rejected(MISSING_PARAMETER, f"The request must contain the parameter {name}.")


def invalid_parameter(value: object, name: str, reason: str) -> Rejected:
    """InvalidParameterValue, worded as AWS does. `reason` is one or more whole sentences."""
    return Rejected(INVALID_PARAMETER_VALUE, invalid_value_message(value, name, reason))


def invalid_value_message(value: object, name: str, reason: str) -> str:
    """AWS's words for a parameter's invalid value, of which not more is repeated than a message can bear."""
    return f"Value {str(value)[:SHOWN_CHARACTERS]} for parameter {name} is invalid. Reason: {reason}"
