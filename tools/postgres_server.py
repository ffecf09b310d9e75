"""PostgreSQL 15 from Debian as a process of its own: a cluster in a temporary folder, on loopback, stopped by its
process id.

It refuses to run as root, so that root runs it as Debian's user `postgres`. It ends with its parent.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
USER = "oncemq"
START_SECONDS = 30
SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300"}


def install() -> None:
    """Have it on this machine, without the cluster that Debian would make and start."""
    if (PROGRAMS / "postgres").exists():
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*root, "apt-get", "update", "-qq"], check=True)
    get = [*root, "apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    subprocess.run([*get, "postgresql-common"], check=True, stdout=subprocess.DEVNULL)
    configuration = "/etc/postgresql-common/createcluster.conf"
    subprocess.run(
        [*root, "sed", "-i", "s/^#\\?create_main_cluster.*/create_main_cluster = false/", configuration], check=True
    )
    subprocess.run([*get, "postgresql-15"], check=True, stdout=subprocess.DEVNULL)


class PostgresServer:
    """A cluster as it comes: fsync and synchronous_commit are on. Anybody on loopback may enter."""

    def __init__(self) -> None:
        install()
        self._as_user: list[str | Path] = ["setpriv"]
        folder = Path(tempfile.mkdtemp(prefix="oncemq-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            self._as_user += ["--reuid", "postgres", "--regid", "postgres", "--init-groups"]
        self._folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        made = [*self._as_user, PROGRAMS / "initdb", "-D", folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8"]
        subprocess.run([*made, "--no-locale", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    def start(self) -> None:
        """Start it, the first time or after `halt`; until it answers."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        program: list[str | Path] = [PROGRAMS / "postgres", "-D", self._folder / "data", "-p", str(self.port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, "--pdeathsig", "INT", *program], stdout=log, stderr=log, cwd=self._folder
            )
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                said = (self._folder / "log").read_text()[-2_000:]
                assert self._process.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.05)
            else:
                return

    def run(self, sql: str, database: str = "postgres") -> None:
        """One statement, outside a transaction."""
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            connection.execute(sql.encode())

    def database(self) -> str:
        """A new database. Its URL."""
        name = f"d{uuid.uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name}")
        return self._address(name)

    def halt(self) -> None:
        """End all sessions and the server, until `start`."""
        self._end(signal.SIGINT)

    def stop(self) -> None:
        """End it, and its folder."""
        if self._process is not None and self._process.poll() is None:
            self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _address(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "it was not started"
        self._process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(START_SECONDS)
            return
        self._process.kill()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
