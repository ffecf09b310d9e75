"""Celery with a real worker: retries, an ETA, priorities, groups, chains, control messages over rpc://; chords."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celery
import pytest

from tools.server_process import ServerProcess

TASKS = """
import os
from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["RESULTS"])
app.conf.task_queue_max_priority = 5
app.conf.broker_connection_retry_on_startup = True
app.conf.task_default_queue = __name__


@app.task
def add(a, b):
    return a + b


@app.task(bind=True, max_retries=3)
def stubborn(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task
def total(numbers):
    return sum(numbers)
"""


@contextmanager
def working(server: ServerProcess, folder: Path, results: str) -> Iterator[Any]:
    """A module of tasks, with a worker that runs."""
    name = f"shop_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(TASKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROKER", f"amqp://guest:guest@127.0.0.1:{server.amqp_port}//")
        patch.setenv("RESULTS", results)
        patch.syspath_prepend(str(folder))
        command = [sys.executable, "-m", "celery", "-A", name, "worker", "-n", f"{name}@%h", "-P", "threads", "-c", "2"]
        with (folder / "worker.log").open("wb") as log:
            worker = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield importlib.import_module(name)
        finally:
            worker.terminate()
            worker.wait(20)


@pytest.fixture(scope="module")
def tasks(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Results over rpc://."""
    with working(server, tmp_path_factory.mktemp("celery"), "rpc://") as found:
        yield found


@pytest.fixture(scope="module")
def chording_tasks(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Results in files: rpc:// does not do chords."""
    folder = tmp_path_factory.mktemp("chords")
    (folder / "results").mkdir()
    with working(server, folder, f"file://{folder}/results") as found:
        yield found


def test_results_come_back(tasks: Any) -> None:
    assert tasks.add.delay(2, 3).get(timeout=30) == 5
    assert [tasks.add.delay(number, 1) for number in range(20)][-1].get(timeout=20) == 20


def test_retries(tasks: Any) -> None:
    assert tasks.stubborn.delay().get(timeout=20) == 2


def test_an_eta_and_priorities(tasks: Any) -> None:
    assert tasks.add.apply_async((1, 1), countdown=1, priority=3).get(timeout=20) == 2


def test_groups_and_chains(tasks: Any) -> None:
    both = celery.group(tasks.add.s(1, 1), tasks.add.s(2, 2))
    assert both.apply_async().get(timeout=20) == [2, 4]
    assert celery.chain(tasks.add.s(1, 1), tasks.add.s(10)).apply_async().get(timeout=20) == 12


def test_chords(chording_tasks: Any) -> None:
    tasks = chording_tasks
    header = [tasks.add.s(number, number) for number in range(5)]
    assert celery.chord(header)(tasks.total.s()).get(timeout=60) == 20


def test_control_messages(tasks: Any) -> None:
    tasks.add.delay(1, 1).get(timeout=20)
    answers = tasks.app.control.ping(timeout=3)
    assert answers
    assert all(list(answer.values()) == [{"ok": "pong"}] for answer in answers)
