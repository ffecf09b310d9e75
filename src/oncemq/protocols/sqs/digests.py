"""MD5 as SQS answers it, so that clients can check what arrived. It guards against damage, not against an enemy."""

from collections.abc import Iterable
from hashlib import md5
from struct import Struct

_LENGTH = Struct(">I")
_STRING = b"\x01"
_BINARY = b"\x02"


def md5_of_body(body: bytes) -> str:
    """MD5 of a message body (UTF-8), in hexadecimal."""
    return md5(body, usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Iterable[tuple[str, str, str | bytes]]) -> str:
    """MD5 of attributes given as (name, type, value): sorted by name, each part after its length in 4 bytes.

    A value of str is hashed as a String or Number, one of bytes as Binary.
    """
    digest = md5(usedforsecurity=False)
    for name, type_name, value in sorted(attributes, key=lambda attribute: attribute[0]):
        mark, raw = (_STRING, value.encode()) if isinstance(value, str) else (_BINARY, value)
        for part in (name.encode(), type_name.encode()):
            digest.update(_LENGTH.pack(len(part)) + part)
        digest.update(mark + _LENGTH.pack(len(raw)) + raw)
    return digest.hexdigest()
