"""Identifiers that clients see: numbers of the core under the server's identity key.

A MessageId is a UUID that nobody can guess or turn back into a number. A receipt handle holds the numbers of a lease
and a code that only this server can make, bound to the virtual host, so a made-up or foreign handle is told from a
stale one without looking at any queue.
"""

import base64
import binascii
import hmac
from hashlib import blake2b
from struct import Struct

import msgspec

from oncemq.core.commands import Lease

_LEASE = Struct(">QQQ")
_NUMBER = Struct(">Q")
_HANDLE_BYTES = 32
_CODE_BYTES = 8
_HANDLE_CHARACTERS = 44
_HOSTS_CACHED = 1_024


class TaskHandle(msgspec.Struct):
    """What a task handle says, as AWS writes it: base64 of this in JSON."""

    taskId: str  # noqa: N815 (AWS's name)
    sourceArn: str  # noqa: N815


class HostIdentity:
    """Identifiers of one virtual host."""

    def __init__(self, key: bytes, host: str) -> None:
        self._message = blake2b(host.encode(), key=key, digest_size=16, person=b"oncemq message")
        self._lease = blake2b(host.encode(), key=key, digest_size=_CODE_BYTES, person=b"oncemq lease")
        self._task = blake2b(host.encode(), key=key, digest_size=_CODE_BYTES, person=b"oncemq task")

    def message_id(self, message: int) -> str:
        """The MessageId of a message number: a version 4 UUID in text."""
        digest = self._message.copy()
        digest.update(_NUMBER.pack(message))
        text = digest.hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def receipt_handle(self, lease: Lease) -> str:
        """The handle of a lease: 44 characters of base64."""
        packed = _LEASE.pack(lease.queue, lease.entry, lease.token)
        code = self._lease.copy()
        code.update(packed)
        return binascii.b2a_base64(packed + code.digest(), newline=False).decode("ascii")

    def lease(self, handle: str) -> Lease | None:
        """The lease that a handle of this host names; None when the handle is malformed or not ours."""
        if len(handle) != _HANDLE_CHARACTERS:
            return None
        try:
            raw = binascii.a2b_base64(handle, strict_mode=True)
        except ValueError:
            return None
        if len(raw) != _HANDLE_BYTES:
            return None
        code = self._lease.copy()
        code.update(raw[:24])
        if not hmac.compare_digest(code.digest(), raw[24:]):
            return None
        queue, entry, token = _LEASE.unpack_from(raw)
        return Lease(queue, entry, token)

    def task_handle(self, task: int, source_arn: str) -> str:
        """The handle of a move task of the queue `source_arn`."""
        text = TaskHandle(taskId=self._task_id(task), sourceArn=source_arn)
        return base64.b64encode(msgspec.json.encode(text)).decode("ascii")

    def task(self, task_id: str) -> int | None:
        """The number of a move task, or None when the identifier is not ours."""
        try:
            task = int(task_id[:16], 16)
        except ValueError:
            return None
        if not 0 <= task < 1 << 64 or not hmac.compare_digest(self._task_id(task).encode(), task_id.encode()):
            return None
        return task

    def _task_id(self, task: int) -> str:
        packed = _NUMBER.pack(task)
        code = self._task.copy()
        code.update(packed)
        return (packed + code.digest()).hex()


class Identity:
    """Identifiers of all virtual hosts, made from the identity key (32 bytes) kept in the journal."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._hosts: dict[str, HostIdentity] = {}

    def of_host(self, host: str) -> HostIdentity:
        """The identifiers of `host`, kept for the next request."""
        identity = self._hosts.get(host)
        if identity is None:
            if len(self._hosts) >= _HOSTS_CACHED:
                self._hosts.clear()
            identity = self._hosts[host] = HostIdentity(self._key, host)
        return identity


def sequence_number(message: int) -> str:
    """The SequenceNumber of a message number: 20 digits that grow with it."""
    return f"{message:020d}"


def read_task_handle(handle: str) -> TaskHandle | None:
    """What a task handle says; None when it is not a task handle at all."""
    try:
        return msgspec.json.decode(base64.b64decode(handle, validate=True), type=TaskHandle)
    except (ValueError, RecursionError):
        return None
