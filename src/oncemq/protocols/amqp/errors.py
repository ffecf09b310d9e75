"""Reply codes, and RabbitMQ's words for them.

Client libraries and their users match the texts, so each is written here once, as RabbitMQ 3.13 words it; nothing
else in the AMQP door spells one. A reply text is the code's name, " - " and an explanation, in 255 octets.
"""

from typing import Final, Literal

import msgspec

from oncemq.protocols.amqp.limits import SHORT_STRING_BYTES

Scope = Literal["channel", "connection"]
Kind = Literal["queue", "exchange"]
Access = Literal["configure", "write", "read"]


class AmqpError(msgspec.Struct, frozen=True, gc=False):
    """A reply code: what it is called, and whether it closes the channel or the connection."""

    code: int
    name: str
    scope: Scope


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """An error with its explanation: what close or return says."""

    error: AmqpError
    explanation: str

    @property
    def reply_code(self) -> int:
        """The number in the close method."""
        return self.error.code

    @property
    def reply_text(self) -> str:
        """The text in the close method: at most 255 octets of UTF-8, as RabbitMQ shortens it."""
        text = f"{self.error.name} - {self.explanation}"
        raw = text.encode("utf-8", "replace")
        if len(raw) <= SHORT_STRING_BYTES:
            return raw.decode("utf-8")
        return raw[: SHORT_STRING_BYTES - 3].decode("utf-8", "ignore") + "..."


class FrameFault(Exception):
    """What a peer sent cannot be taken; `method_id` is the method that it belongs to, 0 when none is known."""

    def __init__(self, refusal: Refusal, method_id: int = 0) -> None:
        super().__init__(refusal.reply_text)
        self.refusal = refusal
        self.method_id = method_id

    @property
    def reply_code(self) -> int:
        """The code to close with."""
        return self.refusal.error.code

    @property
    def text(self) -> str:
        """The words to close with."""
        return self.refusal.reply_text

    @property
    def scope(self) -> Scope:
        """Whether the channel is to be closed, and reading goes on, or the connection."""
        return self.refusal.error.scope


CONTENT_TOO_LARGE: Final = AmqpError(311, "CONTENT_TOO_LARGE", "channel")
NO_ROUTE: Final = AmqpError(312, "NO_ROUTE", "channel")
NO_CONSUMERS: Final = AmqpError(313, "NO_CONSUMERS", "channel")
CONNECTION_FORCED: Final = AmqpError(320, "CONNECTION_FORCED", "connection")
INVALID_PATH: Final = AmqpError(402, "INVALID_PATH", "connection")
ACCESS_REFUSED: Final = AmqpError(403, "ACCESS_REFUSED", "channel")
NOT_FOUND: Final = AmqpError(404, "NOT_FOUND", "channel")
RESOURCE_LOCKED: Final = AmqpError(405, "RESOURCE_LOCKED", "channel")
PRECONDITION_FAILED: Final = AmqpError(406, "PRECONDITION_FAILED", "channel")
FRAME_ERROR: Final = AmqpError(501, "FRAME_ERROR", "connection")
SYNTAX_ERROR: Final = AmqpError(502, "SYNTAX_ERROR", "connection")
COMMAND_INVALID: Final = AmqpError(503, "COMMAND_INVALID", "connection")
CHANNEL_ERROR: Final = AmqpError(504, "CHANNEL_ERROR", "connection")
UNEXPECTED_FRAME: Final = AmqpError(505, "UNEXPECTED_FRAME", "connection")
RESOURCE_ERROR: Final = AmqpError(506, "RESOURCE_ERROR", "connection")
NOT_ALLOWED: Final = AmqpError(530, "NOT_ALLOWED", "connection")
NOT_IMPLEMENTED: Final = AmqpError(540, "NOT_IMPLEMENTED", "connection")
INTERNAL_ERROR: Final = AmqpError(541, "INTERNAL_ERROR", "connection")

ERRORS: Final = {
    error.code: error
    for error in (
        CONTENT_TOO_LARGE,
        NO_ROUTE,
        NO_CONSUMERS,
        CONNECTION_FORCED,
        INVALID_PATH,
        ACCESS_REFUSED,
        NOT_FOUND,
        RESOURCE_LOCKED,
        PRECONDITION_FAILED,
        FRAME_ERROR,
        SYNTAX_ERROR,
        COMMAND_INVALID,
        CHANNEL_ERROR,
        UNEXPECTED_FRAME,
        RESOURCE_ERROR,
        NOT_ALLOWED,
        NOT_IMPLEMENTED,
        INTERNAL_ERROR,
    )
}
"""Every reply code."""


def resource(kind: Kind, name: str, host: str) -> str:
    """How RabbitMQ names a queue or an exchange in a text."""
    return f"{kind} '{name}' in vhost '{host}'"


# Bytes that are not AMQP: the connection closes.

_SNIPPET_BYTES = 16


def _octets(data: bytes) -> str:
    return f"<<{','.join(map(str, data))}>>"


def _shown(data: bytes) -> str:
    """As Erlang shows octets: those that can all be printed, as a text."""
    if data and all(32 <= octet < 127 for octet in data):
        text = data.decode("ascii").replace("\\", "\\\\").replace('"', '\\"')
        return f'<<"{text}">>'
    return _octets(data)


def _bad_frame(kind: int, payload: bytes) -> str:
    if len(payload) <= _SNIPPET_BYTES:
        return f"type {kind}, all octets = {_shown(payload)}"
    return f"type {kind}, first 16 octets = {_shown(payload[:_SNIPPET_BYTES])}"


def frame_too_large(kind: int, size_bytes: int, payload_bytes_max: int) -> Refusal:
    """A frame announces more than was negotiated."""
    explanation = f"{_bad_frame(kind, b'')}: {{frame_too_large,{size_bytes},{payload_bytes_max}}}"
    return Refusal(FRAME_ERROR, explanation)


def bad_frame_end(kind: int, payload: bytes, octet: int) -> Refusal:
    """The octet after a frame is not 0xCE."""
    return Refusal(FRAME_ERROR, f"{_bad_frame(kind, payload)}: {{invalid_frame_end_marker,{octet}}}")


def unknown_frame(kind: int, payload: bytes) -> Refusal:
    """A frame of no known type, or one too short for its type."""
    return Refusal(FRAME_ERROR, f"{_bad_frame(kind, payload)}: unknown_frame")


def unexpected_frame(kind: int, payload: bytes) -> Refusal:
    """A frame where none of its type may be: content on channel 0, a heartbeat on another."""
    return Refusal(UNEXPECTED_FRAME, _bad_frame(kind, payload))


def cannot_decode(payload: bytes) -> Refusal:
    """Fields of a method or of a content header that lie about their lengths."""
    return Refusal(FRAME_ERROR, f"cannot decode {_octets(payload[:64])}")


def table_too_deep(depth_max: int) -> Refusal:
    """Tables in tables in tables (RabbitMQ has no such limit)."""
    return Refusal(SYNTAX_ERROR, f"field table is nested deeper than {depth_max}")


def table_too_large(size_bytes: int, size_bytes_max: int) -> Refusal:
    """A table that no frame could hold."""
    return Refusal(SYNTAX_ERROR, f"field table of {size_bytes} bytes exceeds {size_bytes_max}")


def malformed_text() -> Refusal:
    """A short string of a method that is not UTF-8."""
    return Refusal(FRAME_ERROR, "Malformed UTF-8 in shortstr")


def announced_body_too_large(size_bytes: int, size_bytes_max: int) -> Refusal:
    """A content header announces what nobody will read."""
    return Refusal(FRAME_ERROR, f"content body size {size_bytes} exceeds maximum allowed size {size_bytes_max}")


def expected_method() -> Refusal:
    """Content without a method."""
    return Refusal(UNEXPECTED_FRAME, "expected method frame, got non method frame instead")


def expected_header(class_id: int) -> Refusal:
    """A method that carries content is followed by another frame than its header."""
    explanation = f"expected content header for class {class_id}, got non content header frame instead"
    return Refusal(UNEXPECTED_FRAME, explanation)


def expected_header_of(class_id: int, got_class_id: int) -> Refusal:
    """A content header of another class than the method's."""
    explanation = f"expected content header for class {class_id}, got one for class {got_class_id} instead"
    return Refusal(UNEXPECTED_FRAME, explanation)


def expected_body() -> Refusal:
    """A content's body is interrupted on its own channel, or is longer than its header said."""
    return Refusal(UNEXPECTED_FRAME, "expected content body, got non content body frame instead")


def too_much_unfinished(size_bytes_max: int) -> Refusal:
    """Contents on many channels, none of them finished (RabbitMQ has no such limit)."""
    return Refusal(RESOURCE_ERROR, f"unfinished content of this connection exceeds {size_bytes_max} bytes")


# Methods that are out of place: the connection closes.


def unknown_method(class_id: int, method_id: int) -> Refusal:
    """No method has this number."""
    return Refusal(COMMAND_INVALID, f"unknown method {{{class_id},{method_id}}}")


def unimplemented_method() -> Refusal:
    """A method that only servers send."""
    return Refusal(COMMAND_INVALID, "unimplemented method")


def unknown_exchange_type(name: str) -> Refusal:
    """exchange.declare of a type that there is not."""
    return Refusal(COMMAND_INVALID, f"unknown exchange type '{name}'")


def invalid_exchange_type(name: str) -> Refusal:
    """exchange.declare of a type that can have no such name."""
    return Refusal(COMMAND_INVALID, f"invalid exchange type '{name}'")


def unknown_mechanism(name: str) -> Refusal:
    """connection.start-ok names no mechanism of ours."""
    return Refusal(COMMAND_INVALID, f"unknown authentication mechanism '{name}'")


def second_channel_open() -> Refusal:
    """channel.open on an open channel."""
    return Refusal(CHANNEL_ERROR, "second 'channel.open' seen")


def expected_channel_open() -> Refusal:
    """A method on a channel that is not open."""
    return Refusal(CHANNEL_ERROR, "expected 'channel.open'")


def unexpected_method(state: str) -> Refusal:
    """A connection's method that its state does not allow."""
    return Refusal(CHANNEL_ERROR, f"unexpected method in connection state {state}")


def not_implemented(what: str) -> Refusal:
    """Such as: "immediate=true", "requeue=false", "active=false", "prefetch_size!=0 (1)"."""
    return Refusal(NOT_IMPLEMENTED, what)


def internal_error() -> Refusal:
    """A bug of the server's."""
    return Refusal(INTERNAL_ERROR, "an internal error occurred; the server's log says which")


def login_refused(mechanism: str) -> Refusal:
    """Who it is or the password is wrong. Channel 0 has but one thing to close."""
    explanation = f"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
    return Refusal(ACCESS_REFUSED, explanation)


def host_not_found(host: str) -> Refusal:
    """connection.open of a virtual host that there is not."""
    return Refusal(NOT_ALLOWED, f"vhost {host} not found")


def host_refused(host: str, user: str) -> Refusal:
    """connection.open of a virtual host that the user has no permission in."""
    return Refusal(NOT_ALLOWED, f"access to vhost '{host}' refused for user '{user}'")


def negotiation_failed(field: str, value: int, limit: int, *, lower: bool) -> Refusal:
    """connection.tune-ok asks for what was not offered."""
    bound = "lower than the minimum" if lower else "higher than the maximum"
    return Refusal(NOT_ALLOWED, f"negotiated {field} = {value} is {bound} allowed value ({limit})")


def too_many_channels(count: int, channels_max: int) -> Refusal:
    """channel.open beyond channel_max."""
    explanation = f"number of channels opened ({count}) has reached the negotiated channel_max ({channels_max})"
    return Refusal(NOT_ALLOWED, explanation)


def consumer_tag_reused(tag: str) -> Refusal:
    """basic.consume with the tag of a consumer of this channel."""
    return Refusal(NOT_ALLOWED, f"attempt to reuse consumer tag '{tag}'")


def expelled(what: str, name: str) -> Refusal:
    """The user or the virtual host (`what`: user, vhost) of a connection is deleted."""
    how = {"user": "is deleted", "vhost": "is down"}[what]
    return Refusal(CONNECTION_FORCED, f"{what} '{name}' {how}")


def connection_forced(reason: str) -> Refusal:
    """The server ends the connection."""
    return Refusal(CONNECTION_FORCED, f"broker forced connection closure with reason '{reason}'")
