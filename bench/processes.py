"""The servers that are measured: started on free ports of loopback, stopped by their process id."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-bench"
START_SECONDS = 60
MEGABYTE = 1_000_000


class Process:
    """A server in a process of its own; `url` is where it serves."""

    def __init__(self, command: list[str], pattern: str, environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            self.url = self._wait(re.compile(pattern))
        except BaseException:  # an interrupt too leaves nothing behind
            self.stop()
            raise

    def _wait(self, pattern: re.Pattern[str]) -> str:
        assert self._process.stdout is not None
        began = time.monotonic()
        for line in self._process.stdout:
            found = pattern.search(line)
            if found:
                threading.Thread(target=self._drain, daemon=True).start()
                return found.group(1)
            if time.monotonic() - began > START_SECONDS:
                break
        raise RuntimeError(f"{self._process.args!r} did not start")

    def _drain(self) -> None:
        """A server whose log nobody reads stands still when the pipe is full."""
        assert self._process.stdout is not None
        for _ in self._process.stdout:
            pass

    @property
    def process_id(self) -> int:
        """Of the server."""
        return self._process.pid

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return memory_bytes(self.process_id)

    def cpu_seconds(self) -> float:
        """Time on a core until now, of all threads."""
        return cpu_seconds(self.process_id)

    def stop(self, *, kill: bool = False) -> None:
        """By its process id."""
        if self._process.poll() is None:
            (self._process.kill if kill else self._process.terminate)()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def memory_bytes(process_id: int) -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(process_id: int) -> float:
    """Time on a core, user and system, of all threads of a process."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def oncemq(data: Path | str, *options: str) -> Process:
    """This checkout's server; open mode unless `options` say otherwise."""
    mode = [] if "--sqs-auth" in options else ["--sqs-auth", "open"]
    command = [str(Path(sys.executable).parent / "oncemq"), "serve", "--data", str(data), "--sqs-port", "0"]
    command += ["--amqp-port", "off"]
    return Process([*command, "--log-level", "error", *mode, *options], r"ready .*sqs=(\S+)")


def oncemq_amqp(data: Path | str) -> Process:
    """This checkout's server, the AMQP door only; `url` is its port."""
    command = [str(Path(sys.executable).parent / "oncemq"), "serve", "--data", str(data), "--log-level", "error"]
    return Process([*command, "--sqs-port", "off", "--amqp-port", "0"], r"amqp=amqp://127.0.0.1:(\d+)")


def amqp_limit() -> Process:
    """The limit of the AMQP door; `url` is its port."""
    return Process([sys.executable, str(ROOT / "bench" / "limit_amqp.py")], r"amqp://127.0.0.1:(\d+)")


def limit() -> Process:
    """The limit."""
    return Process([sys.executable, str(ROOT / "bench" / "limit_http.py")], r"(http://\S+)")


def moto() -> Process:
    """Moto's server, in memory and unsigned; installed from the registry if it is not there."""
    if not (PEERS / "bin" / "moto_server").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(PEERS / "bin" / "pip"), "install", "--quiet", "moto[server]"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {"HOME": folder, "PYTHONUNBUFFERED": "1"}
        command = [str(PEERS / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        return Process(command, r"Running on (http://\S+)", environment)


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
