"""Applications that worker processes of the tests run."""
