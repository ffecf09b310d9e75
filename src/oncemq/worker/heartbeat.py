"""What a worker process tells its supervisor through a pipe: that it is alive, and that it consumes.

It is written on the broker's thread, so a process that is stopped, or whose GIL is held, is silent. If nobody reads any
more the supervisor is dead, and the process ends itself in good order.
"""

import os
import signal
from typing import Final

VARIABLE: Final = "ONCEMQ_HEARTBEAT_DESCRIPTOR"
ALIVE: Final = b"."
READY: Final = b"r"


class Heartbeat:
    """The writing end, if there is a supervisor."""

    def __init__(self) -> None:
        given = os.environ.pop(VARIABLE, None)
        self._descriptor = None if given is None else int(given)
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)
            os.set_blocking(self._descriptor, False)

    @property
    def is_supervised(self) -> bool:
        """Whether somebody listens."""
        return self._descriptor is not None

    def beat(self, sign: bytes = ALIVE) -> None:
        """Never blocks: a full pipe has been heard of enough."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, sign)
        except BlockingIOError:
            return
        except BrokenPipeError:
            os.close(self._descriptor)
            self._descriptor = None
            os.kill(os.getpid(), signal.SIGTERM)
