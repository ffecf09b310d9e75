"""Who asks: decided from the signature in verify mode, believed in open mode.

Open mode is for a developer's own machine. It still refuses requests of web pages: otherwise any page open in a browser
could delete queues on localhost with a form (which carries Origin) or the address of an image (Sec-Fetch-Site).
"""

import msgspec

from oncemq.protocols.sqs.access import DEFAULT_ACCOUNT, OPEN, Access
from oncemq.protocols.sqs.credentials import ScopeReader
from oncemq.protocols.sqs.errors import ACCESS_DENIED, Rejected
from oncemq.protocols.sqs.http import HttpRequest
from oncemq.protocols.sqs.limits import CACHED_ADDRESSES
from oncemq.protocols.sqs.signature import Verifier
from oncemq.protocols.sqs.urls import ACCOUNT, Origin


class Caller(msgspec.Struct, frozen=True):
    """The account that asks, in which region, and whether policies apply to it."""

    account: str
    region: str
    enforced: bool


class Authentication:
    """Identifies callers for one server."""

    def __init__(self, access: Access, default_region: str) -> None:
        self._access = access
        self._default_region = default_region
        self._scopes = ScopeReader()
        self._verifier = Verifier(access)
        self._callers: dict[tuple[str, str], Caller] = {}

    def identify(self, request: HttpRequest, origin: Origin, now_ms: int, peer_is_loopback: bool) -> Caller:
        """The caller of a request. Rejected with the errors of signatures, 403."""
        if self._access.mode == OPEN:
            return self._believe(request, origin)
        return self._caller(*self._verifier.verify(request, now_ms, peer_is_loopback), True)

    def _believe(self, request: HttpRequest, origin: Origin) -> Caller:
        headers = request.headers
        if b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            raise Rejected(ACCESS_DENIED, "In open mode requests of web pages are refused.")
        found = self._scopes.read(headers.get(b"authorization") or request.target)
        key_id, region = found if found is not None else ("", None)
        account = key_id if ACCOUNT.fullmatch(key_id) else DEFAULT_ACCOUNT
        return self._caller(account, region or origin.region or self._default_region, False)

    def _caller(self, account: str, region: str, enforced: bool) -> Caller:
        caller = self._callers.get((account, region))
        if caller is None:
            caller = Caller(account, region, enforced)
            if len(self._callers) >= CACHED_ADDRESSES:
                self._callers.clear()
            self._callers[account, region] = caller
        return caller
