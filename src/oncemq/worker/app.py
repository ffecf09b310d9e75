"""The application: which broker, which database, which consumers; and publishing outside handlers."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from oncemq.worker import outbox, requests
from oncemq.worker.bodies import encode
from oncemq.worker.brokers.opening import broker as open_broker
from oncemq.worker.consumer import BATCH_MAX, PREFETCH, TIME_LIMIT_S, Consumer, Effects, Header, declare
from oncemq.worker.context import CURRENT
from oncemq.worker.databases.opening import open_database
from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import MisdeclaredConsumer, OutsideTransaction
from oncemq.worker.retrying import Exponential
from oncemq.worker.session import HandlerSession

LEASE_S: Final = 30.0

Function = TypeVar("Function", bound=Callable[..., Any])


class App:
    """What `oncemq worker module:app` runs.

    name tells applications that share a database apart: it is part of their consumers' names, and each publishes its
    own outbox rows. It must stay the same for as long as messages may come again.
    """

    def __init__(
        self,
        *,
        broker: str,
        database: str,
        name: str = "app",
        lease_s: float = LEASE_S,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self.name = name
        self.lease_s = lease_s
        self.middleware = tuple(middleware)
        self.consumers: list[Consumer] = []
        self.broker_url = broker
        self.open_link = open_broker(broker)
        self.database = open_database(database)

    def consumer(
        self,
        queue: str,
        *,
        name: str | None = None,
        retry: Exponential | None = None,
        time_limit_s: float = TIME_LIMIT_S,
        effects: Effects = "transactional",
        id: str | Header | None = None,  # noqa: A002
        dead_queue: str | None = None,
        prefetch: int = PREFETCH,
        fenced: bool = False,
        batch_max: int = BATCH_MAX,
    ) -> Callable[[Function], Function]:
        """Declare a function as what handles a queue's messages. Raises MisdeclaredConsumer.

        name: part of the inbox's key, the queue's name unless given. id: the field of the body, or `Header(name)`, that
        holds the message id of messages that are not published through an outbox. fenced: `ctx.fence` is wanted.
        batch_max: how many messages a batch handler (`orders: list[Order]`) is given at most.
        """

        def decorate(function: Function) -> Function:
            declared = declare(
                function,
                queue,
                name=f"{self.name}.{name or queue}",
                retry=retry or Exponential(),
                time_limit_s=time_limit_s,
                effects=effects,
                id_from=id,
                dead_queue=dead_queue,
                prefetch=prefetch,
                fenced=fenced,
                batch_max=batch_max,
            )
            if any(declared.queue == each.queue or declared.name == each.name for each in self.consumers):
                raise MisdeclaredConsumer(f"{declared.name}: its queue or its name has a consumer already")
            self.consumers.append(declared)
            return function

        return decorate

    def publish_sync(
        self,
        queue: str,
        body: Any,
        *,
        tx: Session,
        headers: dict[str, Any] | None = None,
        ordering_key: str | None = None,
    ) -> str:
        """Send a message when this session's transaction commits. Its id. Raises OutsideTransaction in a handler,
        for another session."""
        _refuse_outside(tx)
        message = outbox.message(queue, encode(body), headers=headers, ordering_key=ordering_key)
        connection: Connection = tx.connection()
        outbox.add(connection, self.name, [message])
        return message.message_id

    async def publish(
        self,
        queue: str,
        body: Any,
        *,
        tx: AsyncSession | Session,
        headers: dict[str, Any] | None = None,
        ordering_key: str | None = None,
    ) -> str:
        """The same, for either kind of session."""

        def add(session: Session) -> str:
            return self.publish_sync(queue, body, tx=session, headers=headers, ordering_key=ordering_key)

        return await tx.run_sync(add) if isinstance(tx, AsyncSession) else add(tx)

    def begin_request(self, *, tx: Session, client: str, key: str, body: bytes) -> bytes | None:
        """First thing in a web endpoint's transaction: the answer that this (client, Idempotency-Key) was given, or
        None.

        After None: do the work, and `answer_request` in the same transaction. Raises requests.OtherBody (HTTP 422).
        """
        return requests.begin(tx, self.name, client, key, body)

    def answer_request(self, *, tx: Session, client: str, key: str, answer: bytes) -> None:
        """What a repetition of this request is answered."""
        requests.answer(tx, self.name, client, key, answer)


def _refuse_outside(session: Session) -> None:
    if CURRENT.get() is not None and not isinstance(session, HandlerSession):
        raise OutsideTransaction(
            "a handler publishes in its own transaction: use ctx.publish, or the session it was given"
        )
