"""Users, virtual hosts and permissions, with real clients against a real server."""
