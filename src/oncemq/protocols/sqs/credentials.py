"""What a request says of its signer: the Authorization header, or the X-Amz- parameters of a presigned URL.

AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/sqs/aws4_request, SignedHeaders=<a;b>, Signature=<hex>
"""

import re

import msgspec

from oncemq.protocols.sqs.errors import INCOMPLETE_SIGNATURE, Rejected
from oncemq.protocols.sqs.limits import CACHED_ADDRESSES, CACHED_TEXT_BYTES
from oncemq.protocols.sqs.urls import REGION

ALGORITHM = "AWS4-HMAC-SHA256"
_PART = re.compile(r"\s*([A-Za-z]+)=([^,\s]*)\s*")


class Scope(msgspec.Struct, frozen=True):
    """A credential: who signed, and for which day (YYYYMMDD), region and service."""

    key_id: str
    date: str
    region: str
    service: str
    terminator: str


class Authorization(msgspec.Struct, frozen=True):
    """A signature and what it claims to cover. `signed_headers` as given: lower case, joined by semicolons."""

    scope: Scope
    signed_headers: str
    signature: str


def read_scope(credential: str) -> Scope | None:
    """The scope of a Credential, None when it is not of five parts. The key id may hold slashes."""
    parts = credential.rsplit("/", 4)
    return Scope(*parts) if len(parts) == 5 and all(parts) else None


def read_authorization(header: str) -> Authorization:
    """The parts of an Authorization header. Rejected: IncompleteSignature, naming what is missing."""
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise Rejected(INCOMPLETE_SIGNATURE, f"Unsupported AWS 'algorithm': '{algorithm[:100]}'.")
    parts: dict[str, str] = {}
    for part in rest.split(","):
        match = _PART.fullmatch(part)
        if match is not None:
            parts[match[1]] = match[2]
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise Rejected(INCOMPLETE_SIGNATURE, f"Authorization header requires '{name}' parameter.")
    scope = read_scope(parts["Credential"])
    if scope is None:
        message = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        raise Rejected(INCOMPLETE_SIGNATURE, message)
    return Authorization(scope, parts["SignedHeaders"], parts["Signature"])


class ScopeReader:
    """Finds the credential of a request without looking at its signature, for the open mode; keeps what it found."""

    def __init__(self) -> None:
        self._scopes: dict[bytes, tuple[str, str | None] | None] = {}

    def read(self, source: bytes) -> tuple[str, str | None] | None:
        """Key id and region (None when malformed) that an Authorization header or a query string names."""
        start = source.find(b"Credential=")
        if start < 0:
            return None
        start += 11
        end = source.find(b",", start)
        credential = source[start : end if end >= 0 else None]
        if credential in self._scopes:
            return self._scopes[credential]
        found = self._find(credential)
        if len(credential) <= CACHED_TEXT_BYTES:
            if len(self._scopes) >= CACHED_ADDRESSES:
                self._scopes.clear()
            self._scopes[credential] = found
        return found

    def _find(self, credential: bytes) -> tuple[str, str | None] | None:
        text = credential.decode("latin-1").split("&", 1)[0].replace("%2F", "/").replace("%2f", "/")
        scope = read_scope(text.strip())
        if scope is None:
            return None
        return scope.key_id, scope.region if REGION.fullmatch(scope.region) else None
