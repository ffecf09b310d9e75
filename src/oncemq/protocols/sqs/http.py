"""HTTP/1.1 on the server's side: bytes in, whole requests out. httptools (llhttp) parses; limits are kept here.

After a malformed or oversized request nothing more is read: where the next request begins is not known (RFC 9112, 9.6).
"""

import httptools

from oncemq.protocols.sqs.limits import BODY_BYTES, FRAMING_BYTES, HEAD_BYTES, HEADERS

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    417: b"Expectation Failed",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class HttpRequest:
    """One whole request. Header names are lower case; values of a repeated header are joined by a comma."""

    __slots__ = ("body", "headers", "keep_alive", "method", "old", "target")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        """Path and query as sent."""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.keep_alive = True
        self.old = False
        """HTTP/1.0: a connection that stays open must say so."""


class HttpFault(Exception):
    """A request that cannot be read; it is answered with `status`, and the connection closed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


HttpEvent = HttpRequest | HttpFault | bytes
"""A request; a fault, always the last; or the interim answer CONTINUE."""


class HttpReader:
    """Requests of one connection. Holds at most one unfinished request."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._events: list[HttpEvent] = []
        self._request = HttpRequest()
        self._headers = self._request.headers
        self._in_request = False
        self._in_head = True
        self._begun = 0
        self._repeated_headers = 0
        self._fed_bytes = 0
        self._wire_bytes = 0
        self._chunks: list[bytes] = []
        self._body_bytes = 0
        self._upgrading = False
        self._fault: HttpFault | None = None

    @property
    def unfinished(self) -> bool:
        """Whether a request has begun and not ended."""
        return self._in_request

    def feed(self, data: bytes) -> list[HttpEvent]:
        """What these bytes complete, in order. After a fault: nothing, for ever."""
        if self._fault is not None:
            return []
        begun = self._begun
        self._fed_bytes = len(data)
        try:
            self._parse(data)
            if self._in_request:
                self._count_wire_bytes(len(data) if self._begun == begun else 0)
        except httptools.HttpParserError as error:
            self._fault = self._fault or HttpFault(400, f"Bad request: {str(error)[:200]}.")
            self._events.append(self._fault)
        except HttpFault as fault:
            self._fault = fault
            self._events.append(fault)
        events, self._events = self._events, []
        return events

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # Nothing is upgraded to. llhttp takes such a request to end with its headers: it is read again as if
                # it had not asked, and what follows it is its body and the next request.
                data = data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
                if self._upgrading:
                    self._upgrading = False
                    self._parser.feed_data(_head_without_upgrade(self._request))
                if not data:
                    return

    def _count_wire_bytes(self, length: int) -> None:
        """Bounds what the parser keeps to itself: an unfinished header or trailer, sizes of chunks.

        Bytes are counted that came by themselves; those that came with the end of the request before are at most one
        read of the socket.
        """
        self._wire_bytes += length
        if self._in_head and self._wire_bytes > HEAD_BYTES:
            raise HttpFault(431, f"Request line and headers are larger than {HEAD_BYTES} bytes.")
        if self._wire_bytes - self._body_bytes > HEAD_BYTES + FRAMING_BYTES:
            raise HttpFault(413, "The chunks of the request's body are too small.")

    def _refuse(self, status: int, message: str) -> None:
        self._fault = HttpFault(status, message)
        raise self._fault

    # Called by httptools, in this order for each request.

    def on_message_begin(self) -> None:
        self._request = request = HttpRequest()
        self._headers = request.headers
        self._in_request = self._in_head = True
        self._begun += 1
        self._repeated_headers = self._wire_bytes = self._body_bytes = 0
        self._chunks = []

    def on_url(self, part: bytes) -> None:
        self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        if name in headers:
            self._repeated_headers += 1
            if self._in_head and self._repeated_headers <= HEADERS:
                headers[name] += b"," + value
        elif self._in_head:  # after it these are trailers, which mean nothing here
            headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        request = self._request
        request.method = self._parser.get_method()
        headers = self._headers
        if b"upgrade" in headers and self._parser.should_upgrade() and request.method != b"CONNECT":
            self._upgrading = True
            return
        if len(headers) + self._repeated_headers > HEADERS:
            self._refuse(431, f"More than {HEADERS} headers.")
        if self._fed_bytes + self._wire_bytes > HEAD_BYTES:
            self._measure_head()
        length = headers.get(b"content-length")
        if length is not None and (len(length) > 9 or int(length) > BODY_BYTES):
            self._refuse(413, f"The request's body is larger than {BODY_BYTES} bytes.")
        if b"expect" in headers and self._parser.get_http_version() != "1.0":
            if headers[b"expect"].lower() != b"100-continue":
                self._refuse(417, "The only expectation that can be met is 100-continue.")
            self._events.append(CONTINUE)

    def _measure_head(self) -> None:
        size_bytes = len(self._request.target) + sum(len(name) + len(value) for name, value in self._headers.items())
        if size_bytes > HEAD_BYTES:
            self._refuse(431, f"Request line and headers are larger than {HEAD_BYTES} bytes.")

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes > BODY_BYTES:
            self._refuse(413, f"The request's body is larger than {BODY_BYTES} bytes.")
        self._chunks.append(part)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        request = self._request
        chunks = self._chunks
        request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        parser = self._parser
        request.keep_alive = parser.should_keep_alive()
        request.old = parser.get_http_version() == "1.0"
        self._in_request = False
        self._events.append(request)


def _head_without_upgrade(request: HttpRequest) -> bytes:
    lines = [request.method + b" " + request.target + b" HTTP/1.1"]
    for name, value in request.headers.items():
        if name not in (b"upgrade", b"connection"):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def response(status: int, headers: bytes, body: bytes, request: HttpRequest | None) -> bytes:
    """A whole response; `headers` are lines, each with its end. `request` None: the connection will be closed."""
    if request is None or not request.keep_alive:
        connection = b"Connection: close\r\n"
    elif request.old:
        connection = b"Connection: keep-alive\r\n"
    else:
        connection = b""
    if request is not None and request.method == b"HEAD":
        return b"HTTP/1.1 %d %b\r\n%b%bContent-Length: 0\r\n\r\n" % (status, _REASONS[status], headers, connection)
    return b"HTTP/1.1 %d %b\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        status,
        _REASONS[status],
        headers,
        connection,
        len(body),
        body,
    )
