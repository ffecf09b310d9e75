"""`oncemq` with short patience, for tests: `python -m tests.net.hasty serve …`.

What a server waits for a minute is given up after REQUEST_MS here.
"""

from functools import partial
from unittest import mock

from oncemq.cli import serve
from oncemq.cli.main import main
from oncemq.server import Server

IDLE_MS = 1_500
REQUEST_MS = 500

if __name__ == "__main__":
    with mock.patch.object(serve, "Server", partial(Server, idle_ms=IDLE_MS, request_ms=REQUEST_MS)):
        main()
