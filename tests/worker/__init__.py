"""The worker library against real brokers and databases, killed and paused for real."""
