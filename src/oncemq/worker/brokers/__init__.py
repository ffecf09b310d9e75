"""Brokers, one a file. `opening` makes one from a URL."""
