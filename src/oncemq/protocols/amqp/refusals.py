"""What a channel is refused, in RabbitMQ's words: the channel closes, the connection stays."""

from oncemq.protocols.amqp.errors import (
    ACCESS_REFUSED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    RESOURCE_LOCKED,
    Access,
    Kind,
    Refusal,
    resource,
)
from oncemq.protocols.amqp.tables import Value, type_name


def not_found(kind: Kind, name: str, host: str) -> Refusal:
    """There is no such queue or exchange."""
    return Refusal(NOT_FOUND, f"no {resource(kind, name, host)}")


def no_declared_queue() -> Refusal:
    """An empty queue name, and none was declared on the channel."""
    return Refusal(NOT_FOUND, "no previously declared queue")


def locked(queue: str, host: str) -> Refusal:
    """The queue is another connection's own, or was declared with another `exclusive`."""
    explanation = (
        f"cannot obtain exclusive access to locked {resource('queue', queue, host)}. It could be originally declared "
        "on another connection or the exclusive property value does not match that of the original declaration."
    )
    return Refusal(RESOURCE_LOCKED, explanation)


def access_refused(access: Access, kind: Kind, name: str, host: str, user: str) -> Refusal:
    """The user's permissions do not match the name. The default exchange is shown as amq.default."""
    named = resource(kind, name or "amq.default", host)
    return Refusal(ACCESS_REFUSED, f"{access} access to {named} refused for user '{user}'")


def topic_access_refused(access: Access, key: str, exchange: str, host: str, user: str) -> Refusal:
    """The user's topic permissions do not match the routing key."""
    named = resource("exchange", exchange, host)
    return Refusal(ACCESS_REFUSED, f"{access} access to topic '{key}' in {named} refused for user '{user}'")


def reserved_name(kind: Kind, name: str) -> Refusal:
    """A new queue or exchange with a name of the server's."""
    return Refusal(ACCESS_REFUSED, f"{kind} name '{name}' contains reserved prefix 'amq.*'")


def default_exchange() -> Refusal:
    """The default exchange can be neither declared, deleted nor bound."""
    return Refusal(ACCESS_REFUSED, "operation not permitted on the default exchange")


def system_exchange(name: str, host: str) -> Refusal:
    """amq.* exchanges stay."""
    return Refusal(ACCESS_REFUSED, f"deletion of system {resource('exchange', name, host)} not allowed")


def internal_exchange(name: str, host: str) -> Refusal:
    """An internal exchange takes from exchanges only."""
    return Refusal(ACCESS_REFUSED, f"cannot publish to internal {resource('exchange', name, host)}")


def exclusive_use(queue: str, host: str) -> Refusal:
    """An exclusive consumer is asked for or there already."""
    return Refusal(ACCESS_REFUSED, f"{resource('queue', queue, host)} in exclusive use")


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def inequivalent(key: str, kind: Kind, name: str, host: str, received: Value, current: Value) -> Refusal:
    """Declared anew with another value."""
    return _inequivalent(key, kind, name, host, f"'{_shown(received)}'", f"'{_shown(current)}'")


def inequivalent_presence(key: str, kind: Kind, name: str, host: str, received: Value, current: Value) -> Refusal:
    """An argument that only one of the two declarations has; the other's is None."""
    return _inequivalent(key, kind, name, host, _typed(received), _typed(current))


def _typed(value: Value) -> str:
    return "none" if value is None else f"the value '{_shown(value)}' of type '{type_name(value)}'"


def _inequivalent(key: str, kind: Kind, name: str, host: str, received: str, current: str) -> Refusal:
    explanation = (
        f"inequivalent arg '{key}' for {resource(kind, name, host)}: received {received} but current is {current}"
    )
    return Refusal(PRECONDITION_FAILED, explanation)


def invalid_argument(key: str, kind: Kind, name: str, host: str, why: str) -> Refusal:
    """An argument's value that cannot be; `why` as RabbitMQ says it: {value_negative,-1}."""
    return Refusal(PRECONDITION_FAILED, f"invalid arg '{key}' for {resource(kind, name, host)}: {why}")


def expected_integer(value: Value) -> str:
    """Why an argument is invalid that is to be a number."""
    return f'"expected integer, got {type_name(value)}"'


def unacceptable_type(value: Value) -> str:
    """Why an argument is invalid that is of another type than it should be."""
    return f"{{unacceptable_type,{type_name(value)}}}"


def unsupported(what: str, value: str) -> str:
    """Why an argument is invalid that names what there is not."""
    return f"\"unsupported queue {what} '{value}'\""


def invalid_argument_type(key: str, kind: Kind, name: str, host: str, value: Value) -> Refusal:
    """An argument that names an exchange, and is no text."""
    explanation = f"invalid type '{type_name(value)}' for arg '{key}' in {resource(kind, name, host)}"
    return Refusal(PRECONDITION_FAILED, explanation)


def argument_of_another_type(key: str, name: str, host: str) -> Refusal:
    """An argument that queues of another type have."""
    explanation = f"invalid arg '{key}' for {resource('queue', name, host)} of queue type rabbit_classic_queue"
    return Refusal(PRECONDITION_FAILED, explanation)


def invalid_property(what: str, queue: str, host: str) -> Refusal:
    """A declaration that is none of this type of queue: `what` is "non-durable", "exclusive-owner"."""
    return Refusal(PRECONDITION_FAILED, f"invalid property '{what}' for {resource('queue', queue, host)}")


def invalid_header_match(value: Value) -> Refusal:
    """A binding of a headers exchange whose x-match is none."""
    if isinstance(value, str):
        explanation = f'Invalid x-match field value <<"{value}">>; expected all, any, all-with-x, or any-with-x'
    else:
        explanation = f"Invalid x-match field type {type_name(value)} (value {_shown(value)}); expected longstr"
    return Refusal(PRECONDITION_FAILED, explanation)


def invalid_message(why: str) -> Refusal:
    """Properties that cannot be; `why` as RabbitMQ says it: {delivery_mode_unknown,3}."""
    return Refusal(PRECONDITION_FAILED, f"invalid message: {why}")


def in_use(kind: Kind, name: str, host: str) -> Refusal:
    """delete with if-unused."""
    return Refusal(PRECONDITION_FAILED, f"{resource(kind, name, host)} in use")


def not_empty(queue: str, host: str) -> Refusal:
    """queue.delete with if-empty."""
    return Refusal(PRECONDITION_FAILED, f"{resource('queue', queue, host)} not empty")


def unknown_delivery_tag(tag: int) -> Refusal:
    """ack, nack or reject of what is not unacknowledged on this channel."""
    return Refusal(PRECONDITION_FAILED, f"unknown delivery tag {tag}")


def message_too_large(size_bytes: int, size_bytes_max: int) -> Refusal:
    """A body above the limit."""
    explanation = f"message size {size_bytes} is larger than configured max size {size_bytes_max}"
    return Refusal(PRECONDITION_FAILED, explanation)


def invalid_expiration(expiration: str, why: str) -> Refusal:
    """An expiration that is no number of milliseconds."""
    return Refusal(PRECONDITION_FAILED, f"invalid expiration '{expiration}': {why}")


def foreign_user_id(claimed: str, user: str) -> Refusal:
    """A message says it is from another user."""
    return Refusal(PRECONDITION_FAILED, f"user_id property set to '{claimed}' but authenticated user was '{user}'")


def precondition_failed(explanation: str) -> Refusal:
    """For what has no value in its text, such as the NOT_TRANSACTIONAL below."""
    return Refusal(PRECONDITION_FAILED, explanation)


NOT_TRANSACTIONAL = precondition_failed("channel is not transactional")
CONFIRM_TO_TX = precondition_failed("cannot switch from confirm to tx mode")
TX_TO_CONFIRM = precondition_failed("cannot switch from tx to confirm mode")
PARTIAL_TRANSACTION = precondition_failed("partial tx completion")
NO_REPLY_CONSUMER = precondition_failed("fast reply consumer does not exist")
REPLY_CONSUMER_SET = precondition_failed("reply consumer already set")
REPLY_CONSUMER_ACKNOWLEDGES = precondition_failed("reply consumer cannot acknowledge")
