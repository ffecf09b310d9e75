"""What is refused of users, virtual hosts and permissions."""

from oncemq.core.refusals import Refusal


class UserDoesNotExist(Refusal, frozen=True):
    user: str


class HostDoesNotExist(Refusal, frozen=True):
    host: str


class HostAccessRefused(Refusal, frozen=True):
    """The user has no permission in the virtual host."""

    host: str
    user: str


class InvalidPattern(Refusal, frozen=True):
    """No regular expression; `why` says where."""

    pattern: str
    why: str


class InvalidName(Refusal, frozen=True):
    """`what` is user, vhost, tag or exchange: empty or too long."""

    what: str
    name: str


class TooManyUsers(Refusal, frozen=True):
    maximum: int


class TooManyHosts(Refusal, frozen=True):
    maximum: int


class AccessRefused(Refusal, frozen=True):
    """The permission does not match the name. `access` is configure, write or read; `kind` queue or exchange."""

    access: str
    kind: str
    name: str
    user: str


class TopicAccessRefused(Refusal, frozen=True):
    """The topic permission does not match the routing key."""

    access: str
    routing_key: str
    exchange: str
    user: str
