"""Named steps of a message's path, at which a test can kill or pause this process for real.

`ONCEMQ_STEP` arms one: `<step>:<action>[:<nth>]`, at the nth time (1 if not given) that this process reaches it.

kill   SIGKILL to this process
stop   SIGSTOP to this process: it sleeps until somebody sends SIGCONT
lose   the database connection is lost: closed, and an error to whoever uses it

`ONCEMQ_STEP_ONCE` names a file: whoever reaches the step first creates it, and only that process is hit, so that a
process started anew with the same environment goes on. Not armed, a step costs a look into an empty dictionary.
"""

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Final

from sqlalchemy.engine import Connection

STEPS: Final = (
    "before-claim",
    "after-claim",
    "before-commit",
    "in-commit",
    "after-commit",
    "before-ack",
    "after-ack",
    "after-attempt",
    "in-dead-lettering",
    "after-dead-lettering",
    "before-publish",
    "after-confirm",
    "after-mark",
    "after-retry-copy",
)
"""In the order in which a message meets them. after-claim: the inbox row is inserted. in-commit: COMMIT is sent (lose:
and its answer does not come). after-confirm: the broker has an outbox row's message, and the row is not marked yet."""

ACTIONS: Final = ("kill", "stop", "lose")


class ConnectionLost(ConnectionError):
    """The action `lose`: what a driver would say, in its own words."""


class UnknownStep(Exception):
    """`ONCEMQ_STEP` names a step or an action that is not there."""


def _armed() -> dict[str, tuple[str, Iterator[int], int]]:
    given = os.environ.get("ONCEMQ_STEP", "")
    if not given:
        return {}
    step, _, rest = given.partition(":")
    action, _, nth = rest.partition(":")
    if step not in STEPS or action not in ACTIONS:
        raise UnknownStep(f"ONCEMQ_STEP={given}")
    return {step: (action, itertools.count(1), int(nth or 1))}


_ARMED = _armed()


def reach(step: str, connection: Connection | None = None) -> None:
    """This process is at the step. It may not come back from here."""
    armed = _ARMED.get(step)
    if armed is None:
        return
    action, reached, nth = armed
    if next(reached) != nth or not _first():
        return
    if action == "lose":
        assert connection is not None, f"{step} has no connection to lose"
        connection.invalidate()
        raise ConnectionLost(step)
    # To this thread, for the whole process: sent to the process, it may be taken by another thread, and this one
    # was seen to run on for a moment, past the step.
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)


def _first() -> bool:
    path = os.environ.get("ONCEMQ_STEP_ONCE")
    if path is None:
        return True
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True
