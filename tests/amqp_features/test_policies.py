"""Policies from the configuration file, as clients of both doors see them."""

from pathlib import Path

import pytest

from tests.amqp_clients.clients import bodies, connect
from tools.server_process import ServerDidNotStart, ServerProcess

LIMITS = """
[[policies]]
name = "limits"
pattern = "^work"
apply-to = "queues"
priority = 1
definition = { max-length = 2, dead-letter-exchange = "", dead-letter-routing-key = "dead" }

[[policies]]
name = "all"
pattern = ".*"
definition = { alternate-exchange = "spare", max-length = 100 }

[[policies]]
name = "ceiling"
pattern = "^work"
operator = true
definition = { max-length = 3 }
"""


def _start(folder: Path, settings: str) -> ServerProcess:
    file = folder / "oncemq.toml"
    file.write_text(settings)
    return ServerProcess(folder / "data", "--config", str(file), amqp_port=0).start()


def test_policies_of_the_file_hold_while_they_are_in_it(tmp_path: Path) -> None:
    server = _start(tmp_path, LIMITS)
    with connect(server) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("work.a", durable=True)
        channel.queue_declare("dead", durable=True)
        for body in (b"1", b"2", b"3"):
            channel.basic_publish("", "work.a", body)
        assert bodies(channel, "dead") == [b"1"]
        channel.exchange_declare("spare", "fanout", durable=True)
        channel.queue_bind("dead", "spare")
        channel.basic_publish("amq.direct", "nobody", b"lost", mandatory=True)
        assert bodies(channel, "dead") == [b"lost"]
        assert bodies(channel, "work.a") == [b"2", b"3"]
        channel.queue_declare("work.a", durable=True)
    assert server.stop() == 0
    server = _start(tmp_path, LIMITS[LIMITS.index('[[policies]]\nname = "ceiling"') :])
    with connect(server) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(4):
            channel.basic_publish("", "work.a", b"%d" % number)
        assert bodies(channel, "work.a") == [b"1", b"2", b"3"]
        assert bodies(channel, "dead") == []
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ("definition = { max-size = 1 }", "limits: max-size is not a recognised policy setting"),
        ("definition = { max-length = -1 }", "limits: max-length is a number from 0, not -1"),
        ('definition = { max-length = 1 }\napply-to = "things"', "limits: apply-to is one of"),
        ("", "missing required field"),
    ],
)
def test_a_policy_that_cannot_be_is_named_at_the_start(tmp_path: Path, definition: str, why: str) -> None:
    with pytest.raises(ServerDidNotStart, match=why):
        _start(tmp_path, f'[[policies]]\nname = "limits"\npattern = "."\n{definition}\n')
