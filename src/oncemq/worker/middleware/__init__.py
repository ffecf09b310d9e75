"""What happens around a handler, one behaviour a file. `middleware.py` says what one can do."""
