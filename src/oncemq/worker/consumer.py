"""A consumer: a function, the queue it is for, and what its signature says about body, transaction and context."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from oncemq.worker.bodies import Decode, decoder
from oncemq.worker.context import Context
from oncemq.worker.message import Delivery
from oncemq.worker.outcomes import MisdeclaredConsumer
from oncemq.worker.retrying import Exponential

Effects = Literal["transactional", "at_most_once"]

TIME_LIMIT_S: Final = 60.0
DEAD_SUFFIX: Final = "-dead"
"""No dot: SQS takes none in a name but that of `.fifo`."""
FIFO: Final = ".fifo"
PREFETCH: Final = 32
BATCH_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Header:
    """For `id=`: the message id is in this header."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Consumer:
    """What a decorated function was declared as."""

    queue: str
    name: str
    """Part of the inbox's key: two consumers of one message each have their own row."""
    function: Callable[..., Any]
    decode: Decode
    is_async: bool
    batch_max: int
    """Messages in one call of a batch handler; 0: it takes one message."""
    session_at: str | None
    """The parameter that takes the transaction."""
    context_at: str | None
    retry: Exponential
    time_limit_s: float
    effects: Effects
    id_from: str | Header | None
    """None: the message id as the broker carries it. Text: a field of the body."""
    dead_queue: str
    prefetch: int
    fenced: bool

    @property
    def is_batch(self) -> bool:
        """Its function takes a list of bodies."""
        return self.batch_max > 0

    def arguments(self, session: Any, context: Context) -> dict[str, Any]:
        """What the function is called with beside the body."""
        given: dict[str, Any] = {}
        if self.session_at is not None:
            given[self.session_at] = session
        if self.context_at is not None:
            given[self.context_at] = context
        return given

    def message_id(self, delivery: Delivery, body: Any) -> str | None:
        """The id that makes two deliveries the same message, or None."""
        if self.id_from is None:
            return delivery.message_id or None
        if isinstance(self.id_from, Header):
            found = delivery.headers.get(self.id_from.name)
        else:
            found = body.get(self.id_from) if isinstance(body, dict) else getattr(body, self.id_from, None)
        return None if found is None or found == "" else str(found)


def dead_name(queue: str) -> str:
    """Where a queue's dead letters go unless the consumer says otherwise; a FIFO queue's go to one."""
    if queue.endswith(FIFO):
        return queue.removesuffix(FIFO) + DEAD_SUFFIX + FIFO
    return queue + DEAD_SUFFIX


def declare(
    function: Callable[..., Any],
    queue: str,
    *,
    name: str,
    retry: Exponential,
    time_limit_s: float,
    effects: Effects,
    id_from: str | Header | None,
    dead_queue: str | None,
    prefetch: int,
    fenced: bool,
    batch_max: int,
) -> Consumer:
    """Read a function's signature. Raises MisdeclaredConsumer."""
    is_async = inspect.iscoroutinefunction(function)
    body, session_at, context_at = _parameters(function, is_async)
    if get_origin(body) is not list:
        batch_max = 0
    elif effects == "at_most_once" or fenced:
        raise MisdeclaredConsumer(f"{name}: a batch handler is transactional, and not fenced")
    else:
        (body,) = get_args(body)
    if effects not in get_args(Effects):
        raise MisdeclaredConsumer(f"{name}: effects={effects!r}; there are {', '.join(get_args(Effects))}")
    return Consumer(
        queue, name, function, decoder(body), is_async, batch_max, session_at, context_at, retry, time_limit_s,
        effects, id_from, dead_queue or dead_name(queue), prefetch, fenced,
    )  # fmt: skip


def _parameters(function: Callable[..., Any], is_async: bool) -> tuple[Any, str | None, str | None]:
    where = function.__qualname__
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise MisdeclaredConsumer(f"{where}: {error}; a handler's types must be known where it is declared") from error
    first, *others = list(inspect.signature(function).parameters) or [""]
    if first not in hints:
        raise MisdeclaredConsumer(f"{where}: its first parameter is the body, and needs a type")
    session_at = context_at = None
    for name in others:
        kind = hints.get(name)
        if kind is Context:
            context_at = name
        elif kind in (Session, AsyncSession):
            if (kind is AsyncSession) != is_async:
                raise MisdeclaredConsumer(f"{where}: an async function takes AsyncSession, another one Session")
            session_at = name
        else:
            raise MisdeclaredConsumer(f"{where}: {name} is none of Session, AsyncSession, Context")
    return hints[first], session_at, context_at
