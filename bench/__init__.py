"""Measurements: each figure as a ratio against a peer and a limit in one run."""
