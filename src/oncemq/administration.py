"""Changes to users, virtual hosts and permissions in a data folder that no server holds: the same commands, through the
same engine and journal, as a server would decide them.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from oncemq.clock import Clock
from oncemq.core.commands import Command
from oncemq.core.host import Partition
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal
from oncemq.core.system_commands import SetUser
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.engine import Engine
from oncemq.engine.recovery import recover
from oncemq.journal.disk import FolderDisk, lock_folder
from oncemq.net.runtime import AsyncioRuntime
from oncemq.protocols.passwords import SALT_BYTES, hash_password

Answers = list[Output | Refusal]


class NoDataFolder(Exception):
    """No server has been started on this folder."""


class _Asker:
    """Keeps what is answered."""

    def __init__(self) -> None:
        self.answers: Answers = []

    def deliver(self, output: Output | Refusal) -> bool:
        """An Address's."""
        self.answers.append(output)
        return True


def administer(folder: Path, ask: Callable[[Partition], Iterable[Command]]) -> Answers:
    """Decide what `ask` gives for the state as it stands; the answers, when all is durable.

    Raises NoDataFolder, JournalError (FolderLocked: a server holds it), OSError.
    """
    if not any(folder.glob("segment-*")):
        raise NoDataFolder(f"{folder}: no server has been started on it")
    return asyncio.run(_administer(folder, ask))


async def _administer(folder: Path, ask: Callable[[Partition], Iterable[Command]]) -> Answers:
    lock = lock_folder(folder)
    recovered = recover(FolderDisk(folder), secrets.token_bytes(16))
    clock = Clock(recovered.journal.last_now_ms)
    runtime = AsyncioRuntime(asyncio.get_running_loop(), clock)
    checkpointer = Checkpointer(recovered.machine, recovered.journal, recovered.store, runtime)
    engine = Engine(recovered.machine, recovered.journal, Contents(recovered.journal), checkpointer, runtime)
    asker, durable = _Asker(), asyncio.Event()
    for command in ask(recovered.machine.state):
        engine.submit(command, asker)
    engine.drain(durable.set)
    await durable.wait()
    await runtime.end()
    recovered.journal.close()
    recovered.store.close()
    lock.release()
    return asker.answers


def changed_user(state: Partition, name: str, password: str | None, tags: list[str] | None) -> SetUser:
    """A user with what is given, and what it has where nothing is. `password` "": none lets it in."""
    user = state.users.get(name)
    if password is None:
        password_hash = user.password_hash if user is not None else ""
    else:
        password_hash = hash_password(password, secrets.token_bytes(SALT_BYTES)) if password else ""
    return SetUser(name, password_hash, tags if tags is not None else user.tags if user is not None else [])
