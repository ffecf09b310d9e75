"""Lets many groups of messages run together, or one suspect message alone in its process."""

import threading


class Gate:
    """Shared by all lanes of a process. Who waits to be alone goes before those who come after it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        self._waiting = 0

    def try_enter(self) -> bool:
        """Enter with others, if nobody is or waits to be alone."""
        with self._changed:
            if self._alone or self._waiting:
                return False
            self._together += 1
            return True

    def enter(self) -> None:
        """Enter with others, when that is possible."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._together += 1

    def leave(self) -> None:
        """After `enter` and `try_enter`."""
        with self._changed:
            self._together -= 1
            self._changed.notify_all()

    def enter_alone(self) -> None:
        """Enter when everybody has left."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._alone and not self._together)
            self._waiting -= 1
            self._alone = True

    def leave_alone(self) -> None:
        """After `enter_alone`."""
        with self._changed:
            self._alone = False
            self._changed.notify_all()
