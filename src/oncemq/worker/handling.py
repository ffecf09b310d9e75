"""A group of messages through one transaction: inbox row first, handler, outbox rows, health check, COMMIT.

`Handling.run` is a generator: it does all SQL itself and yields each call of a handler, so that the same code serves
sync
handlers on a thread and async ones on an event loop (`lanes/`). It returns what became of each message, and those are
committed facts: whoever gets them may acknowledge.

What it never does: acknowledge, sleep, speak to a broker.
"""

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from oncemq.worker import inbox, outbox, recording
from oncemq.worker.consumer import Consumer
from oncemq.worker.context import Context
from oncemq.worker.databases.database import Database, Health, Trouble, Wait
from oncemq.worker.message import Outgoing
from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import (
    Dead,
    Decision,
    Done,
    GiveBack,
    Known,
    Misuse,
    Skip,
    Skipped,
    TransactionLost,
)
from oncemq.worker.schema import DONE
from oncemq.worker.session import HandlerSession
from oncemq.worker.steps import reach
from oncemq.worker.work import Work


@dataclass(frozen=True, slots=True)
class Call:
    """Call this handler, and send back nothing or throw what it raised."""

    works: Sequence[Work]
    body: Any
    session: Any
    context: Context

    @property
    def consumer(self) -> Consumer:
        """Whose function it is."""
        return self.works[0].consumer


Handled = list[tuple[Work, Decision]]
Steps = Generator[Call, None, Handled]


RERUNS_MAX: Final = 10
"""Of a transaction that the database ended for another one's sake."""
BUSY_AFTER_S: Final = 1.0
"""When a message is given back because another transaction holds its row."""
GROUP_FAILED_S: Final = 1.0


class DatabaseAway(Exception):
    """Nothing can be decided now. The messages are to be given back."""


class Handling:
    """The database side of one lane."""

    def __init__(
        self,
        app: str,
        database: Database,
        engine: Engine,
        wait: Wait,
        open_session: Callable[[Connection], Any],
        middleware: Sequence[Middleware],
        publish_at_once: Callable[[Outgoing], None] | None = None,
    ) -> None:
        self.app = app
        self.database = database
        self.engine = engine
        self.wait = wait
        self.middleware = middleware
        self._open_session = open_session
        self._publish_at_once = publish_at_once
        self._owed: set[tuple[str, str]] = set()
        """Attempts that were counted, and given back when the database could not be told."""

    def run(self, group: Sequence[Work]) -> Steps:
        """What became of them, or of the first of them: a transaction that has lasted `gather_ms` takes no more.

        Raises DatabaseAway.
        """
        transact = self._transact_batch if len(group) > 1 and group[0].consumer.is_batch else self._transact
        for rerun in range(RERUNS_MAX + 1):
            handled: Handled = []
            try:
                yield from transact(group, handled)
            except _BatchFailed:
                return (yield from self._singly(group))
            except Exception as error:
                if self.database.trouble(error) is Trouble.CONFLICT and rerun < RERUNS_MAX:
                    continue
                return self._after_failure(group, error)
            break
        reach("after-commit")
        for _, decision in handled:
            recording.reach_recorded(decision)
        return handled

    def begin_attempt(self, work: Work) -> Decision | None:
        """Commit that an attempt on this message begins, before it does. A decision: it is not to run.

        For what was redelivered: it may kill its process, and then nobody is left to count. Raises DatabaseAway.
        """
        try:
            with self.database.writing(self.engine, self.wait) as connection, connection.begin():
                work.is_counted = (work.consumer.name, work.message_id) in self._owed
                recording.take_back_attempt(connection, work)
                decision = recording.begin_attempt(connection, self.app, work)
        except Exception as error:
            return self._after_failure([work], error)[0][1]
        self._owed.discard((work.consumer.name, work.message_id))
        reach("after-attempt")
        return decision

    def begin_once(self, work: Work) -> Decision | None:
        """Commit the inbox row before the handler runs: at most once. A decision: it began before. Raises
        DatabaseAway."""
        try:
            with self.database.writing(self.engine, self.wait) as connection, connection.begin():
                if inbox.claim(connection, work.consumer.name, work.message_id) is None:
                    return Known(DONE)
        except Exception as error:
            return self._after_failure([work], error)[0][1]
        work.is_claimed = True
        reach("after-attempt")
        return None

    def begin_fenced(self, work: Work) -> None:
        """Commit a fencing number for a run that is about to begin. Raises DatabaseAway."""
        try:
            with self.database.writing(self.engine, self.wait) as connection, connection.begin():
                work.fence = inbox.next_fence(connection, work.consumer.name)
        except Exception as error:
            raise DatabaseAway(str(error)) from error

    def record(self, work: Work, decision: Decision) -> Decision:
        """Commit a decision about a message that did not run, or whose run left nothing. Raises DatabaseAway."""
        try:
            with self.database.writing(self.engine, self.wait) as connection, connection.begin():
                recorded = recording.record(connection, self.app, work, decision)
        except Exception as error:
            return self._after_failure([work], error)[0][1]
        recording.reach_recorded(recorded)
        return recorded

    def decide(self, work: Work, error: BaseException) -> Decision:
        """What the middleware makes of a failure."""
        if isinstance(error, Skip):
            return Skipped()
        if work.is_claimed:
            return Dead(f"failed, and is to run at most once: {error}", error)
        for each in reversed(self.middleware):
            decision = each.failed(work, error)
            if decision is not None:
                return decision
        return Dead("no middleware decided", error)

    def _transact(self, group: Sequence[Work], handled: Handled) -> Generator[Call, None, None]:
        with self.database.writing(self.engine, self.wait) as connection:
            connection.begin()
            until = time.monotonic() + self.database.gather_ms / 1_000
            for work in group:
                handled.append((work, (yield from self._one(connection, work))))
                if time.monotonic() >= until:
                    break
            reach("before-commit", connection)
            connection.commit()
            reach("in-commit", connection)

    def _transact_batch(self, group: Sequence[Work], handled: Handled) -> Generator[Call, None, None]:
        """One call, one transaction, an inbox row each."""
        with self.database.writing(self.engine, self.wait) as connection:
            connection.begin()
            opened = self._open_session(connection)
            session: HandlerSession = getattr(opened, "sync_session", opened)
            try:
                known = [(work, self._claim(session, work)) for work in group]
                handled += [(work, decision) for work, decision in known if decision is not None]
                works = [work for work, decision in known if decision is None]
                if works:
                    yield from self._call_batch(works, opened, session)
                    handled += [(work, Done()) for work in works]
                else:
                    Session.commit(session)
            finally:
                _close(session)
            reach("before-commit", connection)
            connection.commit()
            reach("in-commit", connection)

    def _call_batch(self, works: Sequence[Work], opened: Any, session: HandlerSession) -> Generator[Call, None, None]:
        """Raises _BatchFailed, and what is the database's."""
        token = self.database.token(session.connection(), works[0].consumer.time_limit_s)
        context = self._context(works[0])
        context.batch = tuple(self._context(work) for work in works)
        failure = yield from self._call(Call(works, [work.body for work in works], opened, context))
        failure = failure or _misuse(session)
        if failure is None:
            failure = self._complete(session, context, token, works[0])
        if failure is not None:
            raise failure if self.database.trouble(failure) is not Trouble.HANDLER else _BatchFailed

    def _singly(self, group: Sequence[Work]) -> Steps:
        """A batch failed: each of its messages in a transaction of its own, so that one does not fail the others."""
        handled: Handled = []
        for work in group:
            handled += yield from self.run([work])
        return handled

    def _one(self, connection: Connection, work: Work) -> Generator[Call, None, Decision]:
        opened = self._open_session(connection)
        session: HandlerSession = getattr(opened, "sync_session", opened)
        try:
            known = self._claim(session, work)
            if known is not None:
                Session.commit(session)
                return known
            token = self.database.token(session.connection(), work.consumer.time_limit_s)
            context = self._context(work)
            body = work.body
            if work.consumer.is_batch:
                body, context.batch = [work.body], (self._context(work),)
            failure = yield from self._call(Call([work], body, opened, context))
            failure = failure or _misuse(session)
            if failure is None:
                failure = self._complete(session, context, token, work)
            if failure is None:
                return Done()
        finally:
            _close(session)
        return self._failed(connection, work, failure, token)

    def _claim(self, session: HandlerSession, work: Work) -> Known | None:
        connection = session.connection()
        if work.is_claimed:
            return None
        attempts = inbox.claim(connection, work.consumer.name, work.message_id)
        if attempts is None:
            row = inbox.find(connection, work.consumer.name, work.message_id)
            return Known(row.state if row else "gone")
        if not work.is_counted:
            work.attempt = attempts + 1
        reach("after-claim", connection)
        return None

    def _context(self, work: Work) -> Context:
        delivery, consumer = work.delivery, work.consumer
        return Context(
            work.message_id,
            work.attempt,
            delivery.queue,
            consumer.name,
            delivery.headers,
            redelivered=delivery.redelivered,
            fence=work.fence,
            publish_at_once=self._publish_at_once,
        )

    def _call(self, call: Call) -> Generator[Call, None, Exception | None]:
        called: list[tuple[Middleware, Work]] = []
        try:
            for each in self.middleware:
                for work in call.works:
                    each.before(work)
                    called.append((each, work))
            yield call
        except Exception as error:
            return error
        finally:
            call.context.end()
            for each, work in reversed(called):
                each.after(work)
        return None

    def _complete(self, session: HandlerSession, context: Context, token: Any, work: Work) -> Exception | None:
        """Outbox rows and the health check; the savepoint is released. What went wrong, if it is the handler's."""
        try:
            session.flush()
            health = self.database.health(session.connection(), token)
            if health is Health.ENDED:
                raise _Ended(work, "it is not the transaction that the handler was given")
            if health is Health.ABORTED:
                raise TransactionLost("the transaction is aborted: the handler swallowed a database error")
            outbox.add(session.connection(), self.app, context.published)
        except (sa.exc.SQLAlchemyError, TransactionLost) as error:
            return error
        try:
            Session.commit(session)
        except sa.exc.SQLAlchemyError as error:
            raise _Ended(work, str(error)) from error
        return None

    def _failed(self, connection: Connection, work: Work, error: Exception, token: Any) -> Decision:
        """Its effects are undone; what is decided is written instead."""
        if self.database.trouble(error) is not Trouble.HANDLER:
            raise error
        if not self.database.savepoints:
            connection.rollback()
            connection.begin()
        if self.database.health(connection, token) is Health.ENDED:
            raise _Ended(work, f"{type(error).__name__}: {error}")
        return recording.record(connection, self.app, work, self.decide(work, error))

    def _after_failure(self, group: Sequence[Work], error: Exception) -> Handled:
        """The outcome is unknown: what the inbox says on a new connection is true, the rest is given back."""
        trouble = self.database.trouble(error)
        try:
            with self.database.writing(self.engine, self.wait) as connection, connection.begin():
                return [(work, self._found(connection, work, error, trouble)) for work in group]
        except Exception as again:
            self._owed.update((work.consumer.name, work.message_id) for work in group if work.is_counted)
            raise DatabaseAway(str(again)) from again

    def _found(self, connection: Connection, work: Work, error: Exception, trouble: Trouble) -> Decision:
        if isinstance(error, _Ended) and error.work is work:
            return self._ended(connection, work, error)
        row = inbox.find(connection, work.consumer.name, work.message_id)
        if row is not None and row.state != "open":
            return Known(row.state)
        recording.take_back_attempt(connection, work)
        if trouble is Trouble.HANDLER:  # not this message's, or not known whose: not at once, or it would spin
            return GiveBack(f"its group failed: {error}", GROUP_FAILED_S)
        return GiveBack(trouble.value, BUSY_AFTER_S if trouble is Trouble.BUSY else 0.0)

    def _ended(self, connection: Connection, work: Work, error: "_Ended") -> Decision:
        """The handler ended its transaction. If by a commit its effects cannot be undone: it must not run again."""
        row = inbox.find(connection, work.consumer.name, work.message_id)
        if row is not None and row.state == DONE:
            misuse = Misuse(f"the handler committed its transaction by itself: {error}")
            return recording.record(connection, self.app, work, Dead(str(misuse), misuse), force=True)
        lost = TransactionLost(f"the transaction was rolled back under the handler: {error}")
        return recording.record(connection, self.app, work, self.decide(work, lost))


class _Ended(Exception):
    """The group's transaction was ended by a handler, or by a database error that it swallowed."""

    def __init__(self, work: Work, why: str) -> None:
        super().__init__(why)
        self.work = work


class _BatchFailed(Exception):
    """By its handler."""


def _misuse(session: HandlerSession) -> Misuse | None:
    return Misuse("a handler may not end its session") if session.ended_by_handler else None


def _close(session: HandlerSession) -> None:
    """Undo what was not committed. A connection that is gone has nothing to undo."""
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        Session.close(session)
