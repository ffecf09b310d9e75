"""OnceMQ: a durable message queue server."""

__version__ = "0.1.0"
