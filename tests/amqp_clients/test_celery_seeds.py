"""The book's Flask and Celery programs, unmodified, with real workers; results come back over rpc://."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.amqp_clients.clients import until
from tests.amqp_clients.test_seed_programs import PROGRAMS, usual_server
from tools.server_process import ServerProcess

RESULT = "Imagem processada com sucesso!"
WAITS = """
from {module} import {app}, processar_imagem
{app}.conf.result_backend = "rpc://"
print(processar_imagem.delay("http://localhost/a.png").get(timeout=40))
"""

pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason="the programs are not here")
server = usual_server


@contextmanager
def program(folder: Path, name: str, *arguments: str) -> Iterator[Path]:
    """A program of this environment, run beside the book's; where its output goes."""
    output = folder / f"{name}.log"
    environment = {**os.environ, "PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"}
    with output.open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield output
    finally:
        running.terminate()
        running.wait(20)


def worker(folder: Path, application: str) -> AbstractContextManager[Path]:
    """A worker of that application, whose results go over rpc://."""
    options = ("--result-backend", "rpc://", "worker", "-l", "info", "-P", "threads", "-c", "1")
    return program(folder, "worker", "celery", "-A", application, *options)


@pytest.mark.parametrize(("module", "app"), [("celery_tasks", "app"), ("celery_app", "celery")])
def test_a_result_comes_back(server: ServerProcess, tmp_path: Path, module: str, app: str) -> None:
    with worker(tmp_path, f"{module}.{app}"):
        done = subprocess.run(
            [sys.executable, "-c", WAITS.format(module=module, app=app)],
            env={**os.environ, "PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout.strip()) == (0, RESULT), done.stderr[-2000:]


def test_a_request_to_flask_is_worked_off(server: ServerProcess, tmp_path: Path) -> None:
    flask = ("flask", "--app", "celery_app", "run", "--port", "0")
    with worker(tmp_path, "celery_app.celery") as log, program(tmp_path, "flask", *flask) as said:
        url = until(lambda: [word for word in said.read_text().split() if word.startswith("http://127.0.0.1")], 30)[0]
        body = json.dumps({"imagem_url": "http://localhost/a.png"}).encode()
        asked = urllib.request.Request(f"{url}/api/processar", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            task = json.loads(answer.read())["task_id"]
            assert answer.status == 202
        until(lambda: [line for line in log.read_text().splitlines() if task in line and "succeeded" in line], 40)
