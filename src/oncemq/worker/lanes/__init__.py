"""Where handlers run: sync ones on threads, async ones on an event loop of their own."""
