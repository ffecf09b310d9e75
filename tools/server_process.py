"""A server as a process of its own: started through its command, stopped or killed by its process id.

For the demo and for tests that need the real thing.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 30
COMMAND = Path(sys.executable).with_name("oncemq")


class ServerDidNotStart(Exception):
    """The message is what it said on standard error."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of OnceMQ or AWS that a developer may have, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ONCEMQ_", "AWS_"))}
    return kept | more


class ServerProcess:
    """`oncemq serve` on a data folder; its logs go to a file beside that folder."""

    def __init__(
        self,
        data: Path,
        *options: str,
        port: int = 0,
        amqp_port: int | str = "off",
        amqps_port: int | str = "off",
        env: dict[str, str] | None = None,
        command: Sequence[str] = (str(COMMAND),),
    ) -> None:
        self.data = data
        self.command = command
        self.options = options
        self.port = port
        self.amqp_port = amqp_port
        self.amqps_port = amqps_port
        self.log = data.with_name(data.name + ".log")
        self.url = ""
        self._env = environment() if env is None else env
        self._process: subprocess.Popen[str] | None = None

    @property
    def process_id(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> "ServerProcess":
        """Start it and wait until it is ready. A port found free at the first start is kept for all later ones."""
        ports = ["--sqs-port", str(self.port), "--amqp-port", str(self.amqp_port), "--amqps-port", str(self.amqps_port)]
        arguments = [*self.command, "serve", "--data", str(self.data), *ports, *self.options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=self._env
            )
        doors = dict(door.split("=", 1) for door in self._read_ready_line().split()[1:])
        self.url = doors["sqs"]
        self.port = int(self.url.rpartition(":")[2])
        if "amqp" in doors:
            self.amqp_port = int(doors["amqp"].rpartition(":")[2])
        if "amqps" in doors:
            self.amqps_port = int(doors["amqps"].rpartition(":")[2])
        return self

    def _read_ready_line(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if select.select([self._process.stdout], [], [], 0.1)[0]:
                line = self._process.stdout.readline().strip()
                if line.startswith("ready "):
                    return line
                break
        self.kill()
        raise ServerDidNotStart(self.log.read_text()[-2000:])

    def kill(self) -> None:
        """SIGKILL: no chance to say goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as an operator stops it. Its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None, "it was not started"
        if process.poll() is None:
            process.send_signal(number)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return status
