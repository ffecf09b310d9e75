"""Programs for developers: the demonstration and code generators."""
