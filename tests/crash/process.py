"""A real server process: started, waited for, killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = "from oncemq.cli.main import main; main()"
READY_SECONDS = 60
CHECKPOINT_BYTES = 300_000
SEGMENT_BYTES = 1024 * 1024
POLL_SECONDS = 0.002
"""Another process's files announce nothing, so they are looked at again and again, with a deadline."""


class ServerProcess:
    """`oncemq serve` on one data folder. `port` and `amqp_port` are known once `wait_ready` has returned."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        command = [sys.executable, "-c", COMMAND, "serve", "--data", str(folder), "--sqs-port", "0"]
        command += ["--sqs-auth", "open", "--checkpoint-bytes", str(CHECKPOINT_BYTES), "--log-level", "warning"]
        command += ["--amqp-port", "0"]
        command += ["--segment-bytes", str(SEGMENT_BYTES)]
        self.began = time.monotonic()
        self.errors = folder.with_suffix(".log").open("ab")
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=self.errors)
        self.port = self.amqp_port = 0

    def wait_ready(self) -> float:
        """Seconds from the start of the process to its ready line."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline().decode() if readable else ""
        if not line.startswith("ready sqs="):
            raise AssertionError(f"the server did not start: {line!r}\n{self.log()}")
        self.port, self.amqp_port = (int(door.rpartition(":")[2]) for door in line.split()[1:])
        return time.monotonic() - self.began

    def busy_seconds(self) -> float:
        """Processor time that it has taken, to which a busy machine adds nothing. Elsewhere than on Linux: time."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return time.monotonic() - self.began
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wait_locked(self) -> bool:
        """Until it has taken its folder, right before it recovers; False if it has served or ended by then."""
        lock = self.folder / "lock"
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if lock.exists() and lock.read_text().strip() == str(self.process.pid):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def wait_checkpoint(self, seconds: float) -> bool:
        """Until a checkpoint is being written."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if is_checkpoint_half_done(self.folder):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def has_said_ready(self) -> bool:
        """Whether the ready line is there to be read."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(READY_SECONDS)
        self._close()
        return status

    def wait_end(self) -> int:
        """Its exit status, when it ends by itself."""
        status = self.process.wait(READY_SECONDS)
        self._close()
        return status

    def log(self) -> str:
        """What it wrote on standard error, and those before it on this folder."""
        return self.folder.with_suffix(".log").read_text()

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()


def checkpoint_numbers(folder: Path, kind: str) -> list[int]:
    """Numbers of the checkpoint files of a kind: data, temporary or manifest."""
    names = (path.name for path in folder.iterdir())
    return sorted(
        int(name.partition("-")[2].partition(".")[0], 16)
        for name in names
        if name.startswith("checkpoint-") and name.endswith(kind)
    )


def is_checkpoint_half_done(folder: Path) -> bool:
    """Whether there is data of a checkpoint that is not published."""
    published = checkpoint_numbers(folder, "manifest") or [0]
    return bool((checkpoint_numbers(folder, "data") or [0])[-1] > published[-1])


def segments(folder: Path) -> list[Path]:
    """The files of the journal, the oldest first."""
    return sorted(path for path in folder.iterdir() if path.name.startswith("segment-"))


def segments_deleted(folder: Path) -> int:
    """How many segments there have been and are no more."""
    there = segments(folder)
    return int(there[-1].name.partition("-")[2], 16) + 1 - len(there)
