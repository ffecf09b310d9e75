"""Bodies that do not parse or do not fit the handler's type are rejected at once: they will not get better."""

from oncemq.worker.bodies import InvalidBody
from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import Dead, Decision
from oncemq.worker.work import Work


class Validation(Middleware):
    """Decides about InvalidBody, which is raised where the body is read."""

    def failed(self, work: Work, error: BaseException) -> Decision | None:
        return Dead(f"invalid body: {error}", error) if isinstance(error, InvalidBody) else None
