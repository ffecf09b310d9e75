"""Debian's rabbitmq-server as the AMQP peer: on loopback, on ports of its own, stopped by its process id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.processes import cpu_seconds, free_port, memory_bytes

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_SECONDS = 60


def install() -> None:
    """Have the server, and what the load generator is built with, on this machine."""
    if not Path(SERVER).exists() or not Path("/usr/include/amqp.h").exists():
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        packages = ["rabbitmq-server", "librabbitmq-dev"]
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], check=True, stdout=subprocess.DEVNULL)


class RabbitMq:
    """A node with classic queues, as it comes."""

    def __init__(self) -> None:
        self.port, distribution, mapper = free_port(), free_port(), free_port()
        self._folder = tempfile.mkdtemp(prefix="rabbitmq-")
        environment = {
            **os.environ,
            "HOME": self._folder,
            "RABBITMQ_NODENAME": f"bench{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": f"{self._folder}/data",
            "RABBITMQ_LOG_BASE": f"{self._folder}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self._folder}/plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper),
        }
        Path(f"{self._folder}/plugins").write_text("[].\n")
        self._mapper = subprocess.Popen(
            ["epmd", "-port", str(mapper), "-address", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        log = (Path(self._folder) / "output").open("w")
        self._process = subprocess.Popen(
            [SERVER], env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            self._wait()
        except BaseException:  # an interrupt too leaves nothing behind
            self.stop()
            raise

    def _wait(self) -> None:
        began = time.monotonic()
        while time.monotonic() - began < START_SECONDS:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.2)
        raise RuntimeError("rabbitmq-server did not start")

    def _members(self) -> list[int]:
        """Process ids of the node and its helpers."""
        members = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                number = int(folder.name)
                if os.getsid(number) == self._process.pid:
                    members.append(number)
        return members

    def memory_bytes(self) -> int:
        """Resident memory now."""
        return sum(map(memory_bytes, self._members()))

    def cpu_seconds(self) -> float:
        """Time on a core until now, of all processes and threads."""
        return sum(map(cpu_seconds, self._members()))

    def stop(self) -> None:
        """The node, its helpers, the mapper; and its folder."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._mapper.kill()
        self._mapper.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
