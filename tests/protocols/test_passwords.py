"""Passwords: hashes that tell one from another, asked once for all who ask the same."""

from collections.abc import Callable
from typing import Any

import pytest

from oncemq.protocols import passwords
from oncemq.protocols.passwords import CHECKS_WAITING, Passwords, hash_password, matches

SALT = bytes(range(16))
HASH = hash_password("sécret", SALT)


class Line:
    """Jobs that wait until the test runs them."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []
        self.run_count = 0

    def run(self, job: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self.jobs.append((job, done))

    def work(self) -> None:
        while self.jobs:
            job, done = self.jobs.pop(0)
            self.run_count += 1
            done(job(), None)


def test_a_hash_is_of_its_password_and_its_salt() -> None:
    assert hash_password("sécret", SALT) == HASH
    assert hash_password("sécret", bytes(16)) != HASH
    assert "sécret" not in HASH
    assert matches("sécret", HASH)
    for other in ("", "secret", "sécret ", HASH):
        assert not matches(other, HASH)


@pytest.mark.parametrize("password_hash", ["", "sécret", "pbkdf2-sha256", "pbkdf2-sha256$1$2", "md5$1$2$3"])
def test_what_is_no_hash_matches_nothing(password_hash: str) -> None:
    for password in ("", "sécret", password_hash):
        assert not matches(password, password_hash)


def test_the_same_question_is_worked_on_once_and_remembered() -> None:
    line, heard = Line(), list[bool]()
    known = Passwords(bytes(32), line.run)
    for _ in range(5):
        known.check("sécret", HASH, heard.append)
    known.check("wrong", HASH, heard.append)
    assert (heard, len(line.jobs)) == ([], 2)
    line.work()
    assert (heard, line.run_count) == ([True] * 5 + [False], 2)
    known.check("sécret", HASH, heard.append)
    assert (heard[6:], line.jobs) == ([True], [])
    known.check("wrong", HASH, heard.append)
    assert len(line.jobs) == 1, "what was wrong is not remembered"


def test_a_new_hash_is_a_new_question() -> None:
    line, heard = Line(), list[bool]()
    known = Passwords(bytes(32), line.run)
    known.check("sécret", HASH, heard.append)
    line.work()
    known.check("sécret", hash_password("another", SALT), heard.append)
    line.work()
    assert heard == [True, False]


def test_without_a_hash_nobody_waits() -> None:
    line, heard = Line(), list[bool]()
    Passwords(bytes(32), line.run).check("", "", heard.append)
    assert (heard, line.jobs) == ([False], [])


def test_more_questions_than_can_be_worked_on_are_refused() -> None:
    line, heard = Line(), list[bool]()
    known = Passwords(bytes(32), line.run)
    for number in range(CHECKS_WAITING + 1):
        known.check(str(number), HASH, heard.append)
    assert (heard, len(line.jobs)) == ([False], CHECKS_WAITING)


def test_what_fails_lets_nobody_in() -> None:
    line, heard = Line(), list[bool]()
    Passwords(bytes(32), line.run).check("sécret", HASH, heard.append)
    line.jobs[0][1](None, MemoryError())
    assert heard == [False]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED", 1)
    line, heard = Line(), list[bool]()
    known = Passwords(bytes(32), line.run)
    for salt in (SALT, bytes(16), SALT):
        known.check("a", hash_password("a", salt), heard.append)
        line.work()
    assert (heard, line.run_count) == ([True] * 3, 3)
