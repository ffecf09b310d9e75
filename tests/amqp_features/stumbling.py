"""`oncemq` with a planted bug, for tests: `python -m tests.amqp_features.stumbling serve …`.

A message whose body says so cannot be shown to a consumer, nor a queue of that name be declared.
"""

from typing import Any

from oncemq.cli.main import main
from oncemq.core.model import Content
from oncemq.protocols.amqp import delivering
from oncemq.protocols.amqp.specification import queue

STUMBLING_BLOCK = "stumbling-block"

_parts_of = delivering.parts_of
_declare_ok = queue.QueueDeclareOk


def _stumbling_parts(content: Content, *more: Any) -> Any:
    if content.body == STUMBLING_BLOCK.encode():
        raise ValueError("a planted bug")
    return _parts_of(content, *more)


def _stumbling_ok(name: str, ready: int, consumers: int) -> Any:
    if name == STUMBLING_BLOCK:
        raise ValueError("a planted bug")
    return _declare_ok(name, ready, consumers)


if __name__ == "__main__":
    delivering.parts_of = _stumbling_parts  # type: ignore[assignment]
    queue.QueueDeclareOk = _stumbling_ok  # type: ignore[assignment,misc]
    main()
