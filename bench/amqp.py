"""AMQP: publish and confirm, consume, latency; in turn with RabbitMQ and with the limit, in one run."""

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import rabbitmq
from bench.processes import ROOT, Process
from bench.table import Row

SOURCE = ROOT / "bench" / "load" / "amqp_load.c"
RATE = re.compile(r"([\d.]+) msg/s")
LATENCY = re.compile(r"p50 ([\d.]+) .* p99 ([\d.]+) ")
WINDOW, PREFETCH = 1_000, 500


def load_generator(folder: str) -> str:
    """Build the neutral load generator."""
    rabbitmq.install()
    program = f"{folder}/amqp_load"
    subprocess.run(["cc", "-O2", "-o", program, str(SOURCE), "-lrabbitmq"], check=True)
    return program


def oncemq(data: str) -> Process:
    """This checkout's server, AMQP only."""
    command = [str(Path(sys.executable).parent / "oncemq"), "serve", "--data", data, "--log-level", "error"]
    return Process([*command, "--sqs-port", "off", "--amqp-port", "0"], r"amqp=amqp://127.0.0.1:(\d+)")


def limit() -> Process:
    """The limit."""
    return Process([sys.executable, str(ROOT / "bench" / "limit_amqp.py")], r"amqp://127.0.0.1:(\d+)")


def throughput(turns: int, messages: int) -> list[Row]:
    """Publish and confirm, then consume with one ack a message; 1 KiB and 100 bytes."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program = load_generator(folder)
        with oncemq(f"{folder}/data") as server, limit() as bare, rabbitmq.RabbitMq() as peer:
            ports = {"limit": (bare.url, 2), "oncemq": (server.url, 1), "rabbitmq": (str(peer.port), 0.2)}
            for size in (1024, 100):
                rows += _of_size(program, ports, size, turns, messages)
    return rows


def _of_size(program: str, ports: dict[str, tuple[str, float]], size: int, turns: int, messages: int) -> list[Row]:
    rates: dict[tuple[str, str], list[float]] = {}
    for turn in range(turns):
        for name, (port, share) in ports.items():
            count, queue = str(int(messages * share)), f"bench-{size}-{turn}"
            publish = [program, "publish", "127.0.0.1", port, queue, count, str(size), str(WINDOW), "1"]
            rates.setdefault((name, "publish"), []).append(_rate(publish))
            consume = [program, "consume", "127.0.0.1", port, queue, count, str(PREFETCH), "1"]
            rates.setdefault((name, "consume"), []).append(_rate(consume))
    rows = []
    for what in ("publish", "consume"):
        median = {name: statistics.median(rates[name, what]) for name in ports}
        times, share = median["oncemq"] / median["rabbitmq"], median["oncemq"] / median["limit"]
        shown = "publish and confirm" if what == "publish" else "consume, one ack each"
        ratio = f"{times:.1f} times RabbitMQ, {share:.2f} of the limit"
        beside = f"RabbitMQ {median['rabbitmq']:,.0f}/s, limit {median['limit']:,.0f}/s"
        reached = times >= 8 and share >= 0.5
        rows.append(Row(f"AMQP {shown}, {size} bytes", f"{median['oncemq']:,.0f}/s", ratio, "8, 0.50", beside, reached))
    return rows


def latency(turns: int, messages: int) -> list[Row]:
    """From publish to delivery at 5,000 messages a second."""
    with tempfile.TemporaryDirectory() as folder:
        program = load_generator(folder)
        found: dict[str, list[tuple[float, float]]] = {"oncemq": [], "rabbitmq": []}
        with oncemq(f"{folder}/data") as server, rabbitmq.RabbitMq() as peer:
            ports = {"oncemq": server.url, "rabbitmq": str(peer.port)}
            for turn in range(turns):
                for name, port in ports.items():
                    command = [program, "latency", "127.0.0.1", port, f"latency-{turn}", str(messages), "1024", "5000"]
                    found[name].append(_percentiles(command))
    rows = []
    for at, percentile in enumerate(("p50", "p99")):
        median = {name: statistics.median(each[at] for each in values) for name, values in found.items()}
        ratio = median["oncemq"] / median["rabbitmq"]
        beside = f"RabbitMQ {median['rabbitmq']:.2f} ms"
        what = f"AMQP latency at 5,000 messages/s, {percentile}"
        rows.append(Row(what, f"{median['oncemq']:.2f} ms", f"{ratio:.2f} of RabbitMQ's", "0.50", beside, ratio <= 0.5))
    return rows


def _rate(command: list[str]) -> float:
    found = RATE.search(_run(command))
    assert found is not None
    return float(found.group(1))


def _percentiles(command: list[str]) -> tuple[float, float]:
    found = LATENCY.search(_run(command))
    assert found is not None
    return float(found.group(1)), float(found.group(2))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout
