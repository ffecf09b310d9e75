"""Names in certificates, as Python's ssl gives them, and as Debian's rabbitmq-server was seen to write them."""

from typing import Any

import pytest

from oncemq.protocols.amqp.certificates import COMMON_NAME, DISTINGUISHED_NAME, user_of


def certificate(*subject: Any) -> dict[str, Any]:
    return {"subject": subject}


CASES = [
    (certificate((("commonName", "orders"),)), "CN=orders", "orders"),
    (
        certificate((("countryName", "DE"),), (("organizationName", "Shop"),), (("commonName", "orders"),)),
        "CN=orders,O=Shop,C=DE",
        "orders",
    ),
    (
        certificate((("organizationalUnitName", "a"), ("commonName", "b")), (("commonName", "c"),)),
        "CN=c,OU=a+CN=b",
        "b,c",
    ),
    (certificate((("organizationName", 'Shop, Inc. "x" <y>;\\+='),)), 'O=Shop\\, Inc. \\"x\\" \\<y\\>\\;\\\\\\+=', ""),
    (certificate((("commonName", "#one "),)), "CN=\\#one\\ ", "#one "),
    (certificate((("commonName", " "),)), "CN=\\ ", " "),
    (certificate((("userId", "u"),), (("emailAddress", "a@b"),)), "EMAILADDRESS=a@b,UID=u", ""),
    (certificate((("streetAddress", "S 1"),), (("1.2.3.4", "x"),)), "1.2.3.4=x,2.5.4.9=S 1", ""),
    (certificate((("commonName", "ä~\n"),)), "CN=\\C3\\A4\\7E\\0A", "ä~\n"),
    (certificate(), "", ""),
    ({}, "", ""),
]


@pytest.mark.parametrize(("shown", "distinguished", "common"), CASES)
def test_names(shown: dict[str, Any], distinguished: str, common: str) -> None:
    assert user_of(shown, DISTINGUISHED_NAME) == distinguished
    assert user_of(shown, COMMON_NAME) == common
