"""What a dead letter looks like: the body as it came, and headers that say what happened to it."""

import traceback
from typing import Final

from oncemq.worker.message import Outgoing
from oncemq.worker.outbox import message
from oncemq.worker.outcomes import Dead
from oncemq.worker.work import Work

REASON: Final = "x-oncemq-reason"
EXCEPTION: Final = "x-oncemq-exception"
STACK: Final = "x-oncemq-stack"
ATTEMPTS: Final = "x-oncemq-attempts"
SOURCE: Final = "x-oncemq-source"
CONSUMER: Final = "x-oncemq-consumer"
HEADERS: Final = (REASON, EXCEPTION, STACK, ATTEMPTS, SOURCE, CONSUMER)

STACK_CHARACTERS_MAX: Final = 8_000
REASON_CHARACTERS_MAX: Final = 1_000


def dead_letter(work: Work, decision: Dead) -> Outgoing:
    """For the consumer's dead-letter queue. It keeps the message id."""
    error = decision.error
    stack = "" if error is None else "".join(traceback.format_exception(error))
    told = {
        REASON: decision.reason[:REASON_CHARACTERS_MAX],
        EXCEPTION: "" if error is None else f"{type(error).__module__}.{type(error).__qualname__}",
        STACK: stack[-STACK_CHARACTERS_MAX:],
        ATTEMPTS: work.attempt,
        SOURCE: work.delivery.queue,
        CONSUMER: work.consumer.name,
    }
    delivery = work.delivery
    return message(
        work.consumer.dead_queue,
        delivery.body,
        message_id=work.message_id or None,
        headers=delivery.headers | told,
        ordering_key=delivery.ordering_key,
    )
