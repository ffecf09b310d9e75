"""What is written about a message that failed, is dead or is about to run alone. On a connection, inside its
transaction."""

from sqlalchemy.engine import Connection

from oncemq.worker import inbox, outbox
from oncemq.worker.dead_letter import dead_letter
from oncemq.worker.outcomes import Again, Dead, Decision, Known, Skipped
from oncemq.worker.schema import DEAD, DONE
from oncemq.worker.steps import reach
from oncemq.worker.work import Work

KILLER = "its process died in every attempt"


def record(connection: Connection, app: str, work: Work, decision: Decision, *, force: bool = False) -> Decision:
    """Write a decision; the one that holds: another copy of the message may have been settled meanwhile.

    force: a dead letter even if its inbox row is done, since the handler committed it by itself.
    """
    name, message_id = work.consumer.name, work.message_id
    match decision:
        case Again(_, error):
            if work.is_counted:
                inbox.note_error(connection, name, message_id, _text(error))
            elif inbox.count_attempt(connection, name, message_id, _text(error)) is None:
                return Known(DONE)
        case Dead(reason):
            forced = force or work.is_claimed
            if message_id and not inbox.close(connection, name, message_id, DEAD, reason, force=forced):
                return Known(DONE)
            outbox.add(connection, app, [dead_letter(work, decision)])
            reach("in-dead-lettering", connection)
        case Skipped():
            if not work.is_claimed and not inbox.close(connection, name, message_id, DONE):
                return Known(DONE)
    return decision


def reach_recorded(decision: Decision) -> None:
    """The step after a dead letter's commit."""
    if isinstance(decision, Dead):
        reach("after-dead-lettering")


def begin_attempt(connection: Connection, app: str, work: Work) -> Decision | None:
    """Count the attempt that is about to begin. A decision: it is settled, or dead by it."""
    number = inbox.count_attempt(connection, work.consumer.name, work.message_id, None)
    if number is None:
        row = inbox.find(connection, work.consumer.name, work.message_id)
        return Known(row.state if row else "gone")
    work.attempt, work.is_counted = number, True
    if number > work.consumer.retry.attempts:
        work.attempt = number - 1
        return record(connection, app, work, Dead(KILLER))
    return None


def take_back_attempt(connection: Connection, work: Work) -> None:
    """It did not run for a reason that is not its own."""
    if work.is_counted:
        inbox.uncount_attempt(connection, work.consumer.name, work.message_id)
        work.is_counted = False


def _text(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {error}"[: inbox.ERROR_CHARACTERS_MAX]
