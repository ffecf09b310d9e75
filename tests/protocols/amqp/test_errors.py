"""Reply codes beside pika's, and texts as users of RabbitMQ have seen them."""

import pika.spec
import pytest

from oncemq.protocols.amqp import errors, refusals
from oncemq.protocols.amqp.errors import Refusal

CODES = (311, 312, 313, 320, 402, 403, 404, 405, 406, 501, 502, 503, 504, 505, 506, 530, 540, 541)


def test_every_code_has_pikas_name_and_the_right_scope() -> None:
    assert tuple(errors.ERRORS) == CODES
    for code, error in errors.ERRORS.items():
        assert getattr(pika.spec, error.name) == code
        soft = code in (311, 312, 313, 403, 404, 405, 406)
        assert error.scope == ("channel" if soft else "connection")


TEXTS: list[tuple[Refusal, str]] = [
    (refusals.not_found("queue", "q", "/"), "NOT_FOUND - no queue 'q' in vhost '/'"),
    (refusals.not_found("exchange", "e", "a"), "NOT_FOUND - no exchange 'e' in vhost 'a'"),
    (refusals.no_declared_queue(), "NOT_FOUND - no previously declared queue"),
    (
        refusals.inequivalent("durable", "queue", "q", "/", True, False),
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
        "received 'true' but current is 'false'",
    ),
    (
        refusals.inequivalent("x-message-ttl", "queue", "q", "/", 300, 300_000),
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': "
        "received '300' but current is '300000'",
    ),
    (
        refusals.inequivalent_presence("x-message-ttl", "queue", "q", "/", None, 300_000),
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': "
        "received none but current is the value '300000' of type 'signedint'",
    ),
    (
        refusals.inequivalent_presence("x-dead-letter-exchange", "queue", "q", "/", "dlx", None),
        "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': "
        "received the value 'dlx' of type 'longstr' but current is none",
    ),
    (refusals.unknown_delivery_tag(5), "PRECONDITION_FAILED - unknown delivery tag 5"),
    (
        refusals.locked("q", "/"),
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be "
        "originally declared on another connection or the exclusive property value does not match that of the original "
        "declaration.",
    ),
    (
        refusals.access_refused("write", "exchange", "", "/", "u"),
        "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'",
    ),
    (
        refusals.reserved_name("queue", "amq.x"),
        "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'",
    ),
    (refusals.exclusive_use("q", "/"), "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use"),
    (refusals.in_use("exchange", "e", "/"), "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use"),
    (
        errors.login_refused("PLAIN"),
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
    ),
    (errors.host_not_found("nope"), "NOT_ALLOWED - vhost nope not found"),
    (errors.host_refused("h", "u"), "NOT_ALLOWED - access to vhost 'h' refused for user 'u'"),
    (errors.consumer_tag_reused("t"), "NOT_ALLOWED - attempt to reuse consumer tag 't'"),
    (errors.second_channel_open(), "CHANNEL_ERROR - second 'channel.open' seen"),
    (errors.expected_channel_open(), "CHANNEL_ERROR - expected 'channel.open'"),
    (errors.unknown_exchange_type("x"), "COMMAND_INVALID - unknown exchange type 'x'"),
    (errors.not_implemented("immediate=true"), "NOT_IMPLEMENTED - immediate=true"),
    (
        errors.connection_forced("shutdown"),
        "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    ),
    (
        errors.negotiation_failed("frame_max", 100, 4_096, lower=True),
        "NOT_ALLOWED - negotiated frame_max = 100 is lower than the minimum allowed value (4096)",
    ),
    (refusals.CONFIRM_TO_TX, "PRECONDITION_FAILED - cannot switch from confirm to tx mode"),
]


@pytest.mark.parametrize(("refusal", "text"), TEXTS, ids=[text[:40] for _, text in TEXTS])
def test_texts_are_rabbitmqs(refusal: Refusal, text: str) -> None:
    assert refusal.reply_text == text
    assert refusal.reply_code == refusal.error.code


def test_a_long_text_is_cut_between_characters_to_a_short_string() -> None:
    for shift in range(4):
        text = refusals.not_found("queue", "a" * shift + "€" * 200, "/").reply_text
        assert text.endswith("...")
        assert 252 <= len(text.encode()) <= 255


def test_any_name_makes_a_text() -> None:
    assert "?" in refusals.not_found("queue", "\udcff", "/").reply_text
