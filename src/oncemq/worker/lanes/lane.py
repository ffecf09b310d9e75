"""What both kinds of lanes do with a group of deliveries: read the bodies, count what is suspect, run, tell what is
settled."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from structlog import get_logger

from oncemq.worker.bodies import InvalidBody
from oncemq.worker.handling import DatabaseAway, Handled, Handling, Steps
from oncemq.worker.lanes.backlog import Backlog
from oncemq.worker.lanes.gate import Gate
from oncemq.worker.outcomes import Dead, Decision, GiveBack
from oncemq.worker.work import Work

MESSAGE_ID_CHARACTERS_MAX: Final = 200
NO_ID: Final = "no message id: publish with one, or declare the consumer with id="

Settle = Callable[[Work, Decision], None]
Away = Callable[[], None]


class Lane(ABC):
    """Takes groups from its backlog until that is closed."""

    def __init__(self, handling: Handling, backlog: Backlog, gate: Gate, settle: Settle, database_away: Away) -> None:
        self.handling = handling
        self.backlog = backlog
        self.gate = gate
        self._settle = settle
        self._database_away = database_away
        self._log = get_logger("oncemq.worker")

    @abstractmethod
    def start(self) -> None:
        """Begin to take."""

    @abstractmethod
    def join(self, timeout_s: float) -> bool:
        """After the backlog was closed: wait for what runs. False: it still runs."""

    def process(self, group: list[Work]) -> Steps:
        """A group of one if the first is suspect."""
        handled: Handled = []
        ready = []
        for work in group:
            decision = self._prepare(work)
            if decision is None:
                ready.append(work)
            else:
                handled.append((work, self.handling.record(work, decision)))
        if ready:
            handled += yield from self.handling.run(ready)
        return handled

    def settle(self, group: list[Work], handled: Handled) -> None:
        """Tell what is committed; what was not reached is first in line again."""
        for work, decision in handled:
            for each in self.handling.middleware:
                each.settled(work, decision)
            self._settle(work, decision)
        if len(handled) < len(group):
            settled = {id(work) for work, _ in handled}
            left = [work for work in group if id(work) not in settled]
            if not self.backlog.put_back(left):
                self.give_back(left, "shutdown")

    def failed(self, group: list[Work], error: BaseException) -> None:
        """Nothing is known to be committed: give back."""
        if isinstance(error, DatabaseAway):
            self._log.warning("database.away", error=str(error))
            self._database_away()
        else:
            self._log.error("lane.failed", exc_info=error)
        self.give_back(group, f"{type(error).__name__}: {error}")

    def give_back(self, group: list[Work], reason: str) -> None:
        """Return them, unrun and uncounted."""
        for work in group:
            self._settle(work, GiveBack(reason))

    def _prepare(self, work: Work) -> Decision | None:
        """Its body, its id, its attempt. A decision: it is not to run."""
        consumer, delivery = work.consumer, work.delivery
        try:
            work.body = consumer.decode(delivery.body)
        except InvalidBody as error:
            work.message_id = delivery.message_id or ""
            return self.handling.decide(work, error)
        message_id = consumer.message_id(delivery, work.body)
        if message_id is None:
            return Dead(NO_ID)
        if len(message_id) > MESSAGE_ID_CHARACTERS_MAX:
            return Dead(f"a message id of more than {MESSAGE_ID_CHARACTERS_MAX} characters")
        work.message_id = message_id
        if consumer.effects == "at_most_once":
            return self.handling.begin_once(work)
        if delivery.redelivered:
            decision = self.handling.begin_attempt(work)
            if decision is not None:
                return decision
        if consumer.fenced:
            self.handling.begin_fenced(work)
        return None
