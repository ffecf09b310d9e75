"""How much memory the process has, and how much it may have before publishers wait.

Resident memory, as /proc says it. Where there is no /proc it is not known, and nobody waits.
"""

import ctypes
import os
from pathlib import Path

SHARE_PERCENT = 60
"""Of the machine's memory (or of its control group's), where no limit is given."""
_STATM = Path("/proc/self/statm")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class Memory:
    """The process's memory; `limit_bytes` 0: SHARE_PERCENT of what there is."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes or machine_bytes() * SHARE_PERCENT // 100
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def used_bytes(self) -> int:
        """What is resident; above the limit after what is free has been given back to the system. 0: not known."""
        used_bytes = self._resident_bytes()
        if used_bytes > self.limit_bytes and self._trim is not None:
            self._trim(0)
            used_bytes = self._resident_bytes()
        return used_bytes

    def _resident_bytes(self) -> int:
        try:
            return int(_STATM.read_text().split()[1]) * self._page_bytes
        except OSError:
            return 0


def machine_bytes() -> int:
    """The memory of the machine, or what its control group allows if that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        allowed = _GROUP_LIMIT.read_text().strip()
    except OSError:
        return machine
    return min(machine, int(allowed)) if allowed.isdigit() else machine
