"""AWS Signature Version 4, verified: in the Authorization header, or in the query string of a presigned URL.

The rules are those of the AWS General Reference, "Signature Version 4 for API requests", for services other than S3:
the path is encoded twice, the payload is always hashed.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec

from oncemq.protocols.sqs.access import Access
from oncemq.protocols.sqs.credentials import ALGORITHM, Authorization, Scope, read_authorization, read_scope
from oncemq.protocols.sqs.errors import (
    INCOMPLETE_SIGNATURE,
    INVALID_CLIENT_TOKEN_ID,
    MISSING_AUTHENTICATION_TOKEN,
    REQUEST_EXPIRED,
    SIGNATURE_DOES_NOT_MATCH,
    Rejected,
)
from oncemq.protocols.sqs.http import HttpRequest
from oncemq.protocols.sqs.limits import (
    CACHED_ADDRESSES,
    CACHED_TEXT_BYTES,
    CLOCK_SKEW_MS,
    PRESIGNED_SECONDS_MAXIMUM,
)
from oncemq.protocols.sqs.urls import REGION

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z", re.ASCII)
_DAY = re.compile(r"[0-9]{8}", re.ASCII)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_SPACES = re.compile(rb"  +")


class SigningKey(msgspec.Struct, frozen=True):
    """The key of one credential on one day in one region, whose it is, and the scope's line in what is signed."""

    inner: Any
    outer: Any
    account: str
    line: str

    def sign(self, text: bytes) -> bytes:
        """HMAC-SHA256 (RFC 2104) in hexadecimal, from hashes that have taken the padded key already: less than half
        of what `hmac.digest` takes for texts this short.
        """
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        signature: str = outer.hexdigest()
        return signature.encode()


class Prepared(msgspec.Struct, frozen=True):
    """A list of signed headers, read once: their names, each also as its line begins, and the end of the canonical
    request that repeats them.
    """

    names: tuple[bytes, ...]
    lines: tuple[tuple[bytes, bytes], ...]
    tail: bytes


class Known(msgspec.Struct, frozen=True):
    """What an Authorization header says before its signature, read once; it is the same for a client's whole day."""

    scope: Scope
    prepared: Prepared
    key: SigningKey


class Verifier:
    """Verifies signatures for one server. Signing keys and header lists are kept, up to a limit."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._keys: dict[tuple[Scope, bool], SigningKey] = {}
        self._prepared: dict[str, Prepared] = {}
        self._known: tuple[dict[bytes, Known], dict[bytes, Known]] = ({}, {})
        """For peers that are not, and that are, loopback: a key may be valid for these only."""
        self._times_ms: dict[str, int] = {}

    def verify(self, request: HttpRequest, now_ms: int, peer_is_loopback: bool) -> tuple[str, str]:
        """Account and region of a request whose signature is right; Rejected otherwise."""
        header = request.headers.get(b"authorization")
        if header is not None:
            return self._verify_header(request, header, now_ms, peer_is_loopback)
        if b"X-Amz-Signature=" in request.target or b"X-Amz-Algorithm=" in request.target:
            return self._verify_presigned(request, now_ms, peer_is_loopback)
        raise Rejected(MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token")

    # In the header.

    def _verify_header(self, request: HttpRequest, header: bytes, now_ms: int, loopback: bool) -> tuple[str, str]:
        headers = request.headers
        before_signature, separator, signature = header.rpartition(b", Signature=")
        known = self._known[loopback].get(before_signature) if separator else None
        if known is None:
            known, signature = self._read(header, loopback)
            if separator and len(before_signature) <= CACHED_TEXT_BYTES:
                _keep(self._known[loopback], before_signature, known)
        date = headers.get(b"x-amz-date")
        if date is None:
            message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            raise Rejected(INCOMPLETE_SIGNATURE, message)
        scope, prepared, key = known.scope, known.prepared, known.key
        stamp = date.decode("latin-1")
        self._check_time(stamp, scope, now_ms, self._time_ms(stamp) + CLOCK_SKEW_MS)
        _check_signed_headers(headers, prepared.names)
        body_hash = _hash_of_body(request)
        path, _, query = request.target.partition(b"?")
        canonical = _canonical_request(request.method, path, _canonical_query(query), headers, prepared, body_hash)
        _check_signature(key, stamp, canonical, signature)
        return key.account, scope.region

    def _read(self, header: bytes, loopback: bool) -> tuple[Known, bytes]:
        authorization = read_authorization(header.decode("latin-1"))
        prepared = self._prepare(authorization.signed_headers)
        key = self._signing_key(authorization.scope, loopback)
        return Known(authorization.scope, prepared, key), authorization.signature.encode("latin-1")

    # In the query string.

    def _verify_presigned(self, request: HttpRequest, now_ms: int, loopback: bool) -> tuple[str, str]:
        path, _, query = request.target.partition(b"?")
        pairs = _query_pairs(query)
        given = {name: value for name, value in pairs if name.startswith(b"X-Amz-")}
        authorization, stamp, lifetime_seconds = _read_presigned(given)
        scope, prepared = authorization.scope, self._prepare(authorization.signed_headers)
        key = self._signing_key(scope, loopback)
        self._check_time(stamp, scope, now_ms, self._time_ms(stamp) + lifetime_seconds * 1_000)
        _check_signed_headers(request.headers, prepared.names)
        signed = b"&".join(_encoded(pair) for pair in _sorted_pairs(pairs) if pair[0] != b"X-Amz-Signature")
        body_hash = _hash_of_body(request)
        canonical = _canonical_request(request.method, path, signed, request.headers, prepared, body_hash)
        _check_signature(key, stamp, canonical, authorization.signature.encode("latin-1"))
        return key.account, scope.region

    # What both check.

    def _signing_key(self, scope: Scope, loopback: bool) -> SigningKey:
        cached = self._keys.get((scope, loopback))
        if cached is not None:
            return cached
        found = self._access.key(scope.key_id, loopback)
        if found is None:
            raise Rejected(INVALID_CLIENT_TOKEN_ID, "The security token included in the request is invalid.")
        _check_scope(scope)
        secret, account = found
        key = f"AWS4{secret}".encode()
        for part in (scope.date, scope.region, scope.service, scope.terminator):
            key = hmac.digest(key, part.encode(), "sha256")
        inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key.ljust(64, b"\0"))) for pad in (0x36, 0x5C))
        made = SigningKey(inner, outer, account, f"{scope.date}/{scope.region}/{scope.service}/{scope.terminator}")
        _keep(self._keys, (scope, loopback), made)
        return made

    def _prepare(self, signed_headers: str) -> Prepared:
        prepared = self._prepared.get(signed_headers)
        if prepared is None:
            raw = signed_headers.encode("latin-1")
            names = tuple(raw.split(b";"))
            prepared = Prepared(names, tuple((name, name + b":") for name in names), b"\n\n" + raw + b"\n")
            if len(raw) <= CACHED_TEXT_BYTES:
                _keep(self._prepared, signed_headers, prepared)
        return prepared

    def _time_ms(self, stamp: str) -> int:
        time_ms = self._times_ms.get(stamp)
        if time_ms is None:
            time_ms = _read_time_ms(stamp)
            _keep(self._times_ms, stamp, time_ms)
        return time_ms

    def _check_time(self, stamp: str, scope: Scope, now_ms: int, expires_ms: int) -> None:
        signed_ms = self._time_ms(stamp)
        if not stamp.startswith(scope.date):
            message = (
                f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{scope.date[:20]}'"
            )
            raise Rejected(SIGNATURE_DOES_NOT_MATCH, f"{message} != '{stamp[:8]}', from '{stamp}'.")
        if now_ms > expires_ms:
            limit = _stamp(now_ms - CLOCK_SKEW_MS)
            message = f"Signature expired: {stamp} is now earlier than {limit} ({_stamp(now_ms)} - 15 min.)"
            presigned = expires_ms != signed_ms + CLOCK_SKEW_MS
            raise Rejected(REQUEST_EXPIRED if presigned else SIGNATURE_DOES_NOT_MATCH, message)
        if signed_ms > now_ms + CLOCK_SKEW_MS:
            limit = _stamp(now_ms + CLOCK_SKEW_MS)
            message = f"Signature not yet current: {stamp} is still later than {limit} ({_stamp(now_ms)} + 15 min.)"
            raise Rejected(SIGNATURE_DOES_NOT_MATCH, message)


def _check_scope(scope: Scope) -> None:
    if scope.service != "sqs":
        message = f"Credential should be scoped to correct service: 'sqs', not '{scope.service[:50]}'."
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, message)
    if not REGION.fullmatch(scope.region):
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, "Credential should be scoped to a valid region.")
    if not _DAY.fullmatch(scope.date):
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, "Date in Credential scope must be of the form YYYYMMDD.")
    if scope.terminator != "aws4_request":
        message = "Credential should be scoped with a valid terminator: 'aws4_request'."
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, message)


def _check_signed_headers(headers: dict[bytes, bytes], names: tuple[bytes, ...]) -> None:
    """Host and every X-Amz- header must be signed, or they could be changed on the way."""
    if b"host" not in names:
        message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, message)
    for name in headers:
        if name[:6] == b"x-amz-" and name not in names:
            shown = name.decode("latin-1")
            raise Rejected(SIGNATURE_DOES_NOT_MATCH, f"'{shown}' must be a 'SignedHeader' in the AWS Authorization.")


def _hash_of_body(request: HttpRequest) -> bytes:
    body_hash = hashlib.sha256(request.body).hexdigest().encode()
    claimed = request.headers.get(b"x-amz-content-sha256")
    if claimed is not None and claimed.lower() != body_hash:
        message = "The value of x-amz-content-sha256 does not match the hash of the request's body."
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, message)
    return body_hash


def _canonical_request(
    method: bytes, path: bytes, query: bytes, headers: dict[bytes, bytes], prepared: Prepared, body_hash: bytes
) -> bytes:
    lines = [method, _canonical_path(path), query]
    for name, line in prepared.lines:
        value = headers.get(name, b"")
        if b"  " in value:
            value = _SPACES.sub(b" ", value)
        lines.append(line + value.strip())
    return b"\n".join(lines) + prepared.tail + body_hash


def _canonical_path(path: bytes) -> bytes:
    return b"/" if path == b"/" else quote(path or b"/", safe="/~").encode("ascii")


Pair = tuple[bytes, bytes]


def _query_pairs(query: bytes) -> list[Pair]:
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _encoded(pair: Pair) -> bytes:
    return f"{quote(pair[0], safe='-_.~')}={quote(pair[1], safe='-_.~')}".encode("ascii")


def _sorted_pairs(pairs: list[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (quote(pair[0], safe="-_.~"), quote(pair[1], safe="-_.~")))


def _canonical_query(query: bytes) -> bytes:
    if not query:
        return b""
    return b"&".join(_encoded(pair) for pair in _sorted_pairs(_query_pairs(query)))


def _check_signature(key: SigningKey, stamp: str, canonical: bytes, signature: bytes) -> None:
    text = f"{ALGORITHM}\n{stamp}\n{key.line}\n{hashlib.sha256(canonical).hexdigest()}"
    if not hmac.compare_digest(key.sign(text.encode()), signature):
        raise Rejected(SIGNATURE_DOES_NOT_MATCH, _MISMATCH)


def _read_presigned(given: dict[bytes, bytes]) -> tuple[Authorization, str, int]:
    """Authorization, time and lifetime in seconds of a presigned URL. Rejected: IncompleteSignature."""
    texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in given.items()}
    for name in ("Algorithm", "Credential", "Date", "SignedHeaders", "Signature"):
        if not texts.get(f"X-Amz-{name}"):
            raise Rejected(INCOMPLETE_SIGNATURE, f"AWS query-string parameters must include 'X-Amz-{name}'.")
    if texts["X-Amz-Algorithm"] != ALGORITHM:
        message = f"Unsupported AWS 'algorithm': '{texts['X-Amz-Algorithm'][:100]}'."
        raise Rejected(INCOMPLETE_SIGNATURE, message)
    scope = read_scope(texts["X-Amz-Credential"])
    if scope is None:
        message = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        raise Rejected(INCOMPLETE_SIGNATURE, message)
    expires = texts.get("X-Amz-Expires", "900")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 6):
        raise Rejected(INCOMPLETE_SIGNATURE, "X-Amz-Expires must be a number of seconds.")
    if int(expires) > PRESIGNED_SECONDS_MAXIMUM:
        message = f"X-Amz-Expires must be less than or equal to {PRESIGNED_SECONDS_MAXIMUM} seconds."
        raise Rejected(INCOMPLETE_SIGNATURE, message)
    authorization = Authorization(scope, texts["X-Amz-SignedHeaders"], texts["X-Amz-Signature"])
    return authorization, texts["X-Amz-Date"], int(expires)


def _read_time_ms(stamp: str) -> int:
    match = _DATE.fullmatch(stamp)
    try:
        if match is not None:
            parts = [int(part) for part in match.groups()]
            return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000  # type: ignore[misc,arg-type]
    except ValueError:
        pass
    message = f"Date must be in ISO-8601 'basic format'. Got '{stamp[:50]}'. See http://en.wikipedia.org/wiki/ISO_8601"
    raise Rejected(INCOMPLETE_SIGNATURE, message)


def _stamp(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _keep(cache: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
    if len(cache) >= CACHED_ADDRESSES:
        cache.clear()
    cache[key] = value
