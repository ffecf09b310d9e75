"""Log lines that carry message id, attempt and consumer."""

from structlog import get_logger

from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import Again, Dead, Decision, Done, GiveBack, Known
from oncemq.worker.work import Work


class Logs(Middleware):
    """One line a message, at a level that says whether somebody should look."""

    def __init__(self) -> None:
        self._log = get_logger("oncemq.worker")

    def settled(self, work: Work, decision: Decision) -> None:
        about = {"consumer": work.consumer.name, "message_id": work.message_id, "attempt": work.attempt}
        match decision:
            case Done():
                self._log.debug("message.done", **about)
            case Known(state):
                self._log.info("message.known", state=state, **about)
            case Again(after_s, error):
                self._log.warning("message.again", after_s=round(after_s, 3), error=repr(error), **about)
            case Dead(reason, error):
                self._log.error("message.dead", reason=reason, error=repr(error), **about)
            case GiveBack(reason):
                self._log.info("message.given_back", reason=reason, **about)
            case _:
                self._log.info("message.skipped", **about)
