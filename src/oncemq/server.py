"""The composition root: the only place where the parts are wired together."""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import structlog

from oncemq.clock import Clock
from oncemq.config import (
    DEFAULT_SQS_PORT,
    Configuration,
    ConfigurationError,
    amqps_port_number,
    default_place,
    port_number,
)
from oncemq.core.commands import EndWaiting
from oncemq.core.outputs import Output
from oncemq.core.policies import Policy, invalid
from oncemq.core.refusals import Refusal
from oncemq.core.routed_commands import ConfigurePolicies
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.engine import Engine
from oncemq.engine.recovery import recover
from oncemq.engine.transient import TransientContents
from oncemq.journal.batch import BLOCK_BYTES
from oncemq.journal.disk import FolderDisk, lock_folder
from oncemq.memory import Memory
from oncemq.net.addresses import is_loopback
from oncemq.net.amqp_listener import AmqpConnection
from oncemq.net.http_listener import HttpConnection
from oncemq.net.listener import IDLE_MS, REQUEST_MS, Connections
from oncemq.net.runtime import AsyncioRuntime, Line
from oncemq.protocols.amqp.door import AmqpDoor
from oncemq.protocols.crossing import headers_of
from oncemq.protocols.passwords import Passwords
from oncemq.protocols.sqs.access import Access
from oncemq.protocols.sqs.door import SqsDoor
from oncemq.provisioning import configured, first_user, refusal_in_words

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
        self._memory = Memory(configuration.memory_limit_bytes)
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT. `ready` gets the line that says where. Raises JournalError, OSError,
        ConfigurationError.
        """
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
        is_new = not recovered.machine.state.system.identity_key
        engine.start(secrets.token_bytes(32), configuration.queue_name_reuse_seconds * 1000)
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
        await self._provision(engine, is_new)
        doors, listeners = await self._open_doors(engine, connections)
        self._keep_house(loop, engine, connections, disk, clock)
        ready("ready " + " ".join(doors))
        await self._stop.wait()
        await self._close(engine, connections, listeners, runtime)
        recovered.journal.close()
        recovered.store.close()
        lock.release()

    async def _provision(self, engine: Engine, is_new: bool) -> None:
        """Users, virtual hosts and permissions, as the configuration says. Raises ConfigurationError."""
        refused: list[Refusal] = []
        told = _Told(refused)
        if is_new:
            for command in first_user(self.configuration, secrets.token_bytes):
                engine.submit(command, told)
        for command in configured(self.configuration, engine.machine.state, secrets.token_bytes):
            engine.submit(command, told)
        engine.submit(ConfigurePolicies(self._policies), None)
        durable = asyncio.Event()
        engine.drain(durable.set)
        await durable.wait()
        if refused:
            raise ConfigurationError(f"users, vhosts and permissions: {refusal_in_words(refused[0])}")

    async def _open_doors(self, engine: Engine, connections: Connections) -> tuple[list[str], list[asyncio.Server]]:
        doors: list[str] = []
        listeners: list[asyncio.Server] = []
        configuration = self.configuration
        host = f"[{configuration.host}]" if ":" in configuration.host else configuration.host

        async def open_door(
            name: str, scheme: str, make: Callable[[], asyncio.BaseProtocol], port: int, tls: ssl.SSLContext | None
        ) -> None:
            listener = await _listen(make, configuration.host, port, tls)
            listeners.append(listener)
            doors.append(f"{name}={scheme}://{host}:{listener.sockets[0].getsockname()[1]}")

        port = port_number("sqs-port", configuration.sqs_port)
        if port is not None:
            certificate = _tls(configuration)
            door = SqsDoor(
                Access(configuration.sqs_auth, {key.id: (key.secret, key.account) for key in configuration.keys}),
                engine.machine.state.system.identity_key,
                default_region=configuration.region,
                tls=certificate is not None,
                default_authority=f"{host}:{port or DEFAULT_SQS_PORT}",
            )
            make = partial(HttpConnection, connections, engine, door)
            await open_door("sqs", "https" if certificate else "http", make, port, certificate)
        plain, secured = port_number("amqp-port", configuration.amqp_port), amqps_port_number(configuration)
        if plain is not None or secured is not None:
            speak = partial(AmqpConnection, connections, engine, self._amqp_door(engine.machine.state.users))
            if plain is not None:
                await open_door("amqp", "amqp", speak, plain, None)
            if secured is not None:
                await open_door("amqps", "amqps", speak, secured, _tls(configuration, for_amqp=True))
        return doors, listeners

    def _amqp_door(self, users: Iterable[str]) -> AmqpDoor:
        configuration = self.configuration
        if not is_loopback(configuration.host) and all(user in configuration.loopback_users for user in users):
            log.warning("amqp.nobody_may_log_in_from_elsewhere", host=configuration.host)
        line = Line(asyncio.get_running_loop(), "passwords")
        return AmqpDoor(
            Passwords(secrets.token_bytes(32), line.run),
            secrets.token_bytes(32),
            default_place=default_place(configuration),
            loopback_users=configuration.loopback_users,
            login_from=configuration.external_login if configuration.tls_client_authorities else None,
        )

    def _keep_house(
        self, loop: asyncio.AbstractEventLoop, engine: Engine, connections: Connections, disk: FolderDisk, clock: Clock
    ) -> None:
        engine.report_disk_space(disk.free_bytes(), self.configuration.disk_reserve_bytes)
        engine.report_memory(self._memory.used_bytes(), self._memory.limit_bytes)
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


class _Told:
    """Who asks for what is configured: what is refused is kept."""

    def __init__(self, refused: list[Refusal]) -> None:
        self._refused = refused

    def deliver(self, output: Output | Refusal) -> bool:
        """An Address's."""
        if isinstance(output, Refusal):
            self._refused.append(output)
        return True


def _tls(configuration: Configuration, *, for_amqp: bool = False) -> ssl.SSLContext | None:
    if configuration.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(configuration.tls_certificate, configuration.tls_key)
    except OSError as error:  # which does not say which file
        raise OSError(
            f"tls-certificate {configuration.tls_certificate}, tls-key {configuration.tls_key}: {error}"
        ) from error
    authorities = configuration.tls_client_authorities
    if for_amqp and authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except OSError as error:
            raise OSError(f"tls-client-authorities {authorities}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED if configuration.tls_client_required else ssl.CERT_OPTIONAL
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
