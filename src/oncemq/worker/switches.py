"""Protections that tests and the demo switch off, to see that they are needed. Nobody else does.

`ONCEMQ_BREAK` names them, separated by commas:

inbox      no inbox row is written, so a second delivery runs again
outbox     what a handler publishes leaves at once, whatever becomes of its transaction
fence      the fencing number does not grow
ack-first  a message is acknowledged before its transaction
"""

import os
from typing import Final

NAMES: Final = frozenset({"inbox", "outbox", "fence", "ack-first"})


class UnknownSwitch(Exception):
    """`ONCEMQ_BREAK` names what is no protection."""


def broken(name: str) -> bool:
    """Whether this protection is switched off."""
    named = frozenset(filter(None, os.environ.get("ONCEMQ_BREAK", "").split(",")))
    if not named <= NAMES:
        raise UnknownSwitch(f"ONCEMQ_BREAK: {', '.join(sorted(named - NAMES))}; there are {', '.join(sorted(NAMES))}")
    return name in named
