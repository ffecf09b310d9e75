"""One TCP connection: bytes in, exchanges out. Knows no socket and no clock."""

from typing import TYPE_CHECKING

from oncemq.protocols.sqs import awsjson, query
from oncemq.protocols.sqs.actions import ACTIONS, JSON_TARGETS, Action
from oncemq.protocols.sqs.call import Call
from oncemq.protocols.sqs.errors import (
    MALFORMED_QUERY,
    MISSING_ACTION,
    UNKNOWN_OPERATION,
    Kind,
    Rejected,
    SqsError,
)
from oncemq.protocols.sqs.exchange import Exchange, JsonExchange, QueryExchange
from oncemq.protocols.sqs.http import CONTINUE, HttpEvent, HttpFault, HttpReader, HttpRequest, response
from oncemq.protocols.sqs.requests import Request

if TYPE_CHECKING:
    from oncemq.protocols.sqs.door import SqsDoor

_METHODS = (b"POST", b"GET")


class SqsConnection:
    """One TCP connection of a client."""

    def __init__(self, door: "SqsDoor", peer_is_loopback: bool) -> None:
        self._door = door
        self._peer_is_loopback = peer_is_loopback
        self._reader = HttpReader()
        self._closing = False

    @property
    def unfinished(self) -> bool:
        """Whether a request has begun and not ended."""
        return self._reader.unfinished

    def feed(self, data: bytes, now_ms: int) -> list[Exchange]:
        """The requests that these bytes complete, in order. Never raises; after an exchange that closes, nothing."""
        exchanges: list[Exchange] = []
        if self._closing:
            return exchanges
        for event in self._reader.feed(data):
            exchange = self._exchange(event, now_ms)
            exchanges.append(exchange)
            if exchange.close:
                self._closing = True
                break
        return exchanges

    def _exchange(self, event: HttpEvent, now_ms: int) -> Exchange:
        if isinstance(event, HttpRequest):
            return self._answer(event, now_ms)
        if isinstance(event, HttpFault):
            return self._refuse(event, now_ms)
        interim = Exchange(None, b"")
        interim.close = False
        interim.reply = CONTINUE
        return interim

    def _refuse(self, fault: HttpFault, now_ms: int) -> Exchange:
        """A request that could not be read has no protocol: it is answered in XML, which says most to a reader."""
        exchange = QueryExchange(None, self._door.stamp(now_ms))
        kind = Kind(MALFORMED_QUERY.type, "BadRequest", fault.status)
        exchange.reply = exchange.written_error(SqsError(kind, fault.message))
        return exchange

    def _answer(self, http: HttpRequest, now_ms: int) -> Exchange:
        stamp = self._door.stamp(now_ms)
        if http.method not in _METHODS:
            return self._wrong_method(http, stamp)
        target = http.headers.get(b"x-amz-target")
        is_json = target is not None or http.headers.get(b"content-type", b"").startswith(b"application/x-amz-json")
        if is_json:
            exchange: Exchange = JsonExchange(http, stamp)
            read = self._read_json
        else:
            exchange = QueryExchange(http, stamp)
            read = self._read_query
        try:
            call = self._call(http, now_ms)
            action, request = read(http, exchange)
            asked = action.ask(call, request)
            if isinstance(asked, tuple):
                exchange.ask(action, request, *asked)
            else:
                exchange.reply = exchange.written(asked)
        except Rejected as rejected:
            exchange.reply = exchange.written_error(rejected.error)
        return exchange

    def _call(self, http: HttpRequest, now_ms: int) -> Call:
        door = self._door
        origin = door.addresses.origin(http.headers.get(b"host", b""))
        caller = door.authentication.identify(http, origin, now_ms, self._peer_is_loopback)
        enforced = caller.account if caller.enforced else None
        return Call(door.addresses, door.identity, caller.account, caller.region, enforced, origin.base_url)

    def _read_json(self, http: HttpRequest, exchange: Exchange) -> tuple[Action, Request]:
        target = http.headers.get(b"x-amz-target")
        action = JSON_TARGETS.get(target) if target is not None else None
        if action is None:
            shown = (target or b"").decode("latin-1")[:200]
            raise Rejected(UNKNOWN_OPERATION, f"The operation {shown} is not one of AmazonSQS.")
        return action, awsjson.read(action.decoder, http.body)

    def _read_query(self, http: HttpRequest, exchange: Exchange) -> tuple[Action, Request]:
        assert isinstance(exchange, QueryExchange)
        path, _, parameters = http.target.partition(b"?")
        form = query.read_form(parameters, http.body)
        name = form.get("Action")
        if not name:
            raise Rejected(MISSING_ACTION, "The request must contain the parameter Action.")
        action = ACTIONS.get(name)
        if action is None:
            raise Rejected(UNKNOWN_OPERATION, f"The action {name[:200]} is not valid for this web service.")
        if path != b"/":
            form.setdefault("QueueUrl", path.decode("latin-1"))
        exchange.action_name = name
        return action, query.read(action.request, form)

    def _wrong_method(self, http: HttpRequest, stamp: bytes) -> Exchange:
        exchange = Exchange(http, stamp)
        if http.method == b"CONNECT":
            http.keep_alive = False
            exchange.close = True
        exchange.reply = response(405, b"Allow: GET, POST\r\n" + stamp, b"", http)
        return exchange
