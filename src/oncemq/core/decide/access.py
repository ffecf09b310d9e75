"""Whether a caller of another account may do this to a queue, by the queue's policy."""

from oncemq.core.host import Host
from oncemq.core.policy import allows
from oncemq.core.queue import Queue
from oncemq.core.refusals import AccessDenied


def refused_access(host: Host, queue: Queue, caller: str, action: str) -> AccessDenied | None:
    """None if the caller may: it owns the queue, or the policy allows it and nothing there denies it."""
    if caller == host.account or allows(queue.settings.policy, caller, action, queue.name):
        return None
    return AccessDenied(caller, action, queue.name)
