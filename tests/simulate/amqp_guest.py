"""The one user of the simulated server, and a door that lets it in. Its password is hashed once a process, not once a
life: that is slow on purpose.
"""

from __future__ import annotations

from functools import cache

from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal
from oncemq.core.system_commands import SetPermission, SetUser
from oncemq.core.user import Permission
from oncemq.engine.engine import Engine
from oncemq.protocols.amqp.door import AmqpDoor
from oncemq.protocols.passwords import SALT_BYTES, Passwords, hash_password

GUEST = "guest"


class Nobody:
    """Wants no answer."""

    def deliver(self, output: Output | Refusal) -> bool:
        """An Address's."""
        assert not isinstance(output, Refusal)
        return True


@cache
def _passwords() -> tuple[Passwords, str]:
    return Passwords(bytes(32), lambda job, done: done(job(), None)), hash_password(GUEST, bytes(SALT_BYTES))


def door_of(engine: Engine) -> AmqpDoor:
    """A door to this engine, whose guest is there; from the second life on that is no news."""
    passwords, password_hash = _passwords()
    engine.submit(SetUser(GUEST, password_hash, []), Nobody())
    engine.submit(SetPermission(GUEST, "/", Permission(".*", ".*", ".*")), Nobody())
    return AmqpDoor(passwords, bytes(32))
