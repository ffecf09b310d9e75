"""The composition root: the only place where the parts are wired together."""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from oncemq.clock import Clock
from oncemq.config import DEFAULT_SQS_PORT, Configuration, ConfigurationError, port_number
from oncemq.core.commands import EndWaiting
from oncemq.core.policies import Policy, invalid
from oncemq.core.routed_commands import ConfigurePolicies
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.engine import Engine
from oncemq.engine.recovery import recover
from oncemq.engine.transient import TransientContents
from oncemq.journal.batch import BLOCK_BYTES
from oncemq.journal.disk import FolderDisk, lock_folder
from oncemq.net.amqp_listener import AmqpConnection
from oncemq.net.http_listener import HttpConnection
from oncemq.net.listener import IDLE_MS, REQUEST_MS, Connections
from oncemq.net.runtime import AsyncioRuntime
from oncemq.protocols.amqp.door import AmqpDoor, Users
from oncemq.protocols.crossing import headers_of
from oncemq.protocols.sqs.access import Access
from oncemq.protocols.sqs.door import SqsDoor

LISTEN_BACKLOG = 4_096
HOUSEKEEPING_SECONDS = 1.0
MACOS_OPEN_FILES = 10_240
"""OPEN_MAX: what macOS allows where it says that there is no limit."""

log = structlog.get_logger()


class Server:
    """One process that serves one data folder."""

    def __init__(self, configuration: Configuration, idle_ms: int = IDLE_MS, request_ms: int = REQUEST_MS) -> None:
        self.configuration = configuration
        self._policies = policies_of(configuration)
        self._idle_ms, self._request_ms = idle_ms, request_ms
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT. `ready` gets the line that says where. Raises JournalError, OSError."""
        configuration = self.configuration
        began = time.monotonic()
        folder = Path(configuration.data)
        lock = lock_folder(folder)
        disk = FolderDisk(folder)
        transient = TransientContents(disk, configuration.transient_memory_bytes)
        recovered = recover(disk, secrets.token_bytes(16), configuration.segment_bytes & -BLOCK_BYTES, transient)
        recovered.machine.state.headers_of = headers_of
        loop = asyncio.get_running_loop()
        clock = Clock(recovered.journal.last_now_ms)
        runtime = AsyncioRuntime(loop, clock)
        checkpointer = Checkpointer(recovered.machine, recovered.journal, recovered.store, runtime)
        checkpointer.every_bytes = configuration.checkpoint_bytes
        contents = Contents(recovered.journal)
        engine = Engine(recovered.machine, recovered.journal, contents, checkpointer, runtime)
        engine.start(secrets.token_bytes(32), configuration.queue_name_reuse_seconds * 1000)
        engine.submit(ConfigurePolicies(self._policies), None)
        connections = Connections(clock.now_ms, idle_ms=self._idle_ms, request_ms=self._request_ms)
        engine.on_congestion = connections.congestion
        log.info(
            "server.recovered",
            batches=recovered.replayed_batches,
            records=recovered.replayed_records,
            seconds=round(time.monotonic() - began, 3),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        doors, listeners = await self._open_doors(engine, connections)
        self._keep_house(loop, engine, connections, disk, clock)
        ready("ready " + " ".join(doors))
        await self._stop.wait()
        await self._close(engine, connections, listeners, runtime)
        recovered.journal.close()
        recovered.store.close()
        lock.release()

    async def _open_doors(self, engine: Engine, connections: Connections) -> tuple[list[str], list[asyncio.Server]]:
        doors: list[str] = []
        listeners: list[asyncio.Server] = []
        configuration = self.configuration
        port = port_number("sqs-port", configuration.sqs_port)
        if port is not None:
            certificate = _tls(configuration)
            host = f"[{configuration.host}]" if ":" in configuration.host else configuration.host
            door = SqsDoor(
                Access(configuration.sqs_auth, {key.id: (key.secret, key.account) for key in configuration.keys}),
                engine.machine.state.system.identity_key,
                default_region=configuration.region,
                tls=certificate is not None,
                default_authority=f"{host}:{port or DEFAULT_SQS_PORT}",
            )
            make = partial(HttpConnection, connections, engine, door)
            listener = await _listen(make, configuration.host, port, certificate)
            listeners.append(listener)
            bound = listener.sockets[0].getsockname()[1]
            doors.append(f"sqs={'https' if certificate else 'http'}://{host}:{bound}")
        await self._open_amqp(engine, connections, doors, listeners)
        return doors, listeners

    async def _open_amqp(
        self, engine: Engine, connections: Connections, doors: list[str], listeners: list[asyncio.Server]
    ) -> None:
        configuration = self.configuration
        port = port_number("amqp-port", configuration.amqp_port)
        if port is not None:
            certificate = _tls(configuration)
            users = Users({user.name: user.password for user in configuration.users})
            door = AmqpDoor(users)
            door.reply_secret = secrets.token_hex(8)
            make = partial(AmqpConnection, connections, engine, door)
            listener = await _listen(make, configuration.host, port, certificate)
            listeners.append(listener)
            host = f"[{configuration.host}]" if ":" in configuration.host else configuration.host
            bound = listener.sockets[0].getsockname()[1]
            doors.append(f"amqp={'amqps' if certificate else 'amqp'}://{host}:{bound}")

    def _keep_house(
        self, loop: asyncio.AbstractEventLoop, engine: Engine, connections: Connections, disk: FolderDisk, clock: Clock
    ) -> None:
        engine.report_disk_space(disk.free_bytes(), self.configuration.disk_reserve_bytes)
        connections.close_overdue()
        clock.log_step()
        if not self._stop.is_set():
            loop.call_later(HOUSEKEEPING_SECONDS, self._keep_house, loop, engine, connections, disk, clock)

    async def _close(
        self, engine: Engine, connections: Connections, listeners: list[asyncio.Server], runtime: AsyncioRuntime
    ) -> None:
        log.info("server.draining", connections=len(connections))
        for listener in listeners:
            listener.close()
        engine.submit(EndWaiting(), None)
        await connections.drain(self.configuration.drain_seconds)
        drained = asyncio.Event()
        engine.drain(drained.set)
        await drained.wait()
        await runtime.end()
        log.info("server.stopped")


def policies_of(configuration: Configuration) -> dict[str, list[Policy]]:
    """Virtual host → its policies. ConfigurationError for one that cannot be."""
    found: dict[str, list[Policy]] = {}
    for given in configuration.policies:
        policy = Policy(
            given.name, given.pattern, given.definition, given.apply_to, given.priority, given.operator, configured=True
        )
        refused = invalid(policy)
        if refused is not None:
            raise ConfigurationError(f"policies: {refused.name}: {refused.why}")
        found.setdefault(given.vhost, []).append(policy)
    return found


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    if configuration.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(configuration.tls_certificate, configuration.tls_key)
    except OSError as error:  # which does not say which file
        raise OSError(
            f"tls-certificate {configuration.tls_certificate}, tls-key {configuration.tls_key}: {error}"
        ) from error
    return context


async def _listen(
    make: Callable[[], asyncio.BaseProtocol], host: str, port: int, certificate: ssl.SSLContext | None
) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(make, host, port, ssl=certificate, backlog=LISTEN_BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise OSError(f"cannot listen on {host}, port {port}: {why}") from error


def allow_many_files() -> None:
    """Raise the soft limit of open files as far as it goes: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, MACOS_OPEN_FILES):
        if wanted == resource.RLIM_INFINITY or wanted > soft or soft == resource.RLIM_INFINITY:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return
