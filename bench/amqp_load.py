"""The AMQP load generators, and what a turn of them costs the server."""

import contextlib
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel

from bench import rabbitmq
from bench.processes import ROOT, Process, oncemq_amqp

LOAD = ROOT / "bench" / "load"
LINE = re.compile(r"(\d+) messages ([\d.]+) s")
TIMEOUT_SECONDS = 180
END_SECONDS = 2
WINDOW, PREFETCH = 1_000, 500
ONCEMQ, RABBITMQ, LIMIT = "oncemq", "rabbitmq", "limit"


class Turn(msgspec.Struct):
    """`cpu_seconds`: what the server's processes used of it."""

    messages: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of a core a message."""
        return self.cpu_seconds / self.messages * 1e6


def rate(turns: Iterable[Turn]) -> float:
    """Messages a second, the median."""
    return statistics.median(turn.per_second for turn in turns)


def cost(turns: Iterable[Turn]) -> float:
    """Microseconds of a core a message, the median."""
    return statistics.median(turn.cpu_us for turn in turns)


class Contender:
    """A server under load."""

    def __init__(self, name: str, port: int, server: Process | rabbitmq.RabbitMq, programs: Path) -> None:
        self.name, self.port, self.server, self.programs = name, port, server, programs

    def command(self, program: str, what: str, *arguments: object) -> list[str]:
        """A call of a generator."""
        return [str(self.programs / program), what, "127.0.0.1", str(self.port), *map(str, arguments)]

    def publish(self, queue: str, count: int, size: int, window: int = WINDOW) -> Turn:
        """Publish and confirm that many persistent messages."""
        return self._turn(self.command("amqp_load", "publish", queue, count, size, window, 1))

    def consume(self, queue: str, count: int) -> Turn:
        """Take that many with one acknowledgement each."""
        return self._turn(self.command("amqp_load", "consume", queue, count, PREFETCH, 1))

    def both(self, queue: str, count: int, size: int) -> Turn:
        """Publish and consume that many at once; the time is the consumer's."""
        publish = self.command("amqp_load", "publish", queue, count, size, WINDOW, 1)
        return self._turn(self.command("amqp_load", "consume", queue, count, PREFETCH, 1), publish)

    def publish_for(self, seconds: float, size: int, **options: object) -> Turn:
        """Publish for a time, with what amqp_turns.c knows as options."""
        given = (f"{name}={value}" for name, value in options.items())
        return self._turn(self.command("amqp_turns", "publish", seconds, WINDOW, size, *given))

    def consume_by(self, queue: str, count: int, prefetch: int, connections: int, ack_every: int) -> Turn:
        """Take that many with several consumers."""
        command = self.command("amqp_turns", "consume", queue, count, prefetch, connections, ack_every)
        return self._turn(command)

    def _turn(self, command: list[str], beside: list[str] | None = None) -> Turn:
        before = self.server.cpu_seconds()
        if beside is None:
            messages, seconds = _said(command)
        else:
            with subprocess.Popen(beside, stdout=subprocess.DEVNULL) as other:
                try:
                    messages, seconds = _said(command)
                    _end(other)
                finally:
                    other.kill()
        return Turn(messages, seconds, self.server.cpu_seconds() - before)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """To declare and delete what a turn needs."""
        parameters = pika.ConnectionParameters("127.0.0.1", self.port, heartbeat=0, socket_timeout=60)
        with pika.BlockingConnection(parameters) as connection:
            yield connection.channel()


def _end(publisher: subprocess.Popen[bytes]) -> None:
    """All that it published was consumed. amqp_load counts confirms as if they came in order; with a consumer beside
    it RabbitMQ confirms some early, and then amqp_load may wait for ever.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        if publisher.wait(END_SECONDS):
            raise RuntimeError("the publisher failed")


def _said(command: list[str]) -> tuple[int, float]:
    found = LINE.search(run(command))
    assert found is not None
    return int(found[1]), float(found[2])


def run(command: list[str]) -> str:
    """What a generator prints. RuntimeError if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


@contextmanager
def contenders() -> Iterator[dict[str, Contender]]:
    """OnceMQ and RabbitMQ, fresh, and the generators built."""
    rabbitmq.install()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for program in ("amqp_load", "amqp_turns"):
            build = ["cc", "-O2", "-o", f"{folder}/{program}", str(LOAD / f"{program}.c"), "-lrabbitmq"]
            subprocess.run(build, check=True)
        own = stack.enter_context(oncemq_amqp(f"{folder}/data"))
        peer = stack.enter_context(rabbitmq.RabbitMq())
        yield {
            ONCEMQ: Contender(ONCEMQ, int(own.url), own, Path(folder)),
            RABBITMQ: Contender(RABBITMQ, peer.port, peer, Path(folder)),
        }


def in_turn(
    servers: dict[str, Contender], turns: int, turn: Callable[[Contender], Turn | None]
) -> dict[str, list[Turn]]:
    """Each server once a turn, in the same order. None: the server cannot do it."""
    found: dict[str, list[Turn]] = {}
    for _ in range(turns):
        for name, server in servers.items():
            given = turn(server)
            if given is not None:
                found.setdefault(name, []).append(given)
    return found
