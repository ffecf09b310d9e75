"""A small server over a forgetful disk, its lines run by hand: for tests of one moment."""

from __future__ import annotations

import random
from typing import Any

from oncemq.core import commands
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.engine import Engine
from oncemq.engine.recovery import Recovered, recover
from tests.simulate.askers import HOST
from tests.simulate.disk import ForgetfulDisk
from tests.simulate.facts import content_of
from tests.simulate.runtime import SeededRuntime
from tests.simulate.settling import runtime_idle

SEGMENT_BYTES = 8 * 1024
QUEUE = "q"


class Client:
    """Takes every answer."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def deliver(self, output: Any) -> bool:
        self.answers.append(output)
        return True


class Server:
    """One queue with one message in segment 0; the journal has gone on to later segments."""

    def __init__(self) -> None:
        self.disk = ForgetfulDisk()
        self.disk.cached = False
        self.runtime = SeededRuntime(random.Random(1), 1_000)
        self.recovered = started(self.disk)
        machine, journal, store = self.recovered.machine, self.recovered.journal, self.recovered.store
        self.checkpointer = Checkpointer(machine, journal, store, self.runtime)
        self.checkpointer.every_bytes = 1 << 40
        self.engine = Engine(machine, journal, Contents(journal, maximum_bytes=0), self.checkpointer, self.runtime)
        self.client = Client()
        self.engine.start(bytes(32), 0)
        self.ask(commands.CreateQueue(HOST, QUEUE, None, {}, {}))
        message = commands.NewMessage(content_of("m0", 1), 10)
        self.ask(commands.SendMessages(HOST, QUEUE, None, [message]))
        for at in range(6):
            self.ask(commands.TagQueue(HOST, QUEUE, None, {"at": str(at)}))

    def ask(self, command: commands.Command) -> None:
        """Ask, and run until it is answered and all is still."""
        self.engine.submit(command, self.client)
        runtime_idle(self.runtime)

    def checkpoint_begins(self) -> None:
        """With the next batch; nothing of it is written yet."""
        self.checkpointer.every_bytes = 1
        self.engine.submit(commands.TagQueue(HOST, QUEUE, None, {"at": "checkpoint"}), self.client)
        self.run("loop")
        assert self.checkpointer.under_way
        self.checkpointer.every_bytes = 1 << 40

    def run(self, *lines: str) -> None:
        """Only these lines, and the loop, until they have nothing to do."""
        while True:
            while self.runtime._soon:
                self.runtime._run_soon()
            line = next((self.runtime.lines[name] for name in lines if name != "loop" and self._has_work(name)), None)
            if line is None:
                return
            if line.jobs:
                line.do_next()
            line.tell_next()

    def _has_work(self, name: str) -> bool:
        return bool(self.runtime.lines[name].jobs or self.runtime.lines[name].finished)


def started(disk: ForgetfulDisk) -> Recovered:
    return recover(disk, bytes(16), SEGMENT_BYTES)
