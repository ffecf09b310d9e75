"""One request and its answer."""

from oncemq.core.commands import Command
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal
from oncemq.protocols.sqs import awsjson, query
from oncemq.protocols.sqs.actions import Action
from oncemq.protocols.sqs.call import Answer
from oncemq.protocols.sqs.errors import SqsError
from oncemq.protocols.sqs.http import HttpRequest, response
from oncemq.protocols.sqs.refused import Refused
from oncemq.protocols.sqs.requests import Request
from oncemq.protocols.sqs.responses import Response

_REQUEST_ID = slice(len("x-amzn-RequestId: "), len("x-amzn-RequestId: ") + 36)
"""Where the id stands in a stamp."""


class Exchange:
    """One request: `command` for the core, or a `reply` that needs no core; exactly one of them is set.

    `close` says that the connection ends with the reply.
    """

    __slots__ = ("_action", "_answer", "_given", "_http", "_stamp", "close", "command", "reply")

    def __init__(self, http: HttpRequest | None, stamp: bytes) -> None:
        """`stamp` is the header lines with the request's id and the date; `http` None: nothing could be read."""
        self.command: Command | None = None
        self.reply: bytes | None = None
        self.close = http is None or not http.keep_alive
        self._http = http
        self._stamp = stamp
        self._action: Action | None = None
        self._given: Request | None = None
        self._answer: Answer | None = None

    def ask(self, action: Action, given: Request, command: Command, answer: Answer) -> None:
        """Sets what goes to the core, and how its output is answered."""
        self.command = command
        self._action = action
        self._given = given
        self._answer = answer

    def render(self, output: Output | Refusal) -> bytes:
        """The whole HTTP response to the core's output."""
        assert self._answer is not None
        try:
            if not isinstance(output, Refusal):
                return self.written(self._answer(output))
            refusal = output
        except Refused as refused:
            refusal = refused.refusal
        assert self._action is not None and self._given is not None
        return self.written_error(self._action.error(refusal, self._given))

    def written(self, answered: Response) -> bytes:
        """The whole HTTP response that carries `answered`."""
        raise NotImplementedError

    def written_error(self, error: SqsError) -> bytes:
        """The whole HTTP response that carries `error`."""
        raise NotImplementedError


class JsonExchange(Exchange):
    """In AWS JSON 1.0."""

    __slots__ = ()

    def written(self, answered: Response) -> bytes:
        return response(200, awsjson.HEADERS + self._stamp, awsjson.write(answered), self._http)

    def written_error(self, error: SqsError) -> bytes:
        headers = awsjson.HEADERS + awsjson.error_header(error.kind) + self._stamp
        return response(error.kind.status, headers, awsjson.write_error(error), self._http)


class QueryExchange(Exchange):
    """In the query protocol. `action_name` is as asked, for the names of elements."""

    __slots__ = ("action_name",)

    def __init__(self, http: HttpRequest | None, stamp: bytes) -> None:
        super().__init__(http, stamp)
        self.action_name = ""

    def _request_id(self) -> str:
        return self._stamp[_REQUEST_ID].decode("ascii")

    def written(self, answered: Response) -> bytes:
        body = query.write(self.action_name, answered, self._request_id())
        return response(200, query.HEADERS + self._stamp, body, self._http)

    def written_error(self, error: SqsError) -> bytes:
        body = query.write_error(error, self._request_id())
        return response(error.kind.status, query.HEADERS + self._stamp, body, self._http)
