"""The integration tests that clients bring along, unmodified: from the source releases of what is installed here.

pika's own are not among them: no source release of it carries tests (1.4, 1.3, 1.2 and 0.12 were looked into). What of
the others is left out stands beside each, with the reason.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.amqp_clients.languages import BUILD_SECONDS, build, need
from tests.amqp_tenancy.authority import Authority
from tools.server_process import ServerProcess

GO = Path(__file__).parent / "go"


class Secured(NamedTuple):
    """A server with a door for TLS, and the folder that the authority of its certificate is in."""

    server: ServerProcess
    authority: Authority


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server of this module's own: some suites leave queues behind."""
    need("openssl")
    folder = tmp_path_factory.mktemp("suites")
    authority = Authority(folder)
    certificate, key = authority.sign("/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    options = ("--tls-certificate", certificate, "--tls-key", key)
    running = ServerProcess(folder / "data", *options, amqp_port=0, amqps_port=0).start()
    yield Secured(running, authority)
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


def source(package: str, folder: Path, cache: Path) -> Path:
    """The source release of an installed package, unpacked; the archive stays in pytest's cache."""
    release = f"{package}-{version(package)}"
    archive = cache / f"{release}.tar.gz"
    if not archive.exists():
        wanted = f"{package}=={version(package)}"
        build(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", cache, wanted],
            folder,
        )
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / release


def passes(secured: Secured, folder: Path, tests: str, left_out: Sequence[str], least: int) -> None:
    """Those tests, run in the folder by a pytest of their own, pass; at least so many are run."""
    ports = {"RABBITMQ_5672_TCP": str(secured.server.amqp_port), "RABBITMQ_5671_TCP": str(secured.server.amqps_port)}
    deselected = [argument for name in left_out for argument in ("--deselect", f"{tests}::{name}")]
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore", "-o", "addopts="]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tests, *deselected],
        cwd=folder,
        env={**os.environ, "RABBITMQ_HOST": "127.0.0.1"} | ports,
        timeout=BUILD_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    count = int(done.stdout.splitlines()[-1].split(" passed")[0].split()[-1])
    assert count >= least, done.stdout


def test_py_amqp(secured: Secured, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folder = source("amqp", tmp_path, pytestconfig.cache.mkdir("sources"))
    certificates = folder / "t" / "certs"
    certificates.mkdir()
    shutil.copy(secured.authority.certificate, certificates / "ca_certificate.pem")
    for name, other in (("", ""), ("_broken", "another key")):
        certificate, key = secured.authority.sign("/CN=client")
        if other:
            _, key = secured.authority.sign(f"/CN={other}")
        shutil.copy(certificate, certificates / f"client_certificate{name}.pem")
        shutil.copy(key, certificates / f"client_key{name}.pem")
    elsewhere = ["test_tls_default_certs", "test_tls_no_default_certs_fails"]  # they talk to a host of the internet
    passes(secured, folder, "t/integration/test_rmq.py", elsewhere, least=25)


def test_kombu(secured: Secured, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    folder = source("kombu", tmp_path, pytestconfig.cache.mkdir("sources"))
    passes(secured, folder, "t/integration/test_py_amqp.py", [], least=45)


NEED_MANAGEMENT = (
    *("Publish", "Consume", "CustomSASLPlainAuth", "ChannelIDReservation", "LifeCycleNotifyStateChange"),
    *("CancelInterrupt", "ExclusiveQueue", "DeletedQueueSkip", "TopologyOnlyTransient", "MultiChannelTopology"),
    *("TopologyAllEnabled", "TopologyDisabled", "ExhaustionDoesNotPanic", "AutoDeleteTopologyForgotten"),
    *("AutoDeleteExchangeCascade", "SkipAndContinue", "ConsumerNotForgottenAfterFailedResubscribe"),
)
"""TestConnectionRecovery…: these end their connection through the management API, which is not there yet."""


def test_amqp091_go(secured: Secured, tmp_path: Path) -> None:
    need("go")
    shutil.copy(GO / "go.mod", tmp_path)
    shutil.copy(GO / "go.sum", tmp_path)
    module = subprocess.run(
        ["go", "mod", "download", "-json", "github.com/rabbitmq/amqp091-go"],
        cwd=tmp_path,
        timeout=BUILD_SECONDS,
        capture_output=True,
        text=True,
        check=True,
    )
    folder = tmp_path / "amqp091-go"
    fetched = next(line.split('"')[3] for line in module.stdout.splitlines() if '"Dir"' in line)
    shutil.copytree(fetched, folder, copy_function=shutil.copyfile)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    left_out = f"^TestConnectionRecovery({'|'.join(NEED_MANAGEMENT)})$"
    done = subprocess.run(
        ["go", "test", "-tags", "integration", "-count=1", "-v", "-skip", left_out, "."],
        cwd=folder,
        env={**os.environ, "AMQP_URL": f"amqp://guest:guest@127.0.0.1:{secured.server.amqp_port}/", "CGO_ENABLED": "0"},
        timeout=BUILD_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.lstrip().startswith(("--- FAIL", "panic"))]
    assert done.returncode == 0, f"{failed}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert done.stdout.count("\n--- PASS") >= 200
