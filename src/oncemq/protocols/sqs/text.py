"""Which characters a message may hold: those of XML 1.0.

Checked on UTF-8 bytes: a control character is one byte there and never part of another, so one `translate` finds it at
memory speed; U+FFFE and U+FFFF are two known sequences of bytes, and surrogates cannot be encoded at all.
"""

from oncemq.protocols.sqs.errors import INVALID_MESSAGE_CONTENTS, Rejected

_FORBIDDEN_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
_SURROGATE_LEAD = b"\xed"
_MESSAGE = (
    "Invalid characters found. Valid unicode characters are "
    "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
)


def is_valid_text(text: str, raw: bytes) -> bool:
    """Whether all characters of `text`, which is `raw` in UTF-8, may stand in a message."""
    if len(raw.translate(None, _FORBIDDEN_CONTROLS)) != len(raw):
        return False
    if text.isascii():
        return True
    if any(sequence in raw for sequence in _NONCHARACTERS):
        return False
    return _SURROGATE_LEAD not in raw or not any("\ud800" <= character <= "\udfff" for character in text)


def check_text(text: str, raw: bytes) -> None:
    """Rejected with InvalidMessageContents when a character of `text` may not stand in a message."""
    if not is_valid_text(text, raw):
        raise Rejected(INVALID_MESSAGE_CONTENTS, _MESSAGE)
