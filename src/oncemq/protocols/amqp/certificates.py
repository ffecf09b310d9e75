"""Whom a client's certificate names, as RabbitMQ's EXTERNAL mechanism does: by its whole subject or by common name.

A certificate is what Python's `ssl` gives: `subject` is a sequence of relative names, each a sequence of (type, value).
"""

from typing import Any

COMMON_NAME = "common-name"
DISTINGUISHED_NAME = "distinguished-name"

Certificate = dict[str, Any]

SHORT_TYPES = {
    "commonName": "CN",
    "surname": "SN",
    "givenName": "GIVENNAME",
    "initials": "INITIALS",
    "generationQualifier": "GENERATIONQUALIFIER",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "streetAddress": "2.5.4.9",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "title": "TITLE",
    "countryName": "C",
    "serialNumber": "SERIALNUMBER",
    "pseudonym": "PSEUDONYM",
    "domainComponent": "DC",
    "emailAddress": "EMAILADDRESS",
    "userId": "UID",
}
"""Types as Python names them → as RabbitMQ does, which has no name for a street."""
FIRST_SHOWN, LAST_SHOWN = 32, 125
ESCAPED = frozenset(',+"\\<>;')


def user_of(certificate: Certificate, login_from: str) -> str:
    """The user's name; empty if there is no certificate or it names nobody."""
    subject = certificate.get("subject", ())
    if login_from == COMMON_NAME:
        return ",".join(value for relative in subject for kind, value in relative if kind == "commonName")
    return ",".join("+".join(_attribute(*each) for each in relative) for relative in reversed(subject))


def _attribute(kind: str, value: str) -> str:
    return f"{SHORT_TYPES.get(kind, kind)}={_escaped(value)}"


def _escaped(value: str) -> str:
    """RFC 4514, section 2.4; and as octets what RabbitMQ writes so."""
    text = "".join(_shown(octet) for octet in value.encode("utf-8", "replace"))
    if text.startswith((" ", "#")):
        text = "\\" + text
    if len(value) > 1 and value.endswith(" "):
        text = text[:-1] + "\\ "
    return text


def _shown(octet: int) -> str:
    if octet < FIRST_SHOWN or octet > LAST_SHOWN:
        return f"\\{octet:02X}"
    return "\\" + chr(octet) if chr(octet) in ESCAPED else chr(octet)
