"""The states of a connection: what it waits for."""

HEADER, START, SECURE, TUNE, OPEN, RUNNING, CLOSING, CLOSED = range(8)
"""A protocol header, start-ok, word on who it is, tune-ok, open (and word on whether it may); then channels; close-ok;
nothing more.
"""
NAMES = ("pre_init", "starting", "securing", "tuning", "opening", "running", "closing", "closed")
"""As RabbitMQ calls them."""
