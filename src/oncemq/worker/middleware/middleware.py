"""The shape of a middleware: it looks at a message before and after its handler, and may decide about a failure.

The methods run on the thread of the handler, and never suspend.
"""

from oncemq.worker.outcomes import Decision
from oncemq.worker.work import Work


class Middleware:
    """Override what you need. They are asked in order, after and failed in the reverse order."""

    def before(self, work: Work) -> None:
        """The handler is about to run. What it raises counts as the handler's error."""

    def after(self, work: Work) -> None:
        """The handler returned or raised."""

    def failed(self, work: Work, error: BaseException) -> Decision | None:
        """Decide about an error; None leaves it to the next."""
        return None

    def settled(self, work: Work, decision: Decision) -> None:
        """The decision is committed."""
