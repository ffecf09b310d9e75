"""The worker library: effects of messages, exactly once in your database. docs/worker.md says what that means."""

from oncemq.worker.app import App
from oncemq.worker.consumer import Header
from oncemq.worker.context import Context
from oncemq.worker.middleware.middleware import Middleware
from oncemq.worker.outcomes import Reject, Retry, Skip
from oncemq.worker.retrying import Exponential

__all__ = ["App", "Context", "Exponential", "Header", "Middleware", "Reject", "Retry", "Skip"]
