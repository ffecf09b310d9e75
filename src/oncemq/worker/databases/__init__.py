"""Databases, one a file. `opening` makes one from a URL."""
