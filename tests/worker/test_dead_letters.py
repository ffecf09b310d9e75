"""`oncemq dead-letters`, as processes, on both doors."""

import json
import subprocess
from typing import Any

import sqlalchemy as sa

from tests.worker.scene import DEADLINE_S, Scene, until
from tools.server_process import COMMAND


def call(scene: Scene, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status, and the lines of its output."""
    subcommand, *options = arguments
    done = subprocess.run(
        [str(COMMAND), "dead-letters", subcommand, "tests.worker.apps.orders:app", scene.queue, *options],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=scene.environment(),
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return done.returncode, lines


def test_dead_letters_are_listed_redriven_and_purged(each_scene: Scene) -> None:
    scene = each_scene
    sent = [scene.send({"id": number, "does": "reject-until-file"}) for number in range(3)]
    scene.worker()
    until(lambda: scene.depth("-dead") == 3, "three dead letters")
    _, listed = call(scene, "list")
    assert sorted(each["message_id"] for each in listed) == sorted(map(str, sent))
    assert {(each["reason"], each["attempts"], each["redrive"]) for each in listed} == {
        ("a bad order", 1, "would run again")
    }
    until(lambda: scene.depth("-dead") == 3, "they are there still")

    (scene.folder / "good").touch()
    assert call(scene, "redrive", "--id", str(sent[0]), "--rate", "100") == (0, [{"redriven": 1}])
    until(lambda: scene.charges(0) == 1, "it ran and was charged")
    assert scene.charges(1) == 0
    assert call(scene, "purge", "--id", str(sent[1])) == (0, [{"purged": 1}])
    until(lambda: scene.depth("-dead") == 1, "one is left")


def test_a_redrive_stops_when_they_fail_again(scene: Scene) -> None:
    for number in range(5):
        scene.send({"id": number, "does": "reject"})
    scene.worker()
    until(lambda: scene.depth("-dead") == 5, "five dead letters")
    status, _ = call(scene, "redrive", "--rate", "1")
    assert status == 1
    until(lambda: scene.depth("-dead") == 5, "all are dead again, or were not touched")
    assert len(scene.run_lines()) < 10


def test_a_dry_run_says_which_are_committed(scene: Scene) -> None:
    """Committed by hand here: as after a crash between a redrive's transaction and its acknowledgement."""
    sent = scene.send({"id": 1, "does": "reject"})
    scene.worker()
    until(lambda: scene.depth("-dead") == 1, "a dead letter")
    with scene.engine.begin() as connection:
        connection.execute(sa.text("UPDATE oncemq_inbox SET state = 'done'"))
    _, said = call(scene, "redrive", "--dry-run")
    assert [(each["message_id"], each["redrive"].split(":")[0]) for each in said] == [(sent, "is committed")]
    assert call(scene, "redrive") == (0, [{"redriven": 0}])
    until(lambda: scene.depth("-dead") == 0, "its dead letter is dropped")
    assert len(scene.run_lines("1 ")) == 1


def test_inbox_expires_before_a_redrive(scene: Scene) -> None:
    """Nobody can say whether it ran: refused."""
    scene.send({"id": 1, "does": "reject"})
    scene.worker()
    until(lambda: scene.depth("-dead") == 1, "a dead letter")
    with scene.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM oncemq_inbox"))
    _, said = call(scene, "redrive", "--dry-run")
    assert said[0]["redrive"].startswith("refused")
    assert call(scene, "redrive") == (0, [{"redriven": 0}])
    until(lambda: scene.depth("-dead") == 1, "it stays")
