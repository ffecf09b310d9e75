"""Passwords: kept as salted hashes that are slow to make, so that a stolen journal does not give them away.

Slow is for those who guess, not for those who connect: a password that was right once is remembered, as a digest under
a key of this process, and the same question asked by a thousand connections at once is worked on once, off the loop.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from typing import Any

SALT_BYTES = 16
KIND = "pbkdf2-sha256"
ROUNDS = 200_000
"""Some 60 ms. scrypt would take 16 MiB besides, a third of what the server needs at rest."""
DIGEST_BYTES = 32
CHECKS_WAITING = 100
"""Different passwords waiting to be checked; one more is refused."""
REMEMBERED = 10_000

Run = Callable[[Callable[[], bool], Callable[[Any, BaseException | None], None]], None]
"""Runs a job off the loop, and then calls with its result on the loop."""


def hash_password(password: str, salt: bytes) -> str:
    """What is kept of a password. `salt` is random and its own."""
    return f"{KIND}${ROUNDS}${b64encode(salt).decode()}${_digest(password, salt, ROUNDS)}"


def _digest(password: str, salt: bytes, rounds: int) -> str:
    raw = password.encode("utf-8", "surrogatepass")
    return b64encode(hashlib.pbkdf2_hmac("sha256", raw, salt, rounds, DIGEST_BYTES)).decode()


def matches(password: str, password_hash: str) -> bool:
    """Whether it is the password that the hash was made of. Of an empty hash it never is."""
    kind, *rest = password_hash.split("$")
    if kind != KIND or len(rest) != 3:
        return False
    rounds, salt, digest = rest
    return hmac.compare_digest(_digest(password, b64decode(salt), int(rounds)), digest)


class Passwords:
    """Checks passwords against hashes. `secret` (32 random bytes) is this process's."""

    def __init__(self, secret: bytes, run: Run) -> None:
        self._secret, self._run = secret, run
        self._right: dict[str, bytes] = {}
        """Hash → digest of the password that was right."""
        self._waiting: dict[tuple[str, bytes], list[Callable[[bool], None]]] = {}

    def check(self, password: str, password_hash: str, done: Callable[[bool], None]) -> None:
        """Say whether it is the password: at once if it was before, else when it is known."""
        raw = password.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(raw, key=self._secret, digest_size=DIGEST_BYTES).digest()
        key = (password_hash, digest)
        if hmac.compare_digest(self._right.get(password_hash, b""), digest):
            done(True)
        elif key in self._waiting:
            self._waiting[key].append(done)
        elif not password_hash or len(self._waiting) >= CHECKS_WAITING:
            done(False)
        else:
            self._waiting[key] = [done]
            self._run(partial(matches, password, password_hash), partial(self._checked, key))

    def _checked(self, key: tuple[str, bytes], right: bool | None, error: BaseException | None) -> None:
        if right:
            if len(self._right) >= REMEMBERED:
                self._right.clear()
            self._right[key[0]] = key[1]
        for done in self._waiting.pop(key):
            done(bool(right))
