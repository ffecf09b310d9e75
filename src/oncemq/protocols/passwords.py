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
COST, BLOCK, PARALLEL = 14, 8, 1
"""scrypt's parameters: 2^14 rounds of 16 MiB, some 50 ms."""
DIGEST_BYTES = 32
CHECKS_WAITING = 100
"""Different passwords waiting to be checked; one more is refused."""
REMEMBERED = 10_000

Run = Callable[[Callable[[], bool], Callable[[Any, BaseException | None], None]], None]
"""Runs a job off the loop, and then calls with its result on the loop."""


def hash_password(password: str, salt: bytes) -> str:
    """What is kept of a password. `salt` is random and its own."""
    return (
        f"scrypt${COST}${BLOCK}${PARALLEL}${b64encode(salt).decode()}${_digest(password, salt, COST, BLOCK, PARALLEL)}"
    )


def _digest(password: str, salt: bytes, cost: int, block: int, parallel: int) -> str:
    raw = password.encode("utf-8", "surrogatepass")
    memory = 2 * 128 * block * (1 << cost)
    return b64encode(
        hashlib.scrypt(raw, salt=salt, n=1 << cost, r=block, p=parallel, maxmem=memory, dklen=DIGEST_BYTES)
    ).decode()


def matches(password: str, password_hash: str) -> bool:
    """Whether it is the password that the hash was made of. Of an empty hash it never is."""
    kind, *rest = password_hash.split("$")
    if kind != "scrypt" or len(rest) != 5:
        return False
    cost, block, parallel, salt, digest = rest
    return hmac.compare_digest(_digest(password, b64decode(salt), int(cost), int(block), int(parallel)), digest)


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
