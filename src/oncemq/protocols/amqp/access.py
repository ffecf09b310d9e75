"""What the user of a connection may do, as the core last said it. What was found out of a name is remembered, so a
message costs no more than a look into a dictionary; when the core says anew, all is forgotten.
"""

import re
from collections.abc import Sequence

from oncemq.core.system_outputs import Granted
from oncemq.core.system_refusals import AccessRefused, TopicAccessRefused
from oncemq.protocols.amqp import refusals
from oncemq.protocols.amqp.errors import Access as Kind
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.errors import Kind as What

IMPERSONATOR = "impersonator"
"""The tag with which a user may publish under another's user-id."""
DEFAULT_EXCHANGE_SHOWN = "amq.default"
NAMES_REMEMBERED = 1_000
"""Of each kind of access; when there are more, all are forgotten."""


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern or "^$")
    except re.error:  # what a name was put into: nothing matches
        return None


def _matches(pattern: re.Pattern[str] | None, name: str) -> bool:
    return pattern is not None and pattern.search(name) is not None


class Access:
    """The rights of one user in one virtual host."""

    __slots__ = ("_patterns", "_permitted", "host", "impersonates", "topics", "user", "writable")

    def __init__(self, user: str, host: str, granted: Granted) -> None:
        self.user, self.host = user, host
        self.impersonates = IMPERSONATOR in granted.tags
        given = granted.permission
        self._patterns: dict[Kind, re.Pattern[str] | None] = {}
        if given is not None:
            self._patterns = {
                "configure": _compiled(given.configure),
                "write": _compiled(given.write),
                "read": _compiled(given.read),
            }
        self._permitted: dict[Kind, dict[str, bool]] = {"configure": {}, "write": {}, "read": {}}
        self.writable = self._permitted["write"]
        """Name → whether it may be written, as far as it was found out: what a publish looks at first."""
        self.topics: dict[tuple[Kind, str], re.Pattern[str] | None] = {}
        for exchange, topic in granted.topics.items():
            self.topics["write", exchange] = _compiled(self._with_names(topic.write))
            self.topics["read", exchange] = _compiled(self._with_names(topic.read))

    def _with_names(self, pattern: str) -> str:
        """RabbitMQ's variables in patterns of topic permissions."""
        return pattern.replace("{username}", re.escape(self.user)).replace("{vhost}", re.escape(self.host))

    def permits(self, access: Kind, name: str) -> bool:
        """Whether a queue or an exchange of this name may be configured, written or read."""
        remembered = self._permitted[access]
        permitted = remembered.get(name)
        if permitted is None:
            if len(remembered) >= NAMES_REMEMBERED:
                remembered.clear()
            permitted = remembered[name] = _matches(self._patterns.get(access), name or DEFAULT_EXCHANGE_SHOWN)
        return permitted

    def check(self, access: Kind, what: What, name: str) -> None:
        """FrameFault 403: it may not be."""
        if not self.permits(access, name):
            raise FrameFault(refusals.access_refused(access, what, name, self.host, self.user))

    def refusal(self, access: Kind, what: What, name: str) -> AccessRefused | None:
        """The same as a value, for the core to answer where it is called for."""
        return None if self.permits(access, name) else AccessRefused(access, what, name, self.user)

    def topic_refusal(self, access: Kind, exchange: str, keys: Sequence[str]) -> TopicAccessRefused | None:
        """What the core is to answer if this is a topic exchange; None: all of the keys may be."""
        if (access, exchange) not in self.topics:
            return None
        pattern = self.topics[access, exchange]
        for key in keys:
            if not _matches(pattern, key):
                return TopicAccessRefused(access, key, exchange, self.user)
        return None


NOTHING = Access("", "", Granted([], None, {}))
"""Of a connection that is not open yet."""
