"""What a queue is told to do: one Struct of typed values that both doors read and write.

`text` keeps what a client wrote where it must come back letter for letter (policies, key names).
A change is a dict of field name to value; `changed` gives the settings after it.
"""

from typing import Any

import msgspec

STANDARD = "standard"
FIFO = "fifo"


class RedriveAllow(msgspec.Struct, frozen=True, array_like=True):
    """Which queues may name this one as their dead-letter queue: `allowAll`, `denyAll` or `byQueue`."""

    permission: str = "allowAll"
    sources: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """Times in milliseconds, sizes in bytes, names of queues within the same virtual host."""

    kind: str = STANDARD
    visibility_timeout_ms: int = 30_000
    delay_ms: int = 0
    retention_ms: int = 345_600_000
    """0: for ever."""
    receive_wait_ms: int = 0
    maximum_message_bytes: int = 1_048_576
    content_based_deduplication: bool = False
    deduplication_scope: str = "queue"
    """As shown: `queue` or `messageGroup`."""
    deduplicates_by_group: bool = False
    """As done: fixed when the queue is created, whatever `deduplication_scope` says later (as on SQS)."""
    deduplication_window_ms: int = 300_000
    throughput_limit: str = "perQueue"
    dead_letter_queue: str | None = None
    maximum_receives: int | None = None
    redrive_allow: RedriveAllow = RedriveAllow()
    policy: str = ""
    durable: bool = True
    """False: gone with the server that it was declared on."""
    exclusive: bool = False
    auto_delete: bool = False
    """Gone with its last consumer, once it had one."""
    expires_ms: int | None = None
    """Gone when it was not used for so long."""
    message_ttl_ms: int | None = None
    maximum_length: int | None = None
    maximum_bytes: int | None = None
    """Of ready messages, as they are stored."""
    overflow: str = "drop-head"
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    maximum_priority: int | None = None
    delivery_limit: int | None = None
    single_active_consumer: bool = False
    deduplicates: bool = False
    """Looks at the deduplication ids of what is published through AMQP. A FIFO queue does so anyway."""
    arguments: dict[str, Any] = {}
    """As declared through AMQP."""
    policy_name: str | None = None
    """Of the policies of the virtual host (`policies`), the one that it is under."""
    operator_policy_name: str | None = None
    own: dict[str, Any] = {}
    """Field → what the queue itself says of it, where a policy says otherwise."""
    text: dict[str, str] = {}
    """Attributes kept as written, by their SQS name."""

    @property
    def redrive_queue(self) -> str | None:
        """Where a message goes that was delivered `maximum_receives` times: by the SQS door's RedrivePolicy, or by the
        AMQP door's default exchange and routing key. None: nowhere, or where another exchange sends it.
        """
        if self.maximum_receives is None:
            return None
        if self.dead_letter_queue is not None:
            return self.dead_letter_queue
        return self.dead_letter_routing_key if self.dead_letter_exchange == "" else None

    @property
    def bounded(self) -> bool:
        """Whether the queue may come to hold too much."""
        return self.maximum_length is not None or self.maximum_bytes is not None

    @property
    def rejects(self) -> bool:
        """Whether it refuses what is too much."""
        return self.overflow != "drop-head" and self.bounded


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """The settings after `changes`. A value of None in `text` removes that text."""
    changes = dict(changes)
    if "text" in changes:
        merged = {**settings.text, **changes["text"]}
        changes["text"] = {name: value for name, value in merged.items() if value is not None}
    if isinstance(changes.get("redrive_allow"), (list, tuple)):
        permission, sources = changes["redrive_allow"]
        changes["redrive_allow"] = RedriveAllow(permission, tuple(sources))
    return msgspec.structs.replace(settings, **changes)
