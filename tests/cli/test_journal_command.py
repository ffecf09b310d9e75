"""`oncemq journal verify` and `oncemq journal dump`, on folders that a real server left behind."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oncemq.journal.batch import BLOCK_BYTES, HEADER_BYTES
from tests.cli.commands import oncemq, refusal
from tools.demo.sqs_clients import connect
from tools.server_process import COMMAND, ServerProcess, environment

MESSAGES = 30
SMALL_CHECKPOINTS = ("--checkpoint-bytes", "40000")
"""One in ten batches of 4 KiB, so that the last batch is in none."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose server was killed after some sends, a receive and a delete, with checkpoints on the way."""
    server = ServerProcess(tmp_path_factory.mktemp("written") / "data", *SMALL_CHECKPOINTS).start()
    fill(server)
    server.kill()
    return server.data


def fill(server: ServerProcess) -> None:
    sqs = connect(server.url)
    queue = sqs.create_queue(QueueName="pedidos")["QueueUrl"]
    for number in range(MESSAGES):
        sqs.send_message(QueueUrl=queue, MessageBody=f"olá {number}")
    received = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(written, tmp_path / "data"))


def image(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def facts(out: str) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    return {line[0]: line[1] if len(line) > 1 else "" for line in lines}


def dumped(folder: Path, *options: str) -> list[dict[str, Any]]:
    ended = oncemq("journal", "dump", *options, folder)
    assert (ended.status, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def damage(folder: Path, batch: int) -> tuple[str, int]:
    """Turn a bit in the payload of a batch; its segment and offset."""
    path = next(path for path in sorted(folder.iterdir()) if path.name.startswith("segment-"))
    data = bytearray(path.read_bytes())
    at = (batch - 1) * BLOCK_BYTES  # small batches, one a block
    assert data[at : at + 4] == b"OMQB"
    data[at + HEADER_BYTES + 3] ^= 1
    path.write_bytes(data)
    return path.name, at


def test_verify_counts_what_is_there_and_changes_nothing(folder: Path) -> None:
    before = image(folder)
    ended = oncemq("journal", "verify", folder)
    assert (ended.status, ended.err) == (0, "")
    found = facts(ended.out)
    assert ended.out.splitlines()[-1] == "whole"
    assert f"Published {MESSAGES}" in found["records"]
    assert "Delivered 1" in found["records"] and "Removed 1" in found["records"]
    assert found["contents"].startswith(f"{MESSAGES}, ")
    assert "as after batch" in found["checkpoint"]
    assert image(folder) == before


def test_an_empty_folder_is_whole(tmp_path: Path) -> None:
    ended = oncemq("journal", "verify", tmp_path)
    assert ended.status == 0
    assert facts(ended.out)["batches"] == "0, 0 bytes"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["verify", "dump"])
def test_no_folder_is_made_where_none_is(tmp_path: Path, command: str) -> None:
    ended = oncemq("journal", command, tmp_path / "none")
    assert refusal(ended) == f"{tmp_path / 'none'}: No such file or directory"
    assert ended.status == 2
    assert list(tmp_path.iterdir()) == []


def test_verify_shows_where_a_torn_tail_begins(folder: Path) -> None:
    last = int(facts(oncemq("journal", "verify", folder).out)["batches"].split("to ")[1].split(",")[0])
    name, offset = damage(folder, last)
    ended = oncemq("journal", "verify", folder)
    assert ended.status == 0
    assert f"tail    {name}, offset {offset}: the next start cuts it there" in ended.out


@pytest.mark.parametrize("command", ["verify", "dump"])
def test_corruption_is_shown_with_its_place(folder: Path, command: str) -> None:
    name, offset = damage(folder, 5)
    ended = oncemq("journal", command, folder)
    assert ended.status == 1
    assert f"{name}, offset {offset}, batch 5" in ended.out + ended.err
    assert "Traceback" not in ended.err
    if command == "dump":
        assert [json.loads(line)["batch"] for line in ended.out.splitlines()][-1] == 4


def test_a_damaged_checkpoint_is_corruption(folder: Path) -> None:
    # The data of the published checkpoint: an older file may begin with a piece that was written again since, and a
    # newer one belong to a checkpoint that the kill interrupted.
    published = max(folder.glob("checkpoint-*.manifest"), key=lambda path: path.stat().st_mtime_ns)
    data = published.with_suffix(".data")
    data.write_bytes(b"?" + data.read_bytes()[1:])
    ended = oncemq("journal", "verify", folder)
    assert ended.status == 1
    assert data.name in ended.out
    assert ended.out.splitlines()[-1] == "CORRUPT"


def test_dump_prints_a_line_a_record(folder: Path) -> None:
    before = image(folder)
    lines = dumped(folder)
    first = ["IdentitySet", "HostCreated", "ServerStarted", "UserSet", "PermissionSet", "QueueCreated"]
    assert [line["record"] for line in lines[:6]] == first
    assert (lines[3]["name"], lines[3]["password_hash"]) == ("guest", "(not shown)")
    assert lines[5]["name"] == "pedidos"
    assert lines[0]["identity_key"].startswith("(32 bytes")
    published = [line for line in lines if line["record"] == "Published"]
    assert len(published) == MESSAGES
    assert set(published[0]["contents"][0]) == {"position", "length"}
    assert all(line["time"].endswith("Z") and line["batch"] >= 1 for line in lines)
    assert image(folder) == before


def test_dump_shows_contents_when_asked(folder: Path) -> None:
    bodies = [line["contents"][0]["text"] for line in dumped(folder, "--contents") if line["record"] == "Published"]
    assert bodies == [f"olá {number}" for number in range(MESSAGES)]


@pytest.mark.parametrize("command", ["verify", "dump"])
def test_a_pipe_that_nobody_reads_any_more_is_no_error(folder: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            [COMMAND, "journal", command, folder], stdout=pipe, stderr=subprocess.PIPE, env=environment(), timeout=30
        )
    assert done.stderr == b""


def test_a_server_does_not_start_on_a_corrupt_journal(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    fill(server)
    server.kill()
    name, offset = damage(server.data, MESSAGES)
    before = image(server.data)
    ended = oncemq("serve", "--sqs-port", "0", "--data", server.data)
    assert f"the journal is corrupt: {name}, offset {offset}, batch {MESSAGES}: " in refusal(ended)
    assert ended.status == 1
    after = image(server.data)
    assert {file: data for file, (data, _) in after.items() if file != "lock"} == {
        file: data for file, (data, _) in before.items() if file != "lock"
    }


@pytest.mark.parametrize("command", ["verify", "dump"])
def test_a_folder_that_a_server_holds_is_not_looked_at(tmp_path: Path, command: str) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        ended = oncemq("journal", command, server.data)
        assert f"{server.data} is in use by process {server.process_id}: stop it first" in refusal(ended)
        assert ended.status == 2
    finally:
        assert server.stop() == 0
    assert oncemq("journal", command, server.data).status == 0


def test_a_server_does_not_start_while_its_folder_is_looked_at(folder: Path) -> None:
    handle = os.open(folder / "lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        assert refusal(oncemq("serve", "--sqs-port", "0", "--data", folder)) == f"{folder} is in use by another process"
        assert oncemq("journal", "verify", folder).status == 0
    finally:
        os.close(handle)
