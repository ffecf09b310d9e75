"""What was set is there after a restart and after a SIGKILL; the configuration changes what it names, and only that."""

import pika
import pytest
from pika.exceptions import ProbableAccessDeniedError, ProbableAuthenticationError

from tests.amqp_clients.clients import get, refusal
from tests.amqp_tenancy.conftest import Administered

ALL = [".*", ".*", ".*"]
PERSISTENT = pika.BasicProperties(delivery_mode=2)


def furnish(server: Administered) -> None:
    server.administer(
        ["SetHost", "made", "while it ran", ["a"]],
        ["SetPermission", "ben", "made", [".*", ".*", "^seen"]],
        ["SetTopicPermission", "ben", "made", "amq.topic", ["^ok", ""]],
        ["SetUser", "ben", "", ["management"]],
        ["DeleteHost", "shop"],
    )
    with server.connect("anna", "sécret") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("c-kept", durable=True)
    with server.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "c-kept", b"kept", PERSISTENT)


def looks_right(server: Administered) -> None:
    with server.connect("ben", "b", "made") as connection:
        channel = connection.channel()
        channel.queue_declare("seen")
        channel.basic_publish("amq.topic", "ok", b"")
        code, text = refusal(lambda: channel.basic_publish("amq.topic", "no", b"") or channel.basic_get("seen"))
        assert (code, "topic 'no'" in text) == (403, True)
        assert refusal(lambda: connection.channel().basic_get("other"))[0] == 403
    with pytest.raises(ProbableAccessDeniedError):
        server.connect("anna", "sécret", "made")
    with server.connect() as connection:
        channel = connection.channel()
        assert get(channel, "c-kept")[2] == b"kept"  # and not acknowledged


@pytest.mark.parametrize("kills", [False, True])
def test_all_is_there_again(own_server: Administered, kills: bool) -> None:
    furnish(own_server)
    for _ in range(3):
        if kills:
            own_server.kill()
        else:
            assert own_server.stop() == 0
        own_server.start()
        looks_right(own_server)
    assert own_server.stop() == 0
    assert "Traceback" not in own_server.log.read_text()


def test_the_file_changes_what_it_names_and_nothing_else(own_server: Administered) -> None:
    settings = own_server.data.parent / "oncemq.toml"
    own_server.administer(["SetPermission", "anna", "/", ALL], ["SetPermission", "anna", "shop", ALL])
    assert own_server.stop() == 0
    own_server.start()
    with own_server.connect("anna", "sécret") as connection:  # named, so set anew
        assert refusal(lambda: connection.channel().queue_declare("y"))[0] == 403
    own_server.connect("anna", "sécret", "shop").close()
    assert own_server.stop() == 0
    keys = settings.read_text().split("[[vhosts]]")[0]
    settings.write_text(keys + '[[users]]\nname = "new"\npassword = "n"\n')
    own_server.start()
    for user, password, host in (("ben", "b", "/"), ("anna", "sécret", "shop"), ("new", "n", "/")):
        own_server.connect(user, password, host).close()
    settings.write_text(keys)
    own_server.administer(["ClearPermission", "new", "/"])
    assert own_server.stop() == 0
    settings.write_text(keys + '[[users]]\nname = "new"\npassword = "other"\n')
    own_server.start()
    with pytest.raises(ProbableAuthenticationError):
        own_server.connect("new", "n")
    with pytest.raises(ProbableAccessDeniedError):  # all permissions in / are for users that are new
        own_server.connect("new", "other")
