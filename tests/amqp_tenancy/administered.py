"""`oncemq` that can be told to change users, virtual hosts and permissions while it runs, for tests, as long as no door
does: `python -m tests.amqp_tenancy.administered serve …`.

SIGUSR1: decide the commands in the file `commands` beside the data folder, one JSON array a line: the name of a command
and its fields. What was answered is written to `answers`, then moved there.
"""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import msgspec

from oncemq.cli.main import main
from oncemq.core import system_commands
from oncemq.engine.engine import Engine
from oncemq.server import Server

_open_doors = Server._open_doors


class _Asker:
    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self.answers: list[str] = []

    def deliver(self, output: Any) -> bool:
        self.answers.append(type(output).__name__)
        if len(self.answers) == self.count:
            (self.folder / "writing").write_text(json.dumps(self.answers))
            (self.folder / "writing").rename(self.folder / "answers")
        return True


async def _with_signal(self: Server, engine: Engine, connections: Any) -> Any:
    folder = Path(self.configuration.data).parent

    def decide() -> None:
        lines = (folder / "commands").read_text().splitlines()
        asker = _Asker(folder, len(lines))
        for line in lines:
            name, *fields = json.loads(line)
            kind = getattr(system_commands, name)
            named = dict(zip(kind.__struct_fields__, fields, strict=True))
            engine.submit(msgspec.convert(named, kind), asker)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, decide)
    return await _open_doors(self, engine, connections)


if __name__ == "__main__":
    Server._open_doors = _with_signal  # type: ignore[method-assign]
    main()
